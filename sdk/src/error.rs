//! What a plugin answers when it cannot do its work. The six variants are the ones of the contract; the text is what the
//! operator reads as the scrape error.

use std::fmt;

use crate::bindings::types;

/// Why a call failed.
///
/// Any `std` error turns into [`Error::Other`] with `?`, its causes joined by `: `. For that to be possible this type itself is no
/// `std::error::Error` (as with `anyhow`), and it holds text instead of a cause: a cause cannot cross the border of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The settings cannot work; says which key and what was expected.
    Config(String),
    /// The operator has not granted this.
    Denied(String),
    /// No such file, name or host, or nobody listens there.
    Unreachable(String),
    /// The deadline passed.
    Timeout,
    /// The other side answered something that is not its protocol.
    Protocol(String),
    /// Anything else.
    Other(String),
}

impl Error {
    /// An [`Error::Other`] with this message.
    pub fn other(message: impl fmt::Display) -> Self {
        Self::Other(message.to_string())
    }

    /// An [`Error::Config`] with this message: name the key, say what was expected.
    pub fn config(message: impl fmt::Display) -> Self {
        Self::Config(message.to_string())
    }

    /// An [`Error::Protocol`] with this message.
    pub fn protocol(message: impl fmt::Display) -> Self {
        Self::Protocol(message.to_string())
    }

    /// The same error with what was being done in front: `cannot read "/proc/stat": no such file`.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Self {
        match self {
            Self::Config(text) => Self::Config(format!("{doing}: {text}")),
            Self::Denied(text) => Self::Denied(format!("{doing}: {text}")),
            Self::Unreachable(text) => Self::Unreachable(format!("{doing}: {text}")),
            Self::Protocol(text) => Self::Protocol(format!("{doing}: {text}")),
            Self::Other(text) => Self::Other(format!("{doing}: {text}")),
            Self::Timeout => Self::Timeout,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Denied(text) | Self::Unreachable(text) | Self::Protocol(text) | Self::Other(text) => {
                f.write_str(text)
            }
            Self::Timeout => f.write_str("the deadline passed"),
        }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Other(text)
    }
}

pub(crate) fn from_host(error: types::Error) -> Error {
    match error {
        types::Error::Config(text) => Error::Config(text),
        types::Error::Denied(text) => Error::Denied(text),
        types::Error::Unreachable(text) => Error::Unreachable(text),
        types::Error::Timeout => Error::Timeout,
        types::Error::Protocol(text) => Error::Protocol(text),
        types::Error::Other(text) => Error::Other(text),
    }
}

pub(crate) fn to_host(error: Error) -> types::Error {
    match error {
        Error::Config(text) => types::Error::Config(text),
        Error::Denied(text) => types::Error::Denied(text),
        Error::Unreachable(text) => types::Error::Unreachable(text),
        Error::Timeout => types::Error::Timeout,
        Error::Protocol(text) => types::Error::Protocol(text),
        Error::Other(text) => types::Error::Other(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_std_error_becomes_other_with_its_causes() {
        fn parse() -> Result<u32, Error> {
            Ok("x".parse::<u32>()?)
        }
        assert_eq!(parse(), Err(Error::Other("invalid digit found in string".into())));
        let denied = Error::Denied("not granted".into()).context("cannot read \"/etc/shadow\"");
        assert_eq!(denied.to_string(), "cannot read \"/etc/shadow\": not granted");
    }
}
