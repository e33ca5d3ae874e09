//! Standard output for commands: buffered, and a reader that has gone away (`cepmon sql … | head`) is no error.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// Standard output. Whoever finishes a command calls `flush`, so that nothing is lost silently.
#[derive(Debug)]
pub(crate) struct Output(BufWriter<Stdout>);

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.get_ref().is_terminal()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark_closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark_closed)
    }
}

/// Whether an error means that nobody reads our output any more. Only our own output counts: a broken pipe to a server is a failure.
pub(crate) fn is_closed_output(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_marked)
}

#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
struct ClosedOutput;

fn mark_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(io::ErrorKind::BrokenPipe, ClosedOutput) } else { error }
}

fn is_marked(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<ClosedOutput>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn only_our_own_closed_pipe_ends_quietly() {
        let own = Err::<(), _>(mark_closed(io::Error::from(io::ErrorKind::BrokenPipe))).context("cannot print").unwrap_err();
        assert!(is_closed_output(&own));
        let server = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot ask the server").unwrap_err();
        assert!(!is_closed_output(&server));
        let full = Err::<(), _>(mark_closed(io::Error::from(io::ErrorKind::StorageFull))).context("cannot print").unwrap_err();
        assert!(!is_closed_output(&full));
    }
}
