//! Records on disk: length, CRC-32 of the length, CRC-32 of kind and payload, kind, payload.
//!
//! The length has a checksum of its own so that a flipped bit in it cannot pass for the torn end of the log, which is cut off.

/// What a record says. Numbers are on disk; they are never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// Labels and metadata of series that later records of the segment refer to.
    Series = 1,
    Samples = 2,
    Logs = 3,
    Rows = 4,
    KeyValues = 5,
}

impl RecordKind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Series, Self::Samples, Self::Logs, Self::Rows, Self::KeyValues].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Length and checksums, before the kind.
pub(crate) const HEADER_BYTES: usize = 12;

/// The longest kind and payload that is written or believed. A batch over it becomes several records.
pub(crate) const MAX_RECORD_BYTES: usize = 64 << 20;

/// Appends a record whose payload `fill` writes.
pub(crate) fn put_record(out: &mut Vec<u8>, kind: RecordKind, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.push(kind as u8);
    fill(out);
    let body = &out[start + HEADER_BYTES..];
    let len = u32::try_from(body.len()).expect("BUG: a log record over 4 GiB").to_le_bytes();
    let sum = crc32fast::hash(body).to_le_bytes();
    out[start..start + 4].copy_from_slice(&len);
    out[start + 4..start + 8].copy_from_slice(&crc32fast::hash(&len).to_le_bytes());
    out[start + 8..start + HEADER_BYTES].copy_from_slice(&sum);
}

/// Length and checksum of a record's kind and payload; `None` if the header is damaged.
pub(crate) fn read_header(header: [u8; HEADER_BYTES]) -> Option<(usize, u32)> {
    let [l0, l1, l2, l3, s0, s1, s2, s3, c0, c1, c2, c3] = header;
    let len = [l0, l1, l2, l3];
    let is_intact = crc32fast::hash(&len) == u32::from_le_bytes([s0, s1, s2, s3]);
    let len = u32::from_le_bytes(len) as usize;
    let is_believable = (1..=MAX_RECORD_BYTES).contains(&len);
    (is_intact && is_believable).then_some((len, u32::from_le_bytes([c0, c1, c2, c3])))
}
