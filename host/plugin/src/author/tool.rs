//! The tools of other languages: where they are looked for, how they are run, what is said when one is missing. It installs nothing.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Source;
use crate::Error;

/// A program that makes a component of source.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Where the language's own package manager puts programs of a project: beneath the plugin's folder or one above it.
    pub(super) folder: &'static str,
    /// What to run in the plugin's folder to get the version that this release of cepmon was tested with.
    pub(super) install: &'static str,
}

impl Tool {
    /// The nearest one, else that of the path.
    fn find(&self, source: &Source) -> Result<PathBuf, Error> {
        let projects = source.folder.ancestors().map(|folder| folder.join(self.folder));
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        let all: Vec<PathBuf> = projects.chain(std::env::split_paths(&search_path)).collect();
        all.into_iter().map(|folder| folder.join(self.name)).find(|program| program.is_file()).ok_or_else(|| {
            let (language, name, install) = (source.language, self.name, self.install);
            source.fail(format!("it is written in {language}, and there is no {name}; run in its folder: {install}"))
        })
    }

    /// Runs it in the plugin's folder and gives the file that it wrote to `output`. What it prints is shown when it fails.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        source: &Source,
        arguments: impl IntoIterator<Item = A>,
        output: &Path,
        say: &impl Fn(&dyn Display),
    ) -> Result<Vec<u8>, Error> {
        let program = self.find(source)?;
        say(&program.display());
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&source.folder).stdin(Stdio::null());
        // Both tools are written in Rust; where they themselves are in their code says nothing to the author.
        command.env("RUST_BACKTRACE", "0");
        let finished = command.output().map_err(|error| source.fail(format!("cannot run {}: {error}", program.display())))?;
        if !finished.status.success() {
            let printed = String::from_utf8_lossy(&[finished.stdout, finished.stderr].concat()).trim().to_owned();
            let (name, status) = (self.name, finished.status);
            return Err(source.fail(format!("{name} ended with {status}; it printed:\n{printed}")));
        }
        std::fs::read(output).map_err(Error::file("read component", output))
    }
}

/// A folder for what a tool needs beside the source; it goes when it is dropped.
pub(super) fn scratch() -> Result<tempfile::TempDir, Error> {
    let made = tempfile::Builder::new().prefix("cepmon-build-").tempdir();
    made.map_err(|source| Error::File { action: "create folder in", path: std::env::temp_dir(), source })
}
