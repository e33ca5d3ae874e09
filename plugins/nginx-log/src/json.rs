//! One JSON object a line, as `log_format … escape=json` writes it: keys and values as pieces of the line, strings unescaped only
//! when they hold a backslash. Inner objects and arrays stay text.

use std::borrow::Cow;

/// Members of a line beyond this many are dropped; a row takes no more fields either.
const MAX_MEMBERS: usize = 128;

/// One member. `null` does not become one.
#[derive(Debug, PartialEq)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, [u8]>,
    pub(crate) value: Cow<'a, [u8]>,
}

/// The members of the object that the line is; none when it is no JSON object.
pub(crate) fn parse<'a>(line: &'a [u8], members: &mut Vec<Member<'a>>) -> bool {
    members.clear();
    let mut reader = Reader { line, at: 0 };
    reader.object(members).is_some()
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(&mut self, members: &mut Vec<Member<'a>>) -> Option<()> {
        self.expect(b'{')?;
        if self.next_is(b'}') {
            return self.end();
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            let value = self.value()?;
            if let Some(value) = value
                && members.len() < MAX_MEMBERS
            {
                members.push(Member { key, value });
            }
            if !self.next_is(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        self.end()
    }

    /// None inside for `null`.
    fn value(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        self.skip_blanks();
        let start = self.at;
        match *self.line.get(start)? {
            b'"' => return Some(Some(self.string()?)),
            b'{' | b'[' => self.skip_nested()?,
            _ => self.skip_word(),
        }
        match &self.line[start..self.at] {
            b"" => None,
            b"null" => Some(None),
            text => Some(Some(Cow::Borrowed(text))),
        }
    }

    fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            match *self.line.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        let raw = &self.line[start..self.at];
        self.at += 1;
        Some(if is_escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) })
    }

    /// Over an object or an array; only brackets and strings matter, so no recursion.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            match *self.line.get(self.at)? {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    self.string()?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Over a number, `true`, `false` or `null`.
    fn skip_word(&mut self) {
        while let Some(byte) = self.line.get(self.at)
            && (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        {
            self.at += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.line.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is_next = self.line.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.next_is(byte).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.skip_blanks();
        (self.at == self.line.len()).then_some(())
    }
}

/// The text that a JSON string stands for; halves of a surrogate pair that are alone become U+FFFD.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let escape = raw.get(at).copied().unwrap_or(b'\\');
        at += 1;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (character, length) = unicode(&raw[at.min(raw.len())..]);
                at += length;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out
}

/// The character behind `\u` and how many bytes it took.
fn unicode(text: &[u8]) -> (char, usize) {
    let unit = |digits: Option<&[u8]>| u32::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok();
    let Some(first) = unit(text.get(..4)) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if (0xd800..0xdc00).contains(&first)
        && text.get(4..6) == Some(b"\\u")
        && let Some(second) = unit(text.get(6..10)).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}
