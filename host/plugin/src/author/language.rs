//! Which language a plugin is written in: one file in its folder tells.

use std::fmt;
use std::path::Path;

use crate::Error;

/// A language that `cepmon plugin build` has a way for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Python,
    JavaScript,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        })
    }
}

impl Language {
    const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::JavaScript];

    /// The file that is built.
    pub(super) fn entry(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "app.py",
            Self::JavaScript => "app.js",
        }
    }

    /// Files that show the language to people and tools, so that a missing entry can be named.
    fn sign(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::JavaScript => "package.json",
        }
    }

    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        let fail = |problem: String| Error::Build { folder: folder.to_owned(), problem };
        let having = |file: fn(Self) -> &'static str| -> Vec<Self> {
            Self::ALL.into_iter().filter(|&language| folder.join(file(language)).is_file()).collect()
        };
        match having(Self::entry).as_slice() {
            [language] => Ok(*language),
            [first, second, ..] => Err(fail(format!(
                "it has {} ({first}) and {} ({second}), and a plugin is written in one language; take one of them away",
                first.entry(),
                second.entry()
            ))),
            [] => Err(fail(match having(Self::sign).first() {
                Some(language) => format!("it has {} but no {}, which is what is built", language.sign(), language.entry()),
                None => "it has neither Cargo.toml (Rust) nor app.py (Python) nor app.js (JavaScript)".to_owned(),
            })),
        }
    }
}
