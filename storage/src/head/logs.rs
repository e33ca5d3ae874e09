//! Recent log entries in memory, as rows over text that lies in pieces of about a megabyte. Nothing is compressed here: lines are soon
//! flushed, and then they compress far better together.

use std::sync::Arc;

use cepmon_model::LabelSet;
use hashbrown::{HashMap, HashSet};

use crate::LogEntry;

/// Bytes of text after which a piece is closed, and so about what a scan copies of the open one.
const PIECE_BYTES: usize = 1 << 20;

/// A span of a piece's text.
#[derive(Debug, Clone, Copy)]
struct TextSpan {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    timestamp_ns: i64,
    stream: u32,
    level: u32,
    line: TextSpan,
    /// The row's fields end here in `fields`; they begin where the row before ends.
    fields_end: u32,
}

/// Entries over one text.
#[derive(Debug, Clone, Default)]
struct Piece {
    text: String,
    rows: Vec<Row>,
    fields: Vec<(u32, TextSpan)>,
}

/// Entries in the order of arrival. A clone shares closed pieces.
#[derive(Debug, Clone)]
pub(crate) struct LogRows {
    streams: Vec<Arc<LabelSet>>,
    /// Names of fields, and levels.
    words: Vec<Arc<str>>,
    closed: Vec<Arc<Piece>>,
    open: Piece,
    min_ns: i64,
    max_ns: i64,
    entries: u64,
    bytes: usize,
}

/// The log part of the head.
#[derive(Debug, Default)]
pub(crate) struct LogHead {
    rows: LogRows,
    stream_numbers: HashMap<Arc<LabelSet>, u32>,
    word_numbers: HashMap<Arc<str>, u32>,
}

/// A row's place: piece and row within.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowAddress {
    piece: u32,
    row: u32,
}

/// One entry, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRow<'a> {
    rows: &'a LogRows,
    piece: &'a Piece,
    row: usize,
}

impl Default for LogRows {
    fn default() -> Self {
        Self {
            streams: Vec::new(),
            words: Vec::new(),
            closed: Vec::new(),
            open: Piece::default(),
            min_ns: i64::MAX,
            max_ns: i64::MIN,
            entries: 0,
            bytes: 0,
        }
    }
}

impl LogHead {
    pub(crate) fn push(&mut self, entry: &LogEntry) {
        let stream = self.stream_number(&entry.stream);
        let level = self.word_number(&entry.level);
        for (name, _) in &entry.fields {
            self.word_number(name);
        }
        let rows = &mut self.rows;
        let text_bytes = entry.line.len() + entry.fields.iter().map(|(_, value)| value.len()).sum::<usize>();
        if rows.open.text.len() + text_bytes > PIECE_BYTES && !rows.open.rows.is_empty() {
            rows.closed.push(Arc::new(std::mem::take(&mut rows.open)));
        }
        let piece = &mut rows.open;
        let line = piece.put(&entry.line);
        for (name, value) in &entry.fields {
            let span = piece.put(value);
            piece.fields.push((self.word_numbers.get(name).copied().unwrap_or_default(), span));
        }
        let fields_end = piece.fields.len() as u32;
        piece.rows.push(Row { timestamp_ns: entry.timestamp_ns, stream, level, line, fields_end });
        rows.min_ns = rows.min_ns.min(entry.timestamp_ns);
        rows.max_ns = rows.max_ns.max(entry.timestamp_ns);
        rows.entries += 1;
        rows.bytes += text_bytes + size_of::<Row>() + entry.fields.len() * size_of::<(u32, TextSpan)>();
    }

    pub(crate) fn rows(&self) -> &LogRows {
        &self.rows
    }

    /// Takes all entries out.
    pub(crate) fn freeze(&mut self) -> LogRows {
        std::mem::take(self).rows
    }

    fn stream_number(&mut self, stream: &Arc<LabelSet>) -> u32 {
        if let Some(&number) = self.stream_numbers.get(stream) {
            return number;
        }
        let number = self.rows.streams.len() as u32;
        self.rows.streams.push(Arc::clone(stream));
        self.stream_numbers.insert(Arc::clone(stream), number);
        self.rows.bytes += 2 * stream.heap_bytes();
        number
    }

    fn word_number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.word_numbers.get(word) {
            return number;
        }
        let number = self.rows.words.len() as u32;
        let word: Arc<str> = word.into();
        self.rows.words.push(Arc::clone(&word));
        self.rows.bytes += word.len() + 64;
        self.word_numbers.insert(word, number);
        number
    }
}

