//! Configuration: YAML with places → `file` (what is written) → `check` (what it means). All mistakes are reported at once, and a
//! file with one is never used in part.

mod problem;
mod yaml;
mod expand;
mod read;
mod file;
mod not_yet;
mod shown;
mod check;
mod web_file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use check::{
    CLASSIC_PLUGIN, Config, Job, LogSource, PluginLimits, PluginSources, Retention, SecretSource, StorageConfig, TargetConfig, WebConfig,
};
pub use file::parse_size;
pub use problem::{FileProblems, Position, Problem};
pub use web_file::{HttpSection, TlsSection, WebFile};
pub use yaml::{Key, Node, Value};

/// Whether `${VAR}` in a file means the environment's variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// As in every file that the server reads.
    Expand,
    /// A text like any other.
    Keep,
}

/// The configuration without `--config`: the node plugin on this host every 15 s.
pub const DEFAULT_CONFIG: &str = include_str!("default.yml");

/// Why a configuration cannot be used: each file's mistakes.
#[derive(Debug, Clone)]
pub struct ConfigErrors(pub Vec<FileProblems>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.0.iter().enumerate() {
            write!(f, "{}{file}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

/// A file that was read into a type, with what is needed to report more about it.
#[derive(Debug)]
pub struct Document<T> {
    /// Where it was.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Its tree, for places.
    pub root: Node,
    /// What it says.
    pub file: T,
}

impl<T> Document<T> {
    /// Problems with paths such as `groups[0].rules[1].expr`, printed with their places.
    pub fn problems(&self, problems: impl IntoIterator<Item = (String, String)>) -> FileProblems {
        let placed = problems.into_iter().map(|(path, message)| Problem::new(self.root.at(&path).position, message));
        FileProblems::new(&self.path, &self.text, placed.collect())
    }
}

/// Reads the main configuration file, or the embedded default.
pub fn load(path: Option<&Path>) -> Result<Document<Config>, ConfigErrors> {
    let (name, text) = match path {
        None => (Path::new("(default configuration)"), DEFAULT_CONFIG.to_owned()),
        Some(path) => (path, read_file(path)?),
    };
    let base_dir = path.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut document = document(name, text, Variables::Expand, |root, problems| {
        not_yet::refuse(root, problems);
        let file = read::read::<file::ConfigFile>(root, problems)?;
        Ok(check::check(&file, root, base_dir, problems))
    })?;
    document.file.yaml = shown::shown(&document.text);
    Ok(document)
}

/// Reads another YAML file (rules, Alertmanager) into its type, with the same reporting.
pub fn load_document<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Document<T>, ConfigErrors> {
    document(path, read_file(path)?, Variables::Expand, |root, problems| read::read(root, problems))
}

/// Reads a YAML text into its type, after `change` has had its way with the tree. `path` is for messages.
pub fn read_text<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: String,
    variables: Variables,
    change: impl FnOnce(&mut Node),
) -> Result<Document<T>, ConfigErrors> {
    document(path, text, variables, |root, problems| {
        change(root);
        read::read(root, problems)
    })
}

/// Parses, expands and reads a text; a file with any problem is refused with all of them.
fn document<T>(
    path: &Path,
    text: String,
    variables: Variables,
    read: impl FnOnce(&mut Node, &mut Vec<Problem>) -> Result<T, Problem>,
) -> Result<Document<T>, ConfigErrors> {
    let mut problems = Vec::new();
    let read = yaml::parse(&text).and_then(|mut root| {
        if variables == Variables::Expand {
            expand::expand(&mut root, &|name| std::env::var(name).ok(), &mut problems);
        }
        if let Some(last_unset) = problems.pop() {
            // What stands in place of an unset variable means nothing; checking it would only add noise.
            return Err(last_unset);
        }
        let file = read(&mut root, &mut problems)?;
        Ok((root, file))
    });
    match read {
        Ok((root, file)) if problems.is_empty() => Ok(Document { path: path.to_owned(), text, root, file }),
        Ok(_) => Err(ConfigErrors(vec![FileProblems::new(path, &text, problems)])),
        Err(problem) => {
            problems.push(problem);
            Err(ConfigErrors(vec![FileProblems::new(path, &text, problems)]))
        }
    }
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(path).map_err(|error| ConfigErrors(vec![FileProblems::unreadable(path, &error)]))
}
