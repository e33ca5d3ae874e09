//! Reading the log again after a start, record by record, with memory for one record.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read};
use std::path::Path;

use super::cursor::Malformed;
use super::frame::{HEADER_BYTES, RecordKind, read_header};
use super::writer::SEGMENT_HEADER;
use crate::Error;

/// How reading one segment ended.
#[derive(Debug, Default)]
pub(crate) struct SegmentReport {
    pub(crate) records: u64,
    /// Bytes that were cut off because the process died while writing the last record.
    pub(crate) torn_bytes: u64,
    /// Damage in the middle: file, offset, what is lost.
    pub(crate) problem: Option<String>,
}

/// Reads a segment and hands every record to `apply`. A torn record at the end is cut off the file; if it has its length and only
/// a wrong checksum, the report says so too. A bad one before the end loses what
/// follows in this segment only; the file stays as it is and the report says where.
pub(crate) fn replay_segment(
    path: &Path,
    mut apply: impl FnMut(RecordKind, &[u8]) -> Result<(), Malformed>,
) -> Result<SegmentReport, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let size = file.metadata().map_err(Error::io("read the size of", path))?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut report = SegmentReport::default();
    let header_bytes = SEGMENT_HEADER.len() as u64;
    if size < header_bytes {
        // The process died between making the file and writing its first bytes.
        return cut(path, 0, size, report);
    }
    let mut header = [0; SEGMENT_HEADER.len()];
    reader.read_exact(&mut header).map_err(Error::io("read", path))?;
    let mut offset = header_bytes;
    let mut body = Vec::new();
    let lost = |offset: u64, problem: &str| {
        format!("log segment \"{}\", offset {offset}: {problem}; {} bytes behind it are not read", path.display(), size - offset)
    };
    if &header != SEGMENT_HEADER {
        report.problem = Some(lost(0, "not a log segment of this version"));
        return Ok(report);
    }
    while offset < size {
        let mut frame = [0; HEADER_BYTES];
        if size - offset < HEADER_BYTES as u64 {
            return cut(path, offset, size, report);
        }
        reader.read_exact(&mut frame).map_err(Error::io("read", path))?;
        let Some((len, sum)) = read_header(frame) else {
            // A power cut can leave a file longer than its data; the rest is zeros then.
            if frame == [0; HEADER_BYTES] && is_zero_to_the_end(&mut reader).map_err(Error::io("read", path))? {
                return cut(path, offset, size, report);
            }
            report.problem = Some(lost(offset, "a record with a damaged length"));
            return Ok(report);
        };
        let end = offset + (HEADER_BYTES + len) as u64;
        if end > size {
            return cut(path, offset, size, report);
        }
        body.resize(len, 0);
        reader.read_exact(&mut body).map_err(Error::io("read", path))?;
        if crc32fast::hash(&body) != sum {
            if end == size {
                // A process that dies leaves a short record; a whole one may be a power cut's, or damage.
                report.problem = Some(lost(offset, "the last record has a wrong checksum and was cut off"));
                return cut(path, offset, size, report);
            }
            report.problem = Some(lost(offset, "a record with a wrong checksum"));
            return Ok(report);
        }
        let applied = RecordKind::from_byte(body[0]).ok_or(Malformed).and_then(|kind| apply(kind, &body[1..]));
        if applied.is_err() {
            report.problem = Some(lost(offset, "a record that this version cannot read"));
            return Ok(report);
        }
        report.records += 1;
        offset = end;
    }
    Ok(report)
}

fn is_zero_to_the_end(reader: &mut impl Read) -> std::io::Result<bool> {
    let mut bytes = [0; 4096];
    loop {
        match reader.read(&mut bytes)? {
            0 => return Ok(true),
            read if bytes[..read].iter().any(|&byte| byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

fn cut(path: &Path, offset: u64, size: u64, mut report: SegmentReport) -> Result<SegmentReport, Error> {
    let file = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
    file.set_len(offset).map_err(Error::io("cut", path))?;
    file.sync_all().map_err(Error::io("sync", path))?;
    report.torn_bytes = size - offset;
    Ok(report)
}
