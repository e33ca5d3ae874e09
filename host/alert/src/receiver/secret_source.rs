//! Passwords, keys and addresses that stand in the configuration or in a file beside it.

use crate::receiver::SendError;
use crate::{Problem, Secret};

/// A text that is given, or read from a file each time it is needed.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    Given(Secret),
    File(String),
}

impl SecretSource {
    /// Takes exactly one of a value and a file, or reports it.
    pub(crate) fn check(
        value: Option<&Secret>,
        file: Option<&String>,
        keys: [&str; 2],
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        match (value, file) {
            (Some(_), Some(_)) => {
                problems.push(Problem::new(path, format!("{} and {} exclude each other", keys[0], keys[1])));
                None
            }
            (Some(value), None) => Some(Self::Given(value.clone())),
            (None, Some(file)) => Some(Self::File(file.clone())),
            (None, None) => None,
        }
    }

    /// The text, without blanks around it.
    pub(crate) async fn read(&self) -> Result<String, SendError> {
        match self {
            Self::Given(secret) => Ok(secret.reveal().trim().to_owned()),
            Self::File(file) => {
                let unreadable = |error| SendError::Unwritable { source: format!("cannot read \"{file}\": {error}").into() };
                Ok(tokio::fs::read_to_string(file).await.map_err(unreadable)?.trim().to_owned())
            }
        }
    }
}
