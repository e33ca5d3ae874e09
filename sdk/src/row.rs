//! The rows that a log parser makes of lines: fields as spans into the lines that the host sent, so nothing is copied unless it
//! had to be unescaped.

use crate::bindings::types::LogBatch;
use crate::{Line, Lines};

/// Fields of one call; a row has at most one value for each.
pub const MAX_KEYS: usize = 128;

/// A field that a row does not have.
const ABSENT: u32 = u32::MAX;
/// Set in a span's start when it points into `extra`.
const IN_EXTRA: u32 = 1 << 31;

/// How serious an entry is: the first number of each of OpenTelemetry's ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words say it")]
#[repr(u8)]
pub enum Severity {
    Unknown = 0,
    Trace = 1,
    Debug = 5,
    Info = 9,
    Warn = 13,
    Error = 17,
    Fatal = 21,
}

/// The rows of one call.
#[derive(Debug)]
pub struct Rows<'a> {
    source: &'a [u8],
    /// Whether all of `source` is UTF-8: one fast pass spares a check of each field.
    is_utf8: bool,
    has_times: bool,
    columns: LogBatch,
}

impl<'a> Rows<'a> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(lines: &'a Lines) -> Self {
        let columns = LogBatch {
            keys: Vec::new(),
            rows: Vec::with_capacity(lines.len()),
            times_ns: Vec::with_capacity(lines.len()),
            severities: Vec::with_capacity(lines.len()),
            fields: Vec::new(),
            extra: Vec::new(),
        };
        let source = lines.buffer();
        Self { source, is_utf8: std::str::from_utf8(source).is_ok(), has_times: false, columns }
    }

    /// Names the fields that rows will have, in column order; [`Row::field`] takes their numbers. Call it once, before the first row;
    /// [`Rows::key`] adds what turns up later. At most [`MAX_KEYS`].
    pub fn set_keys(&mut self, keys: &[&str]) {
        for key in keys {
            self.key(key);
        }
        self.columns.fields.reserve(self.columns.rows.capacity() * self.columns.keys.len() * 2);
    }

    /// The number of the field `name`, added when it is new; none when there are [`MAX_KEYS`] already.
    pub fn key(&mut self, name: &str) -> Option<usize> {
        if let Some(index) = self.columns.keys.iter().position(|key| key == name) {
            return Some(index);
        }
        let width = self.columns.keys.len();
        if width == MAX_KEYS {
            return None;
        }
        self.columns.keys.push(name.to_owned());
        self.widen(width);
        Some(width)
    }

    /// A row made of `line`. Rows go in the order of their lines; a line without a row is dropped on purpose.
    pub fn row(&mut self, line: &Line<'_>) -> Row<'_, 'a> {
        let first = self.columns.fields.len();
        self.columns.rows.push(line.index);
        self.columns.times_ns.push(i64::MIN);
        self.columns.severities.push(0);
        let width = self.columns.keys.len();
        self.columns.fields.resize(first + width * 2, ABSENT);
        Row { rows: self }
    }

    pub(crate) fn into_columns(mut self) -> LogBatch {
        if !self.has_times {
            self.columns.times_ns.clear();
        }
        self.columns
    }

    /// Whether the piece of the source at `offset` is UTF-8. In a source that is, only its two cuts can be wrong.
    fn is_text(&self, offset: usize, piece: &[u8]) -> bool {
        let is_cut_well = |at: usize| self.source.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        if self.is_utf8 { is_cut_well(offset) && is_cut_well(offset + piece.len()) } else { std::str::from_utf8(piece).is_ok() }
    }

    /// Gives the rows that are there a cell for one more field.
    fn widen(&mut self, old_width: usize) {
        if self.columns.rows.is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.columns.fields);
        let mut fields = Vec::with_capacity(self.columns.rows.capacity() * (old_width + 1) * 2);
        for row in 0..self.columns.rows.len() {
            fields.extend_from_slice(&old[row * old_width * 2..(row + 1) * old_width * 2]);
            fields.extend_from_slice(&[ABSENT, ABSENT]);
        }
        self.columns.fields = fields;
    }
}

/// The row that was begun last.
#[derive(Debug)]
pub struct Row<'r, 'a> {
    rows: &'r mut Rows<'a>,
}

