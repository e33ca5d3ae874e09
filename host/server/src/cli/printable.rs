//! Texts of strangers on a terminal: a plugin's description must not move the cursor, change colours or turn the reading direction
//! so that it seems to ask for something else than it does.

use std::borrow::Cow;

/// Whether a text is one line of visible characters.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.chars().any(is_dangerous)
}

/// The text with everything dangerous replaced by U+FFFD.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if is_printable(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|letter| if is_dangerous(letter) { '\u{fffd}' } else { letter }).collect())
}

/// Control characters, line and paragraph separators, and the marks that turn the reading direction.
fn is_dangerous(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reversed_text_do_not_reach_the_terminal() {
        assert_eq!(printable("reads /proc – “fast”"), "reads /proc – “fast”");
        assert_eq!(printable("a\x1b[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(printable("line\nfiles: none"), "line\u{fffd}files: none");
        assert_eq!(printable("\u{202e}txt"), "\u{fffd}txt");
    }
}
