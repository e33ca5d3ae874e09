//! The pages of a log folder (`wal/`, `wal/checkpoint.N/`, `wbl/`): fragments into records, decompressed.

use crate::bytes::{Bytes, Malformed};
use crate::files::Files;
use crate::{Error, Findings};

const PAGE_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
/// A record that says to be larger is damage; Prometheus's are below 1 MiB.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// Which part of its record a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Full,
    First,
    Middle,
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Snappy,
    Zstd,
}

/// The paths of a folder's segments in order, from a number on. Names of segments are numbers of eight digits.
pub(super) fn segments(files: &Files, folder: &str, from: u64) -> Vec<String> {
    let numbers = files.in_folder(folder).into_iter().filter_map(|name| name.parse::<u64>().ok().filter(|_| name.len() == 8));
    let mut numbers: Vec<u64> = numbers.filter(|number| *number >= from).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| format!("{folder}/{number:08}")).collect()
}

/// Calls `each` with every record of the segments. Where a page is damaged, the next one goes on; a record cut short at the very end is
/// what a killed or a running Prometheus leaves, and no damage.
pub(super) fn read_records(
    files: &Files,
    segments: &[String],
    findings: &mut Findings,
    mut each: impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<(), Error> {
    let mut record = Vec::new();
    let mut plain = Vec::new();
    for (number, name) in segments.iter().enumerate() {
        let blob = files.blob(name)?;
        let is_last = number + 1 == segments.len();
        let mut page = Vec::new();
        let mut offset = 0;
        // Records do not cross segments.
        record.clear();
        let mut is_open = false;
        while offset < blob.len() {
            blob.read_at(offset, PAGE_BYTES, &mut page)?;
            let is_last_page = is_last && offset + PAGE_BYTES as u64 >= blob.len();
            let mut place = Bytes::new(&page);
            loop {
                let at = page.len() - place.len();
                let read = read_fragment(&mut place).and_then(|fragment| {
                    let Some((part, compression, data)) = fragment else { return Ok(false) };
                    let begins = matches!(part, Part::Full | Part::First);
                    if begins {
                        record.clear();
                        is_open = true;
                    } else if !is_open {
                        // The rest of a record whose beginning was lost and reported.
                        return Ok(true);
                    }
                    if record.len() + data.len() > MAX_RECORD_BYTES {
                        return Err(Malformed::Number);
                    }
                    record.extend_from_slice(data);
                    if matches!(part, Part::Full | Part::Last) {
                        is_open = false;
                        decompress(compression, &record, &mut plain)?;
                        each(&plain)?;
                    }
                    Ok(true)
                });
                match read {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(Malformed::Short) if is_last_page => break,
                    Err(problem) => {
                        is_open = false;
                        let byte = offset + at as u64;
                        findings.problem(format!(
                            "{}: cannot read the record at byte {byte}: {problem}; the rest of its page is left out",
                            blob.path().display()
                        ));
                        break;
                    }
                }
            }
            offset += PAGE_BYTES as u64;
        }
    }
    Ok(())
}

/// A piece of a record.
type Fragment<'a> = (Part, Compression, &'a [u8]);

/// The next fragment of a page; `None` when the rest of the page is empty.
fn read_fragment<'a>(page: &mut Bytes<'a>) -> Result<Option<Fragment<'a>>, Malformed> {
    if page.len() < HEADER_BYTES {
        return Ok(None);
    }
    let kind = page.byte()?;
    let part = match kind & 0b111 {
        0 => return Ok(None),
        1 => Part::Full,
        2 => Part::First,
        3 => Part::Middle,
        4 => Part::Last,
        _ => return Err(Malformed::Magic),
    };
    let compression = match kind & 0b1_1000 {
        0 => Compression::None,
        0b0_1000 => Compression::Snappy,
        0b1_0000 => Compression::Zstd,
        _ => return Err(Malformed::Compression),
    };
    let len = usize::from(u16::from_be_bytes(page.take(2)?.try_into().map_err(|_| Malformed::Short)?));
    let checksum = page.be32()?;
    let data = page.take(len)?;
    if crc32c::crc32c(data) == checksum { Ok(Some((part, compression, data))) } else { Err(Malformed::Checksum) }
}

fn decompress(compression: Compression, record: &[u8], plain: &mut Vec<u8>) -> Result<(), Malformed> {
    let broken = |_| Malformed::Compression;
    plain.clear();
    match compression {
        Compression::None => plain.extend_from_slice(record),
        Compression::Snappy => {
            let len = snap::raw::decompress_len(record).map_err(|_| Malformed::Compression)?;
            if len > MAX_RECORD_BYTES {
                return Err(Malformed::Number);
            }
            plain.resize(len, 0);
            snap::raw::Decoder::new().decompress(record, plain).map_err(|_| Malformed::Compression)?;
        }
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(record).map_err(broken)?;
            let limit = MAX_RECORD_BYTES as u64;
            let read = std::io::copy(&mut std::io::Read::take(decoder, limit + 1), plain).map_err(broken)?;
            if read > limit {
                return Err(Malformed::Number);
            }
        }
    }
    Ok(())
}
