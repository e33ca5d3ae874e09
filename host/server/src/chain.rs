//! An error and its causes on one line, for logs, rows and answers. The command line prints its own way, through anyhow.

use std::error::Error;

/// The messages of an error and its causes, joined with `: `.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}