impl Piece {
    /// Spans have 32 bits: a piece is closed at a megabyte, and a single entry is far below 4 GiB (see `MAX_LINE_BYTES`).
    fn put(&mut self, text: &str) -> TextSpan {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        TextSpan { start, end: self.text.len() as u32 }
    }

    fn text(&self, span: TextSpan) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

impl LogRows {
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Times of the oldest and the youngest entry.
    pub(crate) fn time_range(&self) -> (i64, i64) {
        (self.min_ns, self.max_ns)
    }

    /// Rows whose stream is wanted and whose time lies in the range, sorted by stream and time.
    pub(crate) fn select(&self, is_wanted: impl Fn(&LabelSet) -> bool, (start, end): (i64, i64)) -> Vec<RowAddress> {
        let mut order: Vec<u32> = (0..self.streams.len() as u32).collect();
        order.sort_by(|&left, &right| self.streams[left as usize].cmp(&self.streams[right as usize]));
        // Rank of each wanted stream, by number.
        let mut ranks = vec![None; self.streams.len()];
        for (rank, &stream) in (0u32..).zip(&order) {
            ranks[stream as usize] = is_wanted(&self.streams[stream as usize]).then_some(rank);
        }
        let mut selected = Vec::new();
        for (piece_number, piece) in (0u32..).zip(self.pieces()) {
            for (row_number, row) in (0u32..).zip(&piece.rows) {
                let Some(rank) = ranks[row.stream as usize].filter(|_| row.timestamp_ns >= start && row.timestamp_ns <= end) else {
                    continue;
                };
                selected.push((rank, row.timestamp_ns, RowAddress { piece: piece_number, row: row_number }));
            }
        }
        // Stable: lines of one time stay in the order of arrival.
        selected.sort_by_key(|&(rank, time, _)| (rank, time));
        selected.into_iter().map(|(.., address)| address).collect()
    }

    pub(crate) fn get(&self, address: RowAddress) -> LogRow<'_> {
        let piece = self.closed.get(address.piece as usize).map_or(&self.open, Arc::as_ref);
        LogRow { rows: self, piece, row: address.row as usize }
    }

    /// Names of fields with the number of rows that have them, most frequent first.
    pub(crate) fn field_counts(&self) -> Vec<(Arc<str>, u64)> {
        let mut counts = vec![0u64; self.words.len()];
        for piece in self.pieces() {
            for (name, _) in &piece.fields {
                counts[*name as usize] += 1;
            }
        }
        let mut counted: Vec<(Arc<str>, u64)> = self.words.iter().cloned().zip(counts).filter(|(_, count)| *count > 0).collect();
        counted.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        counted
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.closed.iter().map(Arc::as_ref).chain([&self.open])
    }
}

impl<'a> LogRow<'a> {
    pub(crate) fn timestamp_ns(self) -> i64 {
        self.piece.rows[self.row].timestamp_ns
    }

    pub(crate) fn stream(self) -> &'a Arc<LabelSet> {
        &self.rows.streams[self.piece.rows[self.row].stream as usize]
    }

    pub(crate) fn level(self) -> &'a str {
        &self.rows.words[self.piece.rows[self.row].level as usize]
    }

    pub(crate) fn line(self) -> &'a str {
        self.piece.text(self.piece.rows[self.row].line)
    }

    pub(crate) fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let start = self.row.checked_sub(1).map_or(0, |before| self.piece.rows[before].fields_end);
        let end = self.piece.rows[self.row].fields_end;
        let fields = &self.piece.fields[start as usize..end as usize];
        fields.iter().map(move |&(name, span)| (&*self.rows.words[name as usize], self.piece.text(span)))
    }

    pub(crate) fn field(self, name: &str) -> Option<&'a str> {
        self.fields().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// Field names of an entry must differ from each other.
pub(crate) fn has_repeated_field(entry: &LogEntry) -> bool {
    if entry.fields.len() <= 8 {
        let names = entry.fields.iter().enumerate();
        return names.into_iter().any(|(index, (name, _))| entry.fields[..index].iter().any(|(before, _)| before == name));
    }
    let mut seen = HashSet::with_capacity(entry.fields.len());
    entry.fields.iter().any(|(name, _)| !seen.insert(name))
}
