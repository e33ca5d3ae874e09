//! Where plugins come from and whom the operator trusts: from the command line, else from the `plugins` section of a configuration. Without a configuration nothing is pinned, so nothing comes in over the network unasked.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cepmon_plugin::{SourceOptions, Trust, TrustedKey};
use clap::Args;

use super::Failure;
use super::folders::{Folders, Found};
use crate::config::Config;

/// Options of the commands that fetch and check plugins.
#[derive(Debug, Args)]
pub(crate) struct Supply {
    #[command(flatten)]
    folders: Folders,
    /// Index in which names are looked up [default: plugins.index of the configuration]
    #[arg(long, value_name = "PATH|URL")]
    index: Option<String>,
    /// Public key (minisign) to trust beside plugins.trusted_keys, or a file that holds it; may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    key: Vec<String>,
    /// Certificates of authorities to trust beside the system's [default: plugins.ca_file of the configuration]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The same, decided.
#[derive(Debug)]
pub(crate) struct Supplied {
    pub(crate) plugins_dir: PathBuf,
    pub(crate) bundled_dir: Option<PathBuf>,
    pub(crate) options: SourceOptions,
    pub(crate) config: Option<Config>,
}

impl Supply {
    pub(crate) fn read(&self) -> Result<Supplied, Failure> {
        let Found { plugins_dir, bundled_dir, config } = self.folders.find()?;
        let sources = config.as_ref().map(|config| config.plugin_sources.clone()).unwrap_or_default();
        let mut keys = sources.trusted_keys;
        for text in &self.key {
            keys.push(read_key(text)?);
        }
        Ok(Supplied {
            plugins_dir,
            bundled_dir,
            options: SourceOptions {
                index: self.index.clone().or(sources.index),
                ca_file: self.ca_file.clone().or(sources.ca_file),
                trust: Trust { keys, digest: None },
            },
            config,
        })
    }
}

/// A key itself, or the file that holds it.
fn read_key(text: &str) -> Result<TrustedKey, Failure> {
    if text.starts_with("RW") && !text.contains(['/', '.']) || !Path::new(text).is_file() {
        return TrustedKey::parse(text).map_err(failure);
    }
    let content = std::fs::read_to_string(text).with_context(|| format!("cannot read the key in \"{text}\""))?;
    TrustedKey::parse(&content).map_err(failure)
}

/// Code 2 when the operator has to say more, 1 when it did not work.
pub(crate) fn failure(error: cepmon_plugin::Error) -> Failure {
    if error.is_usage() { Failure::usage(error) } else { Failure::from(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_given_as_it_is_or_by_its_file() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("author.pub");
        std::fs::write(&file, format!("untrusted comment: minisign public key\n{key}\n")).unwrap();
        let by_file = read_key(file.to_str().unwrap()).unwrap_or_else(|_| panic!("the key was refused"));
        assert_eq!(read_key(key).unwrap_or_else(|_| panic!("the key was refused")), by_file);
        assert!(matches!(read_key("RWshort"), Err(Failure::Usage(_))));
        assert!(matches!(read_key("no/such/file"), Err(Failure::Usage(_))));
    }
}
