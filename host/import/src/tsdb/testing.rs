//! Writes tiny data directories byte by byte, as Prometheus's format documents describe them, for the tests of the reader.

use std::fs;
use std::path::Path;

use cepmon_model::{LabelSet, Sample};

/// Bytes as Prometheus's `encoding` writes them.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn be32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn be64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn uvarint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(super) fn varint(&mut self, value: i64) -> &mut Self {
        self.uvarint((value << 1 ^ value >> 63).cast_unsigned())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.uvarint(text.len() as u64).put(text.as_bytes())
    }

    /// The bytes, followed by their checksum.
    pub(super) fn checked(&mut self, bytes: &[u8]) -> &mut Self {
        self.put(bytes).be32(crc32c::crc32c(bytes))
    }
}

/// Bits, highest first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u64, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            self.used += 1;
        }
    }
}

pub(super) fn sample(timestamp: i64, value: f64) -> Sample {
    Sample { timestamp, value }
}

/// An XOR chunk with the widest of the possible forms wherever there is a choice.
pub(super) fn xor_chunk(samples: &[Sample]) -> Vec<u8> {
    let mut bits = Bits::default();
    let (mut time, mut delta, mut value) = (0i64, 0i64, 0u64);
    for (index, sample) in samples.iter().enumerate() {
        let new = sample.timestamp - time;
        let mut number = Out::default();
        match index {
            0 => {
                number.varint(sample.timestamp);
            }
            1 => {
                number.uvarint(new.cast_unsigned());
            }
            _ => {}
        }
        number.0.iter().for_each(|byte| bits.put(u64::from(*byte), 8));
        if index > 1 {
            let change = new - delta;
            let (prefix, prefix_len, len) = match change {
                0 => (0, 1, 0),
                -8191..=8192 => (0b10, 2, 14),
                -65535..=65536 => (0b110, 3, 17),
                -524_287..=524_288 => (0b1110, 4, 20),
                _ => (0b1111, 4, 64),
            };
            bits.put(prefix, prefix_len);
            bits.put(change.cast_unsigned(), len);
        }
        let new_value = sample.value.to_bits();
        let change = value ^ new_value;
        if index == 0 {
            bits.put(new_value, 64);
        } else if change == 0 {
            bits.put(0, 1);
        } else {
            let (leading, trailing) = (change.leading_zeros().min(31), change.trailing_zeros());
            let width = 64 - leading - trailing;
            bits.put(0b11, 2);
            bits.put(u64::from(leading), 5);
            bits.put(u64::from(width % 64), 6);
            bits.put(change >> trailing, width);
        }
        (delta, time, value) = (if index == 0 { 0 } else { new }, sample.timestamp, new_value);
    }
    let mut chunk = (samples.len() as u16).to_be_bytes().to_vec();
    chunk.append(&mut bits.bytes);
    chunk
}

/// A block: a chunk for each series.
pub(super) struct Block<'a> {
    pub(super) ulid: &'a str,
    pub(super) index_version: u8,
    pub(super) meta: &'a str,
    pub(super) series: &'a [(LabelSet, Vec<Sample>)],
    /// Deleted spans by the position of the series.
    pub(super) deleted: &'a [(usize, i64, i64)],
}

pub(super) fn write_block(root: &Path, block: &Block<'_>) {
    let folder = root.join(block.ulid);
    fs::create_dir_all(folder.join("chunks")).unwrap();
    fs::write(folder.join("meta.json"), block.meta).unwrap();
    let mut chunks = Out::default();
    chunks.be32(0x85bd_40dd).put(&[1, 0, 0, 0]);
    let mut places = Vec::new();
    for (_, samples) in block.series {
        places.push(chunks.0.len() as u64);
        let mut data = vec![1];
        data.append(&mut xor_chunk(samples));
        chunks.uvarint(data.len() as u64 - 1).checked(&data);
    }
    fs::write(folder.join("chunks/000001"), chunks.0).unwrap();
    let (index, numbers) = index(block, &places);
    fs::write(folder.join("index"), index).unwrap();
    let mut stones = Out::default();
    for (position, first, last) in block.deleted {
        stones.uvarint(numbers[*position]).varint(*first).varint(*last);
    }
    let mut tombstones = Out::default();
    tombstones.be32(0x0130_ba30).put(&[1]).checked(&stones.0);
    fs::write(folder.join("tombstones"), tombstones.0).unwrap();
}

