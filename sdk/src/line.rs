//! The lines that a log parser is given: one buffer and where each line stands in it.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::types::LogStream;
use crate::target::parse_settings;

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its number in this call, from 0.
    pub index: u32,
    /// Its bytes without the newline at the end; joined multi-line entries hold newlines inside.
    pub bytes: &'a [u8],
    /// When the host read it, Unix nanoseconds.
    pub read_time_ns: i64,
}

/// The lines of one call.
#[derive(Debug, Clone)]
pub struct Lines {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    times_ns: Vec<i64>,
    stream: LogStream,
}

impl Lines {
    #[doc(hidden)]
    #[must_use]
    pub fn new(bytes: Vec<u8>, offsets: Vec<u32>, times_ns: Vec<i64>, stream: LogStream) -> Self {
        Self { bytes, offsets, times_ns, stream }
    }

    /// The lines in order.
    pub fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        self.offsets.chunks_exact(2).enumerate().map(|(index, span)| Line {
            index: index as u32,
            bytes: self.bytes.get(span[0] as usize..span[1] as usize).unwrap_or_default(),
            read_time_ns: self.times_ns.get(index).copied().unwrap_or_default(),
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() / 2
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The labels of the stream that the lines belong to.
    #[must_use]
    pub fn labels(&self) -> &[(String, String)] {
        &self.stream.labels
    }

    /// The log source's settings as `T`; see [`crate::Target::settings`].
    ///
    /// # Errors
    /// [`Error::Config`] when the JSON does not fit `T`.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse_settings(&self.stream.settings)
    }

    pub(crate) fn buffer(&self) -> &[u8] {
        &self.bytes
    }
}