impl Row<'_, '_> {
    /// Sets the field of number `key`. A piece of the line goes as a span, anything else is copied; what is not UTF-8 is copied with
    /// U+FFFD for each bad piece, because the host takes text only. A number that no field has is ignored.
    pub fn field(&mut self, key: usize, value: &[u8]) -> &mut Self {
        let width = self.rows.columns.keys.len();
        if key >= width {
            return self;
        }
        let cell = (self.rows.columns.rows.len() - 1) * width * 2 + key * 2;
        let span = match offset_in(self.rows.source, value) {
            Some(offset) if self.rows.is_text(offset, value) => [offset as u32, value.len() as u32],
            _ => self.copy(&String::from_utf8_lossy(value)),
        };
        self.rows.columns.fields[cell..cell + 2].copy_from_slice(&span);
        self
    }

    fn copy(&mut self, text: &str) -> [u32; 2] {
        let extra = &mut self.rows.columns.extra;
        let start = extra.len() as u32 | IN_EXTRA;
        extra.extend_from_slice(text.as_bytes());
        [start, text.len() as u32]
    }

    /// Sets the field `name`, adding it to the fields of this call when it is new; ignored beyond [`MAX_KEYS`].
    pub fn named_field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        if let Some(key) = self.rows.key(name) {
            self.field(key, value);
        }
        self
    }

    /// The entry's own time, Unix nanoseconds; without it the host uses when it read the line.
    pub fn time_ns(&mut self, time_ns: i64) -> &mut Self {
        self.rows.has_times = true;
        if let Some(last) = self.rows.columns.times_ns.last_mut() {
            *last = time_ns;
        }
        self
    }

    /// How serious the entry is.
    pub fn severity(&mut self, severity: Severity) -> &mut Self {
        if let Some(last) = self.rows.columns.severities.last_mut() {
            *last = severity as u8;
        }
        self
    }
}

/// Where `piece` stands in `source`, when it is a piece of it.
fn offset_in(source: &[u8], piece: &[u8]) -> Option<usize> {
    let offset = (piece.as_ptr() as usize).checked_sub(source.as_ptr() as usize)?;
    let is_inside = offset + piece.len() <= source.len();
    (is_inside && offset < IN_EXTRA as usize).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{lines, row_fields};

    #[test]
    fn fields_are_spans_into_the_lines_and_copies_only_where_needed() {
        let lines = lines(&["GET /a", "dropped", "PUT /b"], "{}");
        let mut rows = Rows::new(&lines);
        rows.set_keys(&["method", "path"]);
        for line in lines.iter().filter(|line| line.bytes != b"dropped") {
            let mut row = rows.row(&line);
            row.field(0, &line.bytes[..3]).field(1, &line.bytes[4..]);
            if line.index == 2 {
                row.named_field("note", b"own").severity(Severity::Warn).time_ns(7);
            }
        }
        let columns = rows.into_columns();
        assert_eq!(columns.rows, [0, 2]);
        assert_eq!(columns.severities, [0, 13]);
        assert_eq!(columns.times_ns, [i64::MIN, 7]);
        assert_eq!(columns.extra, b"own");
        assert_eq!(row_fields(&lines, &columns, 0), [("method", "GET"), ("path", "/a")]);
        assert_eq!(row_fields(&lines, &columns, 1), [("method", "PUT"), ("path", "/b"), ("note", "own")]);
    }

    #[test]
    fn what_is_not_utf8_is_copied_with_replacement_characters() {
        let lines = lines(&[b"caf\xe9 bar".as_slice(), "año".as_bytes()], "{}");
        let mut rows = Rows::new(&lines);
        rows.set_keys(&["whole", "cut"]);
        for line in lines.iter() {
            rows.row(&line).field(0, line.bytes).field(1, &line.bytes[..2]);
        }
        let columns = rows.into_columns();
        assert_eq!(row_fields(&lines, &columns, 0), [("whole", "caf\u{fffd} bar"), ("cut", "ca")]);
        assert_eq!(row_fields(&lines, &columns, 1), [("whole", "año"), ("cut", "a\u{fffd}")]);
    }

    #[test]
    fn more_fields_than_the_bound_are_ignored() {
        let lines = lines(&["x"], "{}");
        let mut rows = Rows::new(&lines);
        let line = lines.iter().next().unwrap();
        let mut row = rows.row(&line);
        for index in 0..MAX_KEYS + 10 {
            row.named_field(&format!("k{index}"), b"v");
        }
        assert_eq!(rows.into_columns().keys.len(), MAX_KEYS);
    }
}
