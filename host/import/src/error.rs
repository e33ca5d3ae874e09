//! Why nothing can be read at all. Damage to a part of the data is no error, see [`Findings`](crate::Findings).

use std::io;
use std::path::{Path, PathBuf};

/// The cause of a failure behind a [`Sink`](crate::Sink).
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failed reading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {verb} \"{path}\"", path = path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no Prometheus data below this path.
    #[error(
        "cannot find Prometheus data in \"{path}\": there is neither a block (a folder with meta.json and index) nor a folder wal; name the \
         folder that --storage.tsdb.path named, or an archive of it",
        path = path.display()
    )]
    NoData {
        /// Where was looked.
        path: PathBuf,
    },
    /// There are several data directories.
    #[error("cannot choose among the Prometheus data directories in \"{path}\": {roots}; name one of them", path = path.display())]
    SeveralRoots {
        /// Where was looked.
        path: PathBuf,
        /// What there is.
        roots: String,
    },
    /// The text is no OpenMetrics, or has samples without times.
    #[error("cannot read \"{path}\": line {line}: {problem}", path = path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// Whoever takes the samples gave up.
    #[error("cannot store samples")]
    Sink(#[source] BoxError),
}

impl Error {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { verb, path: path.to_owned(), source }
    }
}