/// The index and the series' numbers.
fn index(block: &Block<'_>, places: &[u64]) -> (Vec<u8>, Vec<u64>) {
    let mut symbols: Vec<&str> =
        block.series.iter().flat_map(|(labels, _)| labels.iter()).flat_map(|(name, value)| [name, value]).collect();
    symbols.sort_unstable();
    symbols.dedup();
    let mut out = Out::default();
    out.be32(0xbaaa_d700).put(&[block.index_version]);
    let symbols_at = out.0.len();
    let mut section = Out::default();
    section.be32(symbols.len() as u32);
    let mut references = Vec::new();
    for (number, symbol) in symbols.iter().enumerate() {
        references.push(if block.index_version == 1 { (symbols_at + 4 + section.0.len()) as u64 } else { number as u64 });
        section.text(symbol);
    }
    out.be32(section.0.len() as u32).checked(&section.0);
    let reference = |symbol: &str| references[symbols.binary_search(&symbol).unwrap()];
    let mut series_at = None;
    let mut numbers = Vec::new();
    for ((labels, samples), place) in block.series.iter().zip(places) {
        while block.index_version == 2 && !out.0.len().is_multiple_of(16) {
            out.0.push(0);
        }
        series_at.get_or_insert(out.0.len());
        numbers.push(if block.index_version == 2 { out.0.len() / 16 } else { out.0.len() } as u64);
        let mut entry = Out::default();
        entry.uvarint(labels.len() as u64);
        for (name, value) in labels.iter() {
            entry.uvarint(reference(name)).uvarint(reference(value));
        }
        let (first, last) = (samples[0].timestamp, samples[samples.len() - 1].timestamp);
        entry.uvarint(1).varint(first).uvarint((last - first).cast_unsigned()).uvarint(*place);
        out.uvarint(entry.0.len() as u64).checked(&entry.0);
    }
    let end = out.0.len() as u64;
    // Label indices and postings are not written: nothing reads them.
    let mut contents = Out::default();
    contents.be64(symbols_at as u64).be64(series_at.unwrap() as u64).be64(end).be64(end).be64(end).be64(end);
    out.checked(&contents.0);
    (out.0, numbers)
}

/// How a record of the log is compressed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Packed {
    Plain,
    Snappy,
    Zstd,
}

/// A segment of a log with these records, cut into fragments at the borders of pages.
pub(super) fn write_segment(path: &Path, records: &[(Packed, Vec<u8>)]) {
    const PAGE: usize = 32 << 10;
    let mut out = Out::default();
    for (packed, record) in records {
        let (flag, bytes) = match packed {
            Packed::Plain => (0, record.clone()),
            Packed::Snappy => (8, snap::raw::Encoder::new().compress_vec(record).unwrap()),
            Packed::Zstd => (16, zstd::encode_all(record.as_slice(), 1).unwrap()),
        };
        let mut rest = bytes.as_slice();
        let mut is_first = true;
        loop {
            let left = PAGE - out.0.len() % PAGE;
            if left < 7 {
                out.0.resize(out.0.len() + left, 0);
                continue;
            }
            let (data, after) = rest.split_at(rest.len().min(left - 7));
            let part = match (is_first, after.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            out.put(&[part | flag]).put(&(data.len() as u16).to_be_bytes()).be32(crc32c::crc32c(data)).put(data);
            (rest, is_first) = (after, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, out.0).unwrap();
}

pub(super) fn series_record(series: &[(u64, &LabelSet)]) -> Vec<u8> {
    let mut out = Out(vec![1]);
    for (number, labels) in series {
        out.be64(*number).uvarint(labels.len() as u64);
        for (name, value) in labels.iter() {
            out.text(name).text(value);
        }
    }
    out.0
}

pub(super) fn samples_record(samples: &[(u64, Sample)]) -> Vec<u8> {
    let (first_number, first) = samples[0];
    let mut out = Out(vec![2]);
    out.be64(first_number).be64(first.timestamp.cast_unsigned());
    for (number, sample) in samples {
        out.varint((number - first_number).cast_signed()).varint(sample.timestamp - first.timestamp).be64(sample.value.to_bits());
    }
    out.0
}

/// A file of `chunks_head`.
pub(super) fn write_head_chunks(path: &Path, chunks: &[(u64, u8, Vec<Sample>)]) {
    let mut out = Out::default();
    out.be32(0x0130_bc91).put(&[1, 0, 0, 0]);
    for (number, encoding, samples) in chunks {
        let mut chunk = Out::default();
        chunk.be64(*number).be64(samples[0].timestamp.cast_unsigned());
        chunk.be64(samples[samples.len() - 1].timestamp.cast_unsigned()).put(&[*encoding]);
        let data = xor_chunk(samples);
        chunk.uvarint(data.len() as u64).put(&data);
        out.checked(&chunk.0);
    }
    // Prometheus makes the file as large as it may become.
    out.0.resize(out.0.len() + 100, 0);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, out.0).unwrap();
}
