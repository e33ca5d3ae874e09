//! What `cepmon plugin new` writes: the SDK and the contract as they lie in the sources of this program, and a template for each kind.
//! A test compares the list with the folders.

use cepmon_plugin::PluginKind;

/// Files by their path from the root of the sources.
macro_rules! sources {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../../../../", $path)))),*] };
}

/// Files of a template by their path in the new folder.
macro_rules! template {
    ($kind:literal) => {
        Template {
            files: &[
                ("Cargo.toml", include_str!("../../../../../sdk/template/Cargo.toml")),
                (".gitignore", include_str!("../../../../../sdk/template/gitignore")),
                ("plugin.toml", include_str!(concat!("../../../../../sdk/template/", $kind, "/plugin.toml"))),
                ("README.md", include_str!(concat!("../../../../../sdk/template/", $kind, "/README.md"))),
                ("src/lib.rs", include_str!(concat!("../../../../../sdk/template/", $kind, "/src/lib.rs"))),
                ("fixtures/first.json", include_str!(concat!("../../../../../sdk/template/", $kind, "/fixtures/first.json"))),
            ],
        }
    };
}

/// The files of a new plugin, with `{{name}}` and the like in them.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) files: &'static [(&'static str, &'static str)],
}

impl Template {
    pub(super) fn of(kind: PluginKind) -> Self {
        match kind {
            PluginKind::Exporter => template!("exporter"),
            PluginKind::Probe => template!("probe"),
            PluginKind::LogParser => template!("log-parser"),
        }
    }
}

/// The versions that the SDK is built and tested with.
pub(super) const LOCK: &str = include_str!("../../../../../sdk/Cargo.lock");

/// The SDK, its macros and the contract.
pub(super) const SDK: &[(&str, &str)] = sources![
    ".rustfmt.toml",
    "sdk/Cargo.toml",
    "sdk/README.md",
    "sdk/macros/Cargo.toml",
    "sdk/macros/src/lib.rs",
    "sdk/src/batch.rs",
    "sdk/src/batch/tests.rs",
    "sdk/src/bindings.rs",
    "sdk/src/clock.rs",
    "sdk/src/config.rs",
    "sdk/src/dns.rs",
    "sdk/src/error.rs",
    "sdk/src/export.rs",
    "sdk/src/file.rs",
    "sdk/src/http.rs",
    "sdk/src/icmp.rs",
    "sdk/src/lib.rs",
    "sdk/src/line.rs",
    "sdk/src/log.rs",
    "sdk/src/row.rs",
    "sdk/src/secrets.rs",
    "sdk/src/state.rs",
    "sdk/src/statfs.rs",
    "sdk/src/target.rs",
    "sdk/src/tcp.rs",
    "sdk/src/testing.rs",
    "sdk/src/udp.rs",
    "sdk/src/unix_http.rs",
    "sdk/src/verdict.rs",
    "wit/README.md",
    "wit/plugin.wit",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn collect(root: &Path, folder: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                collect(root, &path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = Vec::new();
        for folder in ["sdk/src", "sdk/macros/src"] {
            collect(&root, folder, &mut found);
        }
        let embedded: Vec<&str> = SDK.iter().map(|(path, _)| *path).collect();
        for path in found {
            assert!(embedded.contains(&path.as_str()), "{path} is missing in the list; a new plugin would not build");
        }
    }
}
