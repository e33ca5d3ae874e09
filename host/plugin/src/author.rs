//! The author's side: from a Rust crate with a `plugin.toml` to one `.wasm` file that describes itself. Cargo does the compiling
//! (`toolchain.rs` finds one that can), wit-component makes the component, and the result is checked as any foreign file is.

mod toolchain;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use toolchain::Toolchain;

use wasm_encoder::{CustomSection, Encode, Section};

use crate::Error;
use crate::lock::write_aside;
use crate::manifest::{MANIFEST_SECTION, Manifest};
use crate::package::{Package, inspect_bytes};

/// A plugin that was built.
#[derive(Debug, Clone)]
pub struct BuiltPlugin {
    /// The file, `DIR/NAME.wasm`.
    pub path: PathBuf,
    /// What it is.
    pub package: Package,
}

/// Builds the plugins of some folders, each a crate with a `plugin.toml`, and leaves `DIR/NAME.wasm` in each. Folders of one Cargo
/// workspace are built by one run of Cargo, whose messages go to standard error. A file that cannot be built or checked leaves the
/// old one as it was.
pub fn build(folders: &[PathBuf], toolchain: &Toolchain) -> Result<Vec<BuiltPlugin>, Error> {
    let mut workspaces: BTreeMap<PathBuf, Vec<Source>> = BTreeMap::new();
    for folder in folders {
        let source = Source::read(folder)?;
        workspaces.entry(toolchain.workspace(&source.folder)?).or_default().push(source);
    }
    let mut built = Vec::new();
    for (workspace, sources) in workspaces {
        let modules = compile(toolchain, &workspace, &sources)?;
        for source in sources {
            let Some(module) = modules.get(&source.crate_name) else {
                let problem = "cargo made no .wasm file of it; add crate-type = [\"cdylib\"] to [lib] in Cargo.toml".to_owned();
                return Err(Error::Build { folder: source.folder, problem });
            };
            let module = std::fs::read(module).map_err(Error::file("read module", module))?;
            let path = source.folder.join(format!("{}.wasm", source.manifest.name));
            let bytes = wrap(&module, &source.manifest_text, &path)?;
            let package = inspect_bytes(&path, bytes.into())?;
            write_aside(&path, &package.bytes)?;
            built.push(BuiltPlugin { path, package });
        }
    }
    Ok(built)
}

/// Makes a plugin's file of a compiled module (or of a component, as `wasm32-wasip2` makes them) and the text of its manifest.
/// `path` names it in errors.
pub fn wrap(module: &[u8], manifest: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let fail = |problem: String| Error::NotAPlugin { path: path.to_owned(), problem };
    Manifest::parse(manifest.as_bytes(), &path.display().to_string())?;
    let is_module = wasmparser::Parser::is_core_wasm(module);
    let mut component = if is_module {
        let encoder = wit_component::ComponentEncoder::default().validate(true).module(module);
        let encoded = encoder.and_then(|mut encoder| encoder.encode());
        encoded.map_err(|error| fail(format!("it does not fit the contract: {error:#}")))?
    } else {
        module.to_vec()
    };
    let section = CustomSection { name: MANIFEST_SECTION.into(), data: manifest.as_bytes().into() };
    component.push(section.id());
    section.encode(&mut component);
    Ok(component)
}

/// A folder with a crate and a manifest.
struct Source {
    folder: PathBuf,
    crate_name: String,
    manifest: Manifest,
    manifest_text: String,
}

impl Source {
    fn read(folder: &Path) -> Result<Self, Error> {
        let folder = folder.canonicalize().map_err(Error::file("open plugin folder", folder))?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(Error::file("read", &path))
        };
        let manifest_text = read("plugin.toml")?;
        let manifest = Manifest::parse(manifest_text.as_bytes(), &folder.join("plugin.toml").display().to_string())?;
        let fail = |problem: String| Error::Build { folder: folder.clone(), problem };
        let cargo: toml::Table =
            read("Cargo.toml")?.parse().map_err(|error: toml::de::Error| fail(format!("Cargo.toml: {}", error.message())))?;
        let crate_name = cargo.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let crate_name = crate_name.ok_or_else(|| fail("its Cargo.toml has no [package] name".to_owned()))?.to_owned();
        Ok(Self { crate_name, manifest, manifest_text, folder: folder.clone() })
    }
}

/// Runs Cargo once for a workspace; gives the module of each crate.
fn compile(toolchain: &Toolchain, workspace: &Path, sources: &[Source]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let fail = |problem: String| Error::Build { folder: workspace.to_owned(), problem };
    let mut command: Command = toolchain.cargo();
    command.args(["build", "--release", "--target", toolchain::TARGET, "--message-format", "json-render-diagnostics"]);
    command.args(toolchain.cargo_arguments());
    command.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    command.arg("--target-dir").arg(target_dir(workspace, std::env::var_os("CARGO_TARGET_DIR")));
    for source in sources {
        command.args(["--package", &source.crate_name]);
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
        let Some(source) = sources.iter().find(|source| Some(source.folder.as_path()) == folder) else { continue };
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        if let Some(module) = files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
            modules.insert(source.crate_name.clone(), module);
        }
    }
    Ok(modules)
}

/// Where wasm is compiled: `wasm` in the nearest target folder within the repository, so that all plugins of it share one compiled
/// standard library (173 s of CPU), but not that folder itself, whose lock a build of the host holds.
/// `chosen` is `CARGO_TARGET_DIR`.
fn target_dir(workspace: &Path, chosen: Option<OsString>) -> PathBuf {
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

#[cfg(test)]
mod tests;
