//! Bodies with a cap: read from the wire, and inflated.

use std::io::Read;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// A body, or its beginning.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_truncated: bool,
}

/// Reads at most `limit` bytes.
pub(crate) async fn read(mut incoming: Incoming, limit: usize) -> hyper::Result<Content> {
    // A length that the other side only claims must not make the host allocate much.
    let expected = usize::try_from(incoming.size_hint().lower()).unwrap_or(0).min(limit).min(1 << 20);
    let mut content = Content { bytes: Vec::with_capacity(expected), is_truncated: false };
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = limit - content.bytes.len();
        content.bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            content.is_truncated = true;
            break;
        }
    }
    Ok(content)
}

/// Undoes gzip, at most `limit` bytes: a bomb ends there. `is_cut`: the input is only a beginning, so its missing end is no error.
pub(crate) fn inflate(compressed: &[u8], limit: usize, is_cut: bool) -> std::io::Result<Content> {
    let mut bytes = Vec::with_capacity((compressed.len() * 4).min(limit));
    let result = flate2::read::MultiGzDecoder::new(compressed).take(limit as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = result
        && !(is_cut && error.kind() == std::io::ErrorKind::UnexpectedEof)
    {
        return Err(error);
    }
    let is_truncated = bytes.len() > limit;
    bytes.truncate(limit);
    Ok(Content { bytes, is_truncated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_decompression_bomb_ends_at_the_limit() {
        let bomb = gzip(&vec![0; 10 << 20]);
        let content = inflate(&bomb, 1 << 16, false).unwrap();
        assert_eq!((content.bytes.len(), content.is_truncated), (1 << 16, true));
    }

    #[test]
    fn what_is_whole_comes_back_and_what_is_broken_is_an_error() {
        let packed = gzip(b"up 1\n");
        let content = inflate(&packed, 100, false).unwrap();
        assert_eq!((content.bytes.as_slice(), content.is_truncated), (b"up 1\n".as_slice(), false));
        assert!(inflate(&packed[..packed.len() - 4], 100, false).is_err());
        assert_eq!(inflate(&packed[..packed.len() - 4], 100, true).unwrap().bytes, b"up 1\n");
        assert!(inflate(b"not gzip at all", 100, false).is_err());
    }
}
