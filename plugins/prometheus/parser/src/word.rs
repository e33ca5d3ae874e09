//! Eight bytes at a time. A guest pays for every turn of a loop (the host looks at its deadline there), so bytes are not looked at one by one where
//! it can be helped: this and `template.rs` together are worth a factor of two (short lines) to four (five labels) in the sandbox.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The eight bytes at `at`, the first one lowest; behind the end there are newlines.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(bytes, at),
    }
}

#[cold]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let mut chunk = [b'\n'; 8];
    let rest = bytes.get(at..).unwrap_or_default();
    chunk[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(chunk)
}

/// A high bit in every byte of `word` that is `byte`, right up to the first one; above it there may be wrong ones.
#[inline(always)]
fn marks(word: u64, byte: u8) -> u64 {
    let zero = word ^ (LOW * u64::from(byte));
    zero.wrapping_sub(LOW) & !zero & HIGH
}

/// The first quote, backslash or newline from `at` on; at most the length of `bytes`.
#[inline(always)]
pub(super) fn find_quote(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let word = word_at(bytes, at);
        let found = marks(word, b'"') | marks(word, b'\\') | marks(word, b'\n');
        if found != 0 {
            return (at + found.trailing_zeros() as usize / 8).min(bytes.len());
        }
        at += 8;
    }
}

/// The first newline from `at` on; at most the length of `bytes`.
#[inline(always)]
pub(super) fn find_newline(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let found = marks(word_at(bytes, at), b'\n');
        if found != 0 {
            return (at + found.trailing_zeros() as usize / 8).min(bytes.len());
        }
        at += 8;
    }
}

/// Whether all is UTF-8. Bodies are ASCII nearly always, and that is seen 32 bytes at a time.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<32>();
    let word = |chunk: &[u8; 32], index: usize| word_at(chunk, index * 8);
    let is_ascii = |chunk: &[u8; 32]| (word(chunk, 0) | word(chunk, 1) | word(chunk, 2) | word(chunk, 3)) & HIGH == 0;
    (chunks.iter().all(is_ascii) && rest.is_ascii()) || std::str::from_utf8(bytes).is_ok()
}

/// The number that the digits at `at` make, up to sixteen of them, and how many there are.
#[inline(always)]
pub(super) fn digits_at(bytes: &[u8], at: usize) -> (u64, usize) {
    let (value, count) = eight_digits(word_at(bytes, at));
    if count < 8 {
        return (value, count);
    }
    let (more, more_count) = eight_digits(word_at(bytes, at + 8));
    (value * SCALE[more_count] + more, 8 + more_count)
}

const SCALE: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits that `word` begins with. Lemire's way: pairs, then fours, then eight, by multiplication.
#[inline(always)]
fn eight_digits(word: u64) -> (u64, usize) {
    let values = word ^ (LOW * u64::from(b'0'));
    // Not a digit: more than nine. Carries only run upwards, so the first one is right.
    let others = (values | values.wrapping_add(LOW * 6)) & (LOW * 0xf0);
    let count = others.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // Zeros in front of the digits make them eight.
    let eight = values << (64 - 8 * count);
    let pairs = eight.wrapping_mul(10).wrapping_add(eight >> 8);
    const PAIR: u64 = 0x0000_00ff_0000_00ff;
    let upper = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & PAIR).wrapping_mul(1 + (10_000 << 32));
    (upper.wrapping_add(lower) >> 32, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_and_read_up_to_sixteen() {
        let f = |text: &str, want: (u64, usize)| assert_eq!(digits_at(text.as_bytes(), 0), want, "{text}");
        f("", (0, 0));
        f("x1", (0, 0));
        f("7", (7, 1));
        f("70.5\n", (70, 2));
        f("1234567 ", (1_234_567, 7));
        f("12345678", (12_345_678, 8));
        f("123456789e", (123_456_789, 9));
        f("0123456789012345", (123_456_789_012_345, 16));
        f("99999999999999999999", (9_999_999_999_999_999, 16));
        f("12\u{e9}4", (12, 2));
        f("12/4:", (12, 2));
        f("12:4/", (12, 2));
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for position in 0..40 {
            for special in *b"\"\\\n" {
                let mut bytes = vec![b'!'; 40];
                bytes[position] = special;
                assert_eq!(find_quote(&bytes, 0), position);
                assert_eq!(find_newline(&bytes, 0), if special == b'\n' { position } else { 40 });
            }
        }
        assert_eq!(find_quote(b"abc", 0), 3);
        assert_eq!(find_quote(b"", 0), 0);
    }

    #[test]
    fn utf8_is_told_from_other_bytes() {
        assert!(is_utf8("plain ".repeat(20).as_bytes()));
        assert!(is_utf8("räum ".repeat(20).as_bytes()));
        assert!(!is_utf8(&[b"plain ".repeat(20), vec![0xff]].concat()));
        assert!(!is_utf8(&[vec![0xc3], b"plain ".repeat(20)].concat()));
    }
}
