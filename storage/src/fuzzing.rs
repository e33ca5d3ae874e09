//! Doors for `tests/fuzz`: what is private otherwise. Not for use; no promise.

use std::path::Path;

use crate::dir::manifest::Manifest;
use crate::wal::frame::{HEADER_BYTES, RecordKind, put_record, read_header};
use crate::wal::writer::SEGMENT_HEADER;

/// The records of a log segment: the number of the kind, the payload.
pub fn records(segment: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut records = Vec::new();
    let mut rest = segment.get(SEGMENT_HEADER.len()..).unwrap_or_default();
    while let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let Some((body, after)) = read_header(*header).and_then(|(length, _)| body.split_at_checked(length)) else { break };
        records.extend(body.split_first().map(|(&kind, payload)| (kind, payload.to_vec())));
        rest = after;
    }
    records
}

/// A log segment of records, with checksums that are right whatever the payloads say. Records of no kind are left out.
pub fn segment(records: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut segment = SEGMENT_HEADER.to_vec();
    for (kind, payload) in records {
        if let Some(kind) = RecordKind::from_byte(*kind) {
            put_record(&mut segment, kind, |out| out.extend_from_slice(payload));
        }
    }
    segment
}

/// Reads a manifest's text.
pub fn manifest(text: &[u8]) -> Result<(), String> {
    Manifest::parse(text, Path::new("fuzz"), Path::new("fuzz/MANIFEST")).map(drop).map_err(|error| error.to_string())
}
