//! Finds a Cargo that can compile for `wasm32-unknown-unknown`: rustup's where the target is installed, else Debian's `rustc-web`,
//! which brings the standard library's source and compiles it on the way. It installs nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Guests import only what the WIT names; every other target's standard library imports a dozen WASI interfaces.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// A way to compile plugins. Its `Display` says which was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The `cargo` of the path, with the target installed.
    Installed,
    /// Debian's `rustc-web`, `cargo-web` and `rust-web-src`: the standard library is compiled too.
    Debian {
        /// A linker for WebAssembly.
        linker: PathBuf,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed => write!(f, "cargo with the installed target {TARGET}"),
            Self::Debian { linker } => {
                write!(f, "/usr/bin/cargo, which compiles the standard library from source, with the linker {}", linker.display())
            }
        }
    }
}

impl Toolchain {
    /// Looks for one.
    pub(super) fn find() -> Result<Self, Error> {
        let libraries = answer(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
        if libraries.is_some_and(|folder| has_files(Path::new(&folder))) {
            return Ok(Self::Installed);
        }
        let problem = match (debian_source(), find_linker()) {
            (true, Some(linker)) => return Ok(Self::Debian { linker }),
            (true, None) => "there is no linker for WebAssembly; run: apt install lld",
            _ => {
                "there is no standard library for it; run: rustup target add wasm32-unknown-unknown, \
                 or on Debian: apt install rustc-web cargo-web rust-web-src"
            }
        };
        Err(Error::Build { folder: PathBuf::from(TARGET), problem: problem.to_owned() })
    }

    pub(super) fn cargo(&self) -> Command {
        let mut command = match self {
            Self::Installed => Command::new("cargo"),
            Self::Debian { linker } => {
                let mut command = Command::new("/usr/bin/cargo");
                // build-std is unstable; these two make a stable compiler accept it.
                command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        };
        // Flags meant for the host would break the guest, or compile its standard library anew.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(variable);
        }
        command
    }

    pub(super) fn cargo_arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Installed => &[],
            Self::Debian { .. } => &["-Z", "build-std=std,panic_abort"],
        }
    }

    /// The folder of the workspace that a crate belongs to; its own if it is alone.
    pub(super) fn workspace(&self, folder: &Path) -> Result<PathBuf, Error> {
        let mut command = self.cargo();
        command.args(["locate-project", "--workspace", "--message-format", "plain", "--manifest-path"]).arg(folder.join("Cargo.toml"));
        let manifest = answer(&mut command).map(PathBuf::from);
        let found = manifest.and_then(|manifest| manifest.parent().map(Path::to_owned));
        found.ok_or_else(|| Error::Build {
            folder: folder.to_owned(),
            problem: "cargo cannot read its Cargo.toml; run: cargo metadata there".to_owned(),
        })
    }
}

fn debian_source() -> bool {
    let sysroot = answer(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]));
    let source = |sysroot: String| Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    Path::new("/usr/bin/cargo").is_file() && sysroot.map(source).is_some_and(|source| source.is_file())
}

/// rustup's own LLD, Debian's, or LLVM's of the path. Its path is part of Cargo's fingerprint, so the order is fixed.
fn find_linker() -> Option<PathBuf> {
    let sysroots = [
        answer(Command::new("rustup").args(["run", "stable", "rustc", "--print", "sysroot"])),
        answer(Command::new("rustc").args(["--print", "sysroot"])),
        answer(Command::new("/usr/bin/rustc").args(["--print", "sysroot"])),
    ];
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let own = sysroots.into_iter().flatten().map(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(&host).join("bin/rust-lld"));
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&folders).map(|folder| folder.join("wasm-ld")).collect::<Vec<_>>();
    own.chain(in_path).find(|linker| linker.is_file())
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// The first line that a command prints; none if it cannot be run or fails.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.lines().next()?.to_owned())
}
