//! Lines to log entries through a parser. A batch that makes the parser fail is halved until the bad line is alone; that line is
//! stored raw with the error beside it, so none is lost because a parser is bad.

use std::sync::Arc;

use cepmon_model::{FailureKind, LabelSet, LogBatch, LogField};
use cepmon_plugin::{CallError, LineBatch, LogStreamSpec, PluginHost};
use cepmon_storage::LogEntry;

use super::tail::Lines;

/// Fields of a line that its parser could not take, named as LogQL names such (`__error__`).
const PARSE_ERROR: &str = "__parse_error__";
const PARSE_ERROR_DETAILS: &str = "__parse_error_details__";

/// A stream's way from lines to entries.
#[derive(Debug, Clone)]
pub(super) struct Parser {
    pub(super) plugins: Arc<PluginHost>,
    /// None = lines are stored as they are.
    pub(super) plugin: Option<String>,
    pub(super) stream: LogStreamSpec,
    pub(super) labels: Arc<LabelSet>,
}

impl Parser {
    /// Entries of lines that were read at a time. Lines that the parser drops on purpose are not among them.
    pub(super) async fn parse(&self, lines: &Lines, read_at_ns: i64) -> Parsed {
        let Some(plugin) = &self.plugin else {
            let entries = (0..lines.len()).map(|line| self.raw_entry(lines, line, read_at_ns, None)).collect();
            return Parsed { entries, unparsed: 0 };
        };
        let mut parsed = Parsed::default();
        // Ranges still to be parsed, the first one last.
        let mut ranges = vec![(0, lines.len())];
        while let Some((start, end)) = ranges.pop() {
            let batch = line_batch(lines, start, end, read_at_ns);
            match self.plugins.parse(plugin, &batch, &self.stream).await {
                Ok(rows) => parsed.entries.extend(self.entries(&batch, &rows, read_at_ns)),
                Err(error) if is_about_the_input(&error) && end - start > 1 => {
                    let middle = start + (end - start) / 2;
                    ranges.extend([(middle, end), (start, middle)]);
                }
                Err(error) => {
                    parsed.unparsed += (end - start) as u64;
                    parsed.entries.extend((start..end).map(|line| self.raw_entry(lines, line, read_at_ns, Some(&error))));
                }
            }
        }
        parsed
    }

    fn raw_entry(&self, lines: &Lines, line: usize, read_at_ns: i64, error: Option<&CallError>) -> LogEntry {
        let bytes = &lines.bytes[lines.offsets[2 * line] as usize..lines.offsets[2 * line + 1] as usize];
        let fields = error.map(|error| {
            let text = error.to_string();
            [(Arc::from(PARSE_ERROR), error.kind.as_str().to_owned()), (Arc::from(PARSE_ERROR_DETAILS), text)]
        });
        LogEntry {
            timestamp_ns: read_at_ns,
            stream: Arc::clone(&self.labels),
            level: String::new(),
            line: String::from_utf8_lossy(bytes).into_owned(),
            fields: fields.into_iter().flatten().collect(),
        }
    }

    fn entries<'a>(&'a self, batch: &'a LineBatch, rows: &'a LogBatch, read_at_ns: i64) -> impl Iterator<Item = LogEntry> + 'a {
        let keys: Vec<Arc<str>> = rows.keys.iter().map(|key| Arc::from(key.as_str())).collect();
        rows.rows.iter().enumerate().map(move |(row, line)| {
            let line = 2 * *line as usize;
            let bytes = &batch.bytes[batch.offsets[line] as usize..batch.offsets[line + 1] as usize];
            let own_time = rows.times_ns.get(row).copied().filter(|time| *time != i64::MIN);
            let fields = rows.fields[row * keys.len()..(row + 1) * keys.len()].iter().zip(&keys);
            LogEntry {
                timestamp_ns: own_time.unwrap_or(read_at_ns),
                stream: Arc::clone(&self.labels),
                level: rows.severities.get(row).map_or("", |severity| severity.level()).to_owned(),
                line: String::from_utf8_lossy(bytes).into_owned(),
                fields: fields.filter_map(|(field, key)| Some((Arc::clone(key), field_text(*field, batch, rows)?))).collect(),
            }
        })
    }
}

/// What became of a batch of lines.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Entries to store.
    pub(super) entries: Vec<LogEntry>,
    /// Lines stored raw because the parser failed on them.
    pub(super) unparsed: u64,
}

/// Whether another, smaller input may succeed.
fn is_about_the_input(error: &CallError) -> bool {
    !matches!(error.kind, FailureKind::Load | FailureKind::Denied)
}

fn line_batch(lines: &Lines, start: usize, end: usize, read_at_ns: i64) -> LineBatch {
    let offsets = &lines.offsets[2 * start..2 * end];
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    LineBatch {
        bytes: lines.bytes[first as usize..last as usize].to_vec(),
        offsets: offsets.iter().map(|offset| offset - first).collect(),
        times_ns: vec![read_at_ns; end - start],
    }
}

fn field_text(field: LogField, batch: &LineBatch, rows: &LogBatch) -> Option<String> {
    let (bytes, start, len) = match field {
        LogField::Absent => return None,
        LogField::Input { start, len } => (&batch.bytes, start, len),
        LogField::Extra { start, len } => (&rows.extra, start, len),
    };
    let bytes = bytes.get(start as usize..start as usize + len as usize)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}
