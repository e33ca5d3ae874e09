//! Log entries as records. Each record is complete in itself.

use std::sync::Arc;

use cepmon_model::LabelSet;

use super::cursor::{Cursor, Malformed, put_bytes, put_number, put_signed};
use super::frame::{RecordKind, put_record};
use crate::LogEntry;

/// Bytes of lines and fields after which another record begins.
const RECORD_BYTES: usize = 4 << 20;

/// Appends the records of some entries.
pub(crate) fn put_logs(out: &mut Vec<u8>, entries: &[LogEntry]) {
    let mut start = 0;
    let mut bytes = 0;
    for (index, entry) in entries.iter().enumerate() {
        bytes += entry.line.len() + entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if bytes >= RECORD_BYTES || index + 1 == entries.len() {
            put_record(out, RecordKind::Logs, |out| put_entries(out, &entries[start..=index]));
            (start, bytes) = (index + 1, 0);
        }
    }
}

fn put_entries(out: &mut Vec<u8>, entries: &[LogEntry]) {
    put_number(out, entries.len() as u64);
    let mut last_time = 0;
    let mut last_stream: Option<&LabelSet> = None;
    for entry in entries {
        // A batch is mostly of one stream, so labels are written where they change.
        let is_same = last_stream == Some(&entry.stream);
        out.push(u8::from(!is_same));
        if !is_same {
            put_number(out, entry.stream.len() as u64);
            for (name, value) in entry.stream.iter() {
                put_bytes(out, name.as_bytes());
                put_bytes(out, value.as_bytes());
            }
            last_stream = Some(&entry.stream);
        }
        put_signed(out, entry.timestamp_ns.wrapping_sub(last_time));
        last_time = entry.timestamp_ns;
        put_bytes(out, entry.level.as_bytes());
        put_bytes(out, entry.line.as_bytes());
        put_number(out, entry.fields.len() as u64);
        for (name, value) in &entry.fields {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value.as_bytes());
        }
    }
}

/// Reads a record and hands its entries over.
pub(crate) fn read_logs(payload: &[u8], mut take: impl FnMut(&LogEntry)) -> Result<u64, Malformed> {
    let mut cursor = Cursor::new(payload);
    let count = cursor.count()?;
    let mut time = 0i64;
    let mut stream = Arc::new(LabelSet::default());
    for _ in 0..count {
        if cursor.byte()? == 1 {
            let mut pairs = Vec::new();
            for _ in 0..cursor.count()? {
                pairs.push((cursor.text()?, cursor.text()?));
            }
            stream = Arc::new(LabelSet::from_pairs(pairs));
        }
        time = time.wrapping_add(cursor.signed()?);
        let (level, line) = (cursor.text()?.to_owned(), cursor.text()?.to_owned());
        let mut fields = Vec::new();
        for _ in 0..cursor.count()? {
            fields.push((Arc::from(cursor.text()?), cursor.text()?.to_owned()));
        }
        take(&LogEntry { timestamp_ns: time, stream: Arc::clone(&stream), level, line, fields });
    }
    cursor.end()?;
    Ok(count as u64)
}
