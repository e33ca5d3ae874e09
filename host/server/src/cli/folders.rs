//! Where plugins lie: from the command line, else from the `plugins` section of a configuration, else as a server without one has them.
//! A command that looked elsewhere than the server would grant and remove what nobody uses.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::serve::{DEFAULT_PLUGINS_DIR, default_bundled_plugins_dir};
use crate::config::{self, Config};

/// Options that name the folders of plugins.
#[derive(Debug, Args)]
pub(crate) struct Folders {
    /// Configuration file whose plugins section names the folder and more
    #[arg(long, value_name = "FILE", env = "CEPMON_CONFIG")]
    config: Option<PathBuf>,
    /// Plugins that you installed [default: plugins.dir of the configuration, else "plugins"]
    #[arg(long, value_name = "DIR", env = "CEPMON_PLUGINS_DIR")]
    plugins_dir: Option<PathBuf>,
    /// Plugins that came with cepmon [default: the folder "plugins" beside the folder of this program]
    #[arg(long, value_name = "DIR", env = "CEPMON_BUNDLED_PLUGINS_DIR")]
    bundled_plugins_dir: Option<PathBuf>,
}

/// The same, decided.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) plugins_dir: PathBuf,
    pub(crate) bundled_dir: Option<PathBuf>,
    pub(crate) config: Option<Config>,
}

impl Folders {
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        let config = self.config.as_deref().map(|path| config::load(Some(path))).transpose().map_err(Failure::usage)?;
        let config = config.map(|document| document.file);
        let configured = config.as_ref().and_then(|config| config.plugins_dir.clone());
        Ok(Found {
            plugins_dir: self.plugins_dir.clone().or(configured).unwrap_or_else(|| PathBuf::from(DEFAULT_PLUGINS_DIR)),
            bundled_dir: self.bundled_plugins_dir.clone().or_else(default_bundled_plugins_dir),
            config,
        })
    }
}
