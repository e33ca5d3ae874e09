//! The author's side: from a folder with a `plugin.toml` to one `.wasm` file that describes itself. What else lies in the folder says
//! which language it is; that language's own tool does the compiling, wit-component makes a component where the tool did not, and the
//! result is checked as any foreign file is.

mod cargo;
mod contract;
mod javascript;
mod language;
mod python;
mod tool;
mod toolchain;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use wasm_encoder::{CustomSection, Encode, Section};

use crate::Error;
use crate::lock::write_aside;
use crate::manifest::{MANIFEST_SECTION, Manifest};
use crate::package::{Package, inspect_bytes};
use language::Language;
use toolchain::Toolchain;

/// A plugin that was built.
#[derive(Debug, Clone)]
pub struct BuiltPlugin {
    /// The file, `DIR/NAME.wasm`.
    pub path: PathBuf,
    /// What it is.
    pub package: Package,
}

/// Builds the plugins of some folders, each with a `plugin.toml` and a crate, an `app.py` or an `app.js`, and leaves `DIR/NAME.wasm` in
/// each. `say` is told what builds. A file that cannot be built or checked leaves the old one as it was.
pub fn build(folders: &[PathBuf], say: impl Fn(&dyn Display)) -> Result<Vec<BuiltPlugin>, Error> {
    let sources = folders.iter().map(|folder| Source::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let (crates, scripts): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| source.language == Language::Rust);
    let mut built = Vec::new();
    if !crates.is_empty() {
        let toolchain = Toolchain::find()?;
        say(&toolchain);
        for (source, module) in cargo::compile(&toolchain, crates)? {
            built.push(source.finish(&module)?);
        }
    }
    for source in scripts {
        let component = match source.language {
            Language::Python => python::componentize(&source, &say)?,
            _ => javascript::componentize(&source, &say)?,
        };
        built.push(source.finish(&component)?);
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

/// A folder with a manifest and code in some language.
#[derive(Debug)]
struct Source {
    folder: PathBuf,
    language: Language,
    manifest: Manifest,
    manifest_text: String,
}

impl Source {
    fn read(folder: &Path) -> Result<Self, Error> {
        let folder = folder.canonicalize().map_err(Error::file("open plugin folder", folder))?;
        let path = folder.join("plugin.toml");
        let manifest_text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let manifest = Manifest::parse(manifest_text.as_bytes(), &path.display().to_string())?;
        Ok(Self { language: Language::of(&folder)?, manifest, manifest_text, folder })
    }

    /// Makes the plugin's file of what the language's tool made.
    fn finish(self, module: &[u8]) -> Result<BuiltPlugin, Error> {
        let path = self.folder.join(format!("{}.wasm", self.manifest.name));
        let bytes = wrap(module, &self.manifest_text, &path)?;
        let package = inspect_bytes(&path, bytes.into())?;
        write_aside(&path, &package.bytes)?;
        Ok(BuiltPlugin { path, package })
    }

    fn fail(&self, problem: String) -> Error {
        Error::Build { folder: self.folder.clone(), problem }
    }
}

#[cfg(test)]
mod tests;
