//! `chunks_head/`: chunks of the head that are full and were moved out of Prometheus's memory.

use super::chunk_file::Encoding;
use crate::bytes::{Bytes, Malformed};

const MAGIC: u32 = 0x0130_bc91;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 8;
/// Set in the encoding of a chunk of samples that came late.
const OUT_OF_ORDER: u8 = 0x80;

/// One chunk of a series, by the number that the log gives it.
#[derive(Debug)]
pub(super) struct HeadChunk<'a> {
    pub(super) number: u64,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    pub(super) is_out_of_order: bool,
    pub(super) encoding: Encoding,
    pub(super) data: &'a [u8],
}

/// Calls `each` with the chunks of a file in order. An error is where reading ends: without its length, nothing after a chunk is found.
pub(super) fn read_head_chunks<E>(bytes: &[u8], mut each: impl FnMut(HeadChunk<'_>) -> Result<(), E>) -> Result<Result<(), Malformed>, E> {
    let mut place = match header(bytes) {
        Ok(place) => place,
        Err(problem) => return Ok(Err(problem)),
    };
    loop {
        match next(&mut place) {
            Ok(Some(chunk)) => each(chunk)?,
            Ok(None) => return Ok(Ok(())),
            Err(problem) => return Ok(Err(problem)),
        }
    }
}

fn header(bytes: &[u8]) -> Result<Bytes<'_>, Malformed> {
    let mut header = Bytes::new(bytes);
    if header.be32()? != MAGIC {
        return Err(Malformed::Magic);
    }
    if header.byte()? != VERSION {
        return Err(Malformed::Version);
    }
    Bytes::at(bytes, HEADER_BYTES as u64)
}

/// The next chunk, or `None` at the end: files are as large as they may become, and zeros fill the rest.
fn next<'a>(place: &mut Bytes<'a>) -> Result<Option<HeadChunk<'a>>, Malformed> {
    let rest = *place;
    if rest.len() < 25 {
        return Ok(None);
    }
    let mut head = rest;
    let (number, min_time, max_time) = (head.be64()?, head.be64()?.cast_signed(), head.be64()?.cast_signed());
    if number == 0 && min_time == 0 && max_time == 0 {
        return Ok(None);
    }
    let encoding = head.byte()?;
    let len = head.count()?;
    let all = rest.len() - head.len() + len;
    let bytes = place.checked(all)?;
    let data = bytes.get(all - len..).ok_or(Malformed::Short)?;
    let is_out_of_order = encoding & OUT_OF_ORDER != 0;
    Ok(Some(HeadChunk { number, min_time, max_time, is_out_of_order, encoding: Encoding::from(encoding & !OUT_OF_ORDER), data }))
}
