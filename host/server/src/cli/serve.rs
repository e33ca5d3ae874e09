//! What `cepmon serve` takes on its command line, and the defaults that depend on where the program lies. Serving itself is
//! [`crate::serve`].

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// Options of `cepmon serve`. What is `None` here is decided by the configuration file, and after it by a default.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Configuration file: a prometheus.yml with more sections; without it, the node plugin watches this host every 15 s
    #[arg(long, value_name = "FILE", env = "CEPMON_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where everything that is stored lies
    #[arg(long, value_name = "DIR", default_value = "data", env = "CEPMON_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Plugins that you installed [default: plugins.dir of the configuration, else "plugins"]
    #[arg(long, value_name = "DIR", env = "CEPMON_PLUGINS_DIR")]
    pub plugins_dir: Option<PathBuf>,
    /// Plugins that came with cepmon [default: the folder "plugins" beside the folder of this program]
    #[arg(long, value_name = "DIR", env = "CEPMON_BUNDLED_PLUGINS_DIR")]
    pub bundled_plugins_dir: Option<PathBuf>,
    /// Run exactly the plugins that plugins.lock and bundled.lock name, or do not start
    #[arg(long, env = "CEPMON_LOCKED")]
    pub locked: bool,
    /// Where compiled plugins are cached [default: $XDG_CACHE_HOME/cepmon, ~/.cache/cepmon or the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "CEPMON_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Address and port to listen on [default: web.listen of the configuration, else 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR", env = "CEPMON_LISTEN")]
    pub listen: Option<String>,
    /// How log lines are written to standard error
    #[arg(long, value_name = "FORMAT", default_value = "text", env = "CEPMON_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// How cepmon's own log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The folder of the operator's plugins when neither the command line nor the configuration names one.
pub const DEFAULT_PLUGINS_DIR: &str = "plugins";

impl ServeArgs {
    /// Where the bundled plugins lie.
    pub fn bundled_plugins_dir(&self) -> Option<PathBuf> {
        self.bundled_plugins_dir.clone().or_else(default_bundled_plugins_dir)
    }

    /// Where compiled plugins are cached.
    pub fn cache_dir(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(default_cache_dir)
    }
}

/// The folder `plugins` beside the folder of this program: `target/plugins` for `target/release/cepmon`. `None` when there is none.
pub(super) fn default_bundled_plugins_dir() -> Option<PathBuf> {
    bundled_beside(&std::env::current_exe().ok()?).filter(|dir| dir.is_dir())
}

/// The user's cache folder, or the system's temporary folder for a user without a home (a service account).
pub(super) fn default_cache_dir() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("cepmon")
}

fn bundled_beside(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.parent()?.join("plugins"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_plugins_lie_beside_the_folder_of_the_program() {
        assert_eq!(bundled_beside(Path::new("/src/target/release/cepmon")), Some(PathBuf::from("/src/target/plugins")));
        assert_eq!(bundled_beside(Path::new("cepmon")), None);
    }
}
