//! What the author's commands are given: a plugin's file, or the folder of its source with the file that was built there.

use std::path::{Path, PathBuf};

use cepmon_plugin::{Error, Limits, Manifest, Package, inspect};

/// A plugin's file and its fixtures.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) package: Package,
    pub(super) fixtures: PathBuf,
}

impl Source {
    /// Finds the file and looks at it; nothing is run.
    pub(super) fn find(path: &Path) -> Result<Self, Error> {
        let file = if path.is_dir() { built_file(path)? } else { path.to_owned() };
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { package: inspect(&file, Limits::default().wasm_bytes)?, fixtures: folder.join("fixtures") })
    }
}

/// The file that `cepmon plugin build` leaves in a folder.
pub(super) fn built_file(folder: &Path) -> Result<PathBuf, Error> {
    let manifest = manifest_of(folder)?;
    let file = folder.join(format!("{}.wasm", manifest.name));
    if file.is_file() {
        return Ok(file);
    }
    let problem = format!("it has no {}.wasm yet; run: cepmon plugin build {}", manifest.name, folder.display());
    Err(Error::Build { folder: folder.to_owned(), problem })
}

/// The manifest beside the source.
pub(super) fn manifest_of(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join("plugin.toml");
    let text = std::fs::read(&path).map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
    Manifest::parse(&text, &path.display().to_string())
}
