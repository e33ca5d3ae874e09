//! The contract as the tools of other languages want it: a folder of WIT with a world of its own for each plugin. Their components
//! import the whole world, used or not, so the world holds what the manifest asks for and nothing else.

use std::path::{Path, PathBuf};

use crate::abi::{PACKAGE, VERSION};
use crate::manifest::Manifest;
use crate::{Capability, Error};

/// The name of that world.
pub(super) const WORLD: &str = "plugin";

const CONTRACT: &str = include_str!("../../../../wit/plugin.wit");

/// Writes the folder `wit` into `folder`.
pub(super) fn write(folder: &Path, manifest: &Manifest) -> Result<PathBuf, Error> {
    let root = folder.join("wit");
    write_file(&root.join("deps/plugin/plugin.wit"), CONTRACT)?;
    write_file(&root.join("world.wit"), &world(manifest))?;
    Ok(root)
}

fn world(manifest: &Manifest) -> String {
    let asked = Capability::ALL.into_iter().filter(|&capability| manifest.capabilities.reason(capability).is_some());
    let imports: Vec<String> = ["log", "config", "clock"]
        .into_iter()
        .chain(asked.map(Capability::as_str))
        .map(|interface| format!("  import {PACKAGE}/{interface}@{VERSION};\n"))
        .collect();
    let export = manifest.kind.export();
    format!("package cepmon:guest;\nworld {WORLD} {{\n{}  export {PACKAGE}/{export}@{VERSION};\n}}\n", imports.concat())
}

/// Writes a file with the folders above it.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("create folder", folder))?;
    }
    std::fs::write(path, text).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_world_of_a_plugin_holds_what_it_asks_for_and_is_valid() {
        let manifest = "name='a'\nversion='1.0.0'\nkind='probe'\ndescription='d'\nlicense='x'\n\
                        [capabilities.unix-http]\nrequests=['/run/d.sock:GET /info']\nreason='r'";
        let manifest = Manifest::parse(manifest.as_bytes(), "t").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(write(folder.path(), &manifest).unwrap()).unwrap();
        let world = &resolve.worlds[resolve.select_world(&[package], Some(WORLD)).unwrap()];
        let name = |key| resolve.name_world_key(key).replace("cepmon:plugin/", "");
        let imports: BTreeSet<String> = world.imports.keys().map(name).collect();
        assert_eq!(imports, ["clock", "config", "log", "types", "unix-http"].map(|name| format!("{name}@0.1.0")).into());
        let exports: Vec<String> = world.exports.keys().map(name).collect();
        assert_eq!(exports, ["probe-api@0.1.0"]);
    }
}
