//! The shape of the last sample: what stands between its label values. Samples of a family have the same label names in the same order, so
//! the next line is compared with this shape first, and only its values are looked at. A line of another shape goes the long way and is
//! not worse off than without.

use super::word::{find_quote, word_at};

/// A series text with more labels than this is not worth a shape.
const MAX_VALUES: usize = 32;

/// Part of a literal, eight bytes or fewer.
#[derive(Debug, Clone, Copy)]
struct Piece {
    word: u64,
    mask: u64,
    len: u32,
    /// Whether a label value follows.
    is_before_value: bool,
}

#[derive(Debug, Default)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    pub(super) fn forget(&mut self) {
        self.pieces.clear();
    }

    /// Learns the series text `start..end`, whose label values stand at `values` (start and end, without quotes).
    pub(super) fn learn(&mut self, bytes: &[u8], start: usize, end: usize, values: &[(u32, u32)]) {
        self.forget();
        if values.is_empty() || values.len() > MAX_VALUES {
            return;
        }
        let mut at = start;
        for &(value_start, value_end) in values {
            self.push_literal(bytes, at, value_start as usize);
            if let Some(piece) = self.pieces.last_mut() {
                piece.is_before_value = true;
            }
            at = value_end as usize;
        }
        self.push_literal(bytes, at, end);
    }

    fn push_literal(&mut self, bytes: &[u8], start: usize, end: usize) {
        for at in (start..end).step_by(8) {
            let len = (end - at).min(8) as u32;
            let mask = u64::MAX >> (64 - 8 * len);
            self.pieces.push(Piece { word: word_at(bytes, at) & mask, mask, len, is_before_value: false });
        }
    }

    /// Where the series text that begins at `at` ends, when it has this shape.
    #[inline(always)]
    pub(super) fn match_at(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        if self.pieces.is_empty() {
            return None;
        }
        for piece in &self.pieces {
            if word_at(bytes, at) & piece.mask != piece.word {
                return None;
            }
            at += piece.len as usize;
            if piece.is_before_value {
                at = find_quote(bytes, at);
                while bytes.get(at) == Some(&b'\\') {
                    at = find_quote(bytes, at + 2);
                }
                // A newline is no quote either; the next piece, which begins with the quote, does not match it.
            }
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    fn learned(text: &str, values: &[&str]) -> Template {
        let mut from = 0;
        let mut spans = Vec::new();
        for value in values {
            let start = from + text[from..].find(&format!("\"{value}\"")).unwrap() + 1;
            from = start + value.len();
            spans.push((start as u32, from as u32));
        }
        let mut template = Template::default();
        template.learn(text.as_bytes(), 0, text.len(), &spans);
        template
    }

    #[test]
    fn other_values_match_and_other_shapes_do_not() {
        let template = learned(r#"requests_total{instance="a:1",code="200",path=""}"#, &["a:1", "200", ""]);
        let f = |text: &str, want: Option<usize>| assert_eq!(template.match_at(format!("{text} 1\n").as_bytes(), 0), want, "{text}");
        let matches = |text: &str| f(text, Some(text.len()));
        matches(r#"requests_total{instance="a:1",code="200",path=""}"#);
        matches(r#"requests_total{instance="",code="a longer value than before",path="/x"}"#);
        matches(r#"requests_total{instance="q\"\\",code="\\",path="\n\""}"#);
        f(r#"requests_total{instance="a:1",code="200"}"#, None);
        f(r#"requests_total{instance="a:1",code="200",path="",more="x"}"#, None);
        f(r#"requests_totals{instance="a:1",code="200",path=""}"#, None);
        f(r#"requests_total{instance="a:1",kode="200",path=""}"#, None);
        f("requests_total{instance=\"a\n1\",code=\"200\",path=\"\"}", None);
        f("requests_total", None);
        assert_eq!(template.match_at(br#"requests_total{instance="a:1",code="#, 0), None);
        assert_eq!(template.match_at(br#"requests_total{instance="\"#, 0), None);
    }
}
