//! Configuration: YAML with places → `file` (what is written) → `check` (what it means). All mistakes are reported at once, and a
//! file with one is never used in part.

mod problem;
mod yaml;
mod expand;
mod read;
mod file;
mod not_yet;
mod shown;
mod foreign;
mod check;
mod web_file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::glob::matching_files;

pub use check::{
    CLASSIC_PLUGIN, Config, DiscoveryConfig, DnsRecord, Job, JobLimits, LogSource, OtherAlertmanagers, PluginLimits, PluginSources,
    Retention, SecretSource, StorageConfig, WebConfig,
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
    /// What is taken and has no effect, each with its place.
    pub warnings: Vec<String>,
}

/// What checks find.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// A file of `scrape_config_files`.
struct ScrapeFile {
    path: PathBuf,
    text: String,
    root: Node,
    file: file::ScrapeConfigFile,
    found: Findings,
}

impl<T> Document<T> {
    /// Problems with paths such as `groups[0].rules[1].expr`, printed with their places.
    pub fn problems(&self, problems: impl IntoIterator<Item = (String, String)>) -> FileProblems {
        let placed = problems.into_iter().map(|(path, message)| Problem::new(self.root.at(&path).position, message));
        FileProblems::new(&self.path, &self.text, placed.collect())
    }
}

/// Reads the main configuration file, or the embedded default, and the files with scrape configurations that it names.
pub fn load(path: Option<&Path>) -> Result<Document<Config>, ConfigErrors> {
    let (name, text) = match path {
        None => (Path::new("(default configuration)"), DEFAULT_CONFIG.to_owned()),
        Some(path) => (path, read_file(path)?),
    };
    let base_dir = path.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut found = Findings::default();
    let read = parse(&text, Variables::Expand).and_then(|mut root| {
        not_yet::refuse(&mut root, &mut found.problems);
        foreign::take(&mut root, &mut found.problems, &mut found.warnings);
        let file = read::read::<file::ConfigFile>(&root, &mut found.problems).map_err(|problem| vec![problem])?;
        Ok((root, file))
    });
    let (root, file) = read.map_err(|mut problems| {
        found.problems.append(&mut problems);
        ConfigErrors(vec![FileProblems::new(name, &text, std::mem::take(&mut found.problems))])
    })?;
    let mut errors = Vec::new();
    let mut others = scrape_files(&file.scrape_config_files, &root, base_dir, &mut found, &mut errors);
    let config = Config { yaml: shown::shown(&text), ..check::check(&file, &root, base_dir, &mut others, &mut found) };
    let mut warnings = one_line_each(name, found.warnings);
    for other in others {
        warnings.append(&mut one_line_each(&other.path, other.found.warnings));
        if !other.found.problems.is_empty() {
            errors.push(FileProblems::new(&other.path, &other.text, other.found.problems));
        }
    }
    if !found.problems.is_empty() {
        errors.insert(0, FileProblems::new(name, &text, found.problems));
    }
    if errors.is_empty() { Ok(Document { path: name.to_owned(), text, root, file: config, warnings }) } else { Err(ConfigErrors(errors)) }
}

/// Reads another YAML file (rules, Alertmanager) into its type, with the same reporting.
pub fn load_document<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Document<T>, ConfigErrors> {
    read_text(path, read_file(path)?, Variables::Expand, |_| {})
}

/// Reads a YAML text into its type, after `change` has had its way with the tree; one with any problem is refused with all of them.
/// `path` is for messages.
pub fn read_text<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: String,
    variables: Variables,
    change: impl FnOnce(&mut Node),
) -> Result<Document<T>, ConfigErrors> {
    let mut problems = Vec::new();
    let read = parse(&text, variables).and_then(|mut root| {
        change(&mut root);
        let file = read::read(&root, &mut problems).map_err(|problem| vec![problem])?;
        Ok((root, file))
    });
    match read {
        Ok((root, file)) if problems.is_empty() => Ok(Document { path: path.to_owned(), text, root, file, warnings: Vec::new() }),
        Ok(_) => Err(ConfigErrors(vec![FileProblems::new(path, &text, problems)])),
        Err(mut last) => {
            problems.append(&mut last);
            Err(ConfigErrors(vec![FileProblems::new(path, &text, problems)]))
        }
    }
}

/// A text's tree.
fn parse(text: &str, variables: Variables) -> Result<Node, Vec<Problem>> {
    let mut root = yaml::parse(text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    if variables == Variables::Expand {
        expand::expand(&mut root, &|name| std::env::var(name).ok(), &mut problems);
    }
    // What stands in place of an unset variable means nothing; checking it would only add noise.
    if problems.is_empty() { Ok(root) } else { Err(problems) }
}

/// Files of `scrape_config_files`; a glob that matches nothing is no mistake (Prometheus 2.48).
fn scrape_files(
    patterns: &[String],
    root: &Node,
    base_dir: &Path,
    found: &mut Findings,
    errors: &mut Vec<FileProblems>,
) -> Vec<ScrapeFile> {
    let mut files = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        if !check::is_glob_of_files(pattern) {
            let message = format!("a * may stand in the last part of a path only, got \"{pattern}\"");
            found.problems.push(Problem::new(root.at(&format!("scrape_config_files[{index}]")).position, message));
            continue;
        }
        for path in matching_files(&base_dir.join(pattern).to_string_lossy()) {
            match scrape_file(&path) {
                Ok(file) => files.push(file),
                Err(ConfigErrors(mut problems)) => errors.append(&mut problems),
            }
        }
    }
    files
}

fn scrape_file(path: &Path) -> Result<ScrapeFile, ConfigErrors> {
    let text = read_file(path)?;
    let mut found = Findings::default();
    let read = parse(&text, Variables::Expand).and_then(|mut root| {
        foreign::take(&mut root, &mut found.problems, &mut found.warnings);
        let file = read::read(&root, &mut found.problems).map_err(|problem| vec![problem])?;
        Ok((root, file))
    });
    match read {
        Ok((root, file)) => Ok(ScrapeFile { path: path.to_owned(), text, root, file, found }),
        Err(mut problems) => {
            found.problems.append(&mut problems);
            Err(ConfigErrors(vec![FileProblems::new(path, &text, found.problems)]))
        }
    }
}

fn one_line_each(path: &Path, mut warnings: Vec<Problem>) -> Vec<String> {
    warnings.sort_by_key(|warning| warning.position);
    let line = |Problem { position, message }| format!("{}:{}:{}: {message}", path.display(), position.line, position.column);
    warnings.into_iter().map(line).collect()
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(path).map_err(|error| ConfigErrors(vec![FileProblems::unreadable(path, &error)]))
}
