//! Rust: one run of Cargo for each workspace, whose messages go to standard error. What compiles at all is `toolchain.rs`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Source;
use super::toolchain::{self, Toolchain};
use crate::Error;

/// Compiles some crates; gives the module of each with its source.
pub(super) fn compile(toolchain: &Toolchain, sources: Vec<Source>) -> Result<Vec<(Source, Vec<u8>)>, Error> {
    let mut workspaces: BTreeMap<PathBuf, Vec<(String, Source)>> = BTreeMap::new();
    for source in sources {
        let name = crate_name(&source.folder)?;
        workspaces.entry(toolchain.workspace(&source.folder)?).or_default().push((name, source));
    }
    let mut compiled = Vec::new();
    for (workspace, sources) in workspaces {
        let modules = compile_workspace(toolchain, &workspace, &sources)?;
        for (name, source) in sources {
            let Some(module) = modules.get(&name) else {
                let problem = "cargo made no .wasm file of it; add crate-type = [\"cdylib\"] to [lib] in Cargo.toml".to_owned();
                return Err(Error::Build { folder: source.folder, problem });
            };
            let module = std::fs::read(module).map_err(Error::file("read module", module))?;
            compiled.push((source, module));
        }
    }
    Ok(compiled)
}

fn crate_name(folder: &Path) -> Result<String, Error> {
    let fail = |problem: String| Error::Build { folder: folder.to_owned(), problem };
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let cargo: toml::Table = text.parse().map_err(|error: toml::de::Error| fail(format!("Cargo.toml: {}", error.message())))?;
    let name = cargo.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| fail("its Cargo.toml has no [package] name".to_owned()))
}

/// Runs Cargo once; gives the module of each crate.
fn compile_workspace(toolchain: &Toolchain, workspace: &Path, sources: &[(String, Source)]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let fail = |problem: String| Error::Build { folder: workspace.to_owned(), problem };
    let mut command: Command = toolchain.cargo();
    command.args(["build", "--release", "--target", toolchain::TARGET, "--message-format", "json-render-diagnostics"]);
    command.args(toolchain.cargo_arguments());
    command.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    command.arg("--target-dir").arg(target_dir(workspace, std::env::var_os("CARGO_TARGET_DIR")));
    for (name, _) in sources {
        command.args(["--package", name]);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| fail(format!("cannot run cargo: {error}")))?;
    if !output.status.success() {
        return Err(fail(format!("cargo ended with {}; its messages stand above", output.status)));
    }
    let mut modules = BTreeMap::new();
    for line in output.stdout.split(|&byte| byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let folder = message["manifest_path"].as_str().and_then(|path| Path::new(path).parent());
        let Some((name, _)) = sources.iter().find(|(_, source)| Some(source.folder.as_path()) == folder) else { continue };
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        if let Some(module) = files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
            modules.insert(name.clone(), module);
        }
    }
    Ok(modules)
}

/// Where wasm is compiled: `wasm` in the nearest target folder within the repository, so that all plugins of it share one compiled
/// standard library (173 s of CPU), but not that folder itself, whose lock a build of the host holds.
/// `chosen` is `CARGO_TARGET_DIR`.
pub(super) fn target_dir(workspace: &Path, chosen: Option<OsString>) -> PathBuf {
    if let Some(folder) = chosen {
        return PathBuf::from(folder).join("wasm");
    }
    // A folder that `cepmon plugin new` made stands alone; its like share what they compile in the user's cache.
    let is_new = workspace.join(".cepmon/sdk").is_dir();
    for folder in workspace.ancestors().skip(usize::from(is_new)) {
        if folder.join("target/CACHEDIR.TAG").is_file() {
            return folder.join("target/wasm");
        }
        if folder.join(".git").try_exists().unwrap_or(true) {
            break;
        }
    }
    match user_cache().filter(|_| is_new) {
        Some(cache) => cache.join("cepmon/wasm"),
        None => workspace.join("target/wasm"),
    }
}

fn user_cache() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}
