//! Quoted texts with Go's escapes (Prometheus 2.48, `util/strutil/quote.go`). It does not know tokens.

use crate::promql::ast::StringLiteral;

/// Reads the literal at the start of a text; gives it and its length in bytes, or where within it what is wrong.
pub(crate) fn read_text_literal(text: &str) -> Result<(StringLiteral, usize), (usize, String)> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return Err((0, "unterminated quoted string".to_owned())) };
    let mut bytes = Vec::new();
    while let Some((at, character)) = chars.next() {
        match character {
            _ if character == quote => {
                let (value, invalid) = match String::from_utf8(bytes) {
                    Ok(value) => (value, None),
                    Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(text[1..at].to_owned())),
                };
                return Ok((StringLiteral { value, invalid }, at + quote.len_utf8()));
            }
            '\n' if quote != '`' => return Err((0, "unterminated quoted string".to_owned())),
            '\\' if quote != '`' => {
                let after = at + 1;
                let length = read_escape(&text[after..], quote, &mut bytes).map_err(|problem| (at, problem))?;
                // Escapes are ASCII, so as many characters as bytes.
                for _ in 0..length {
                    chars.next();
                }
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err((0, if quote == '`' { "unterminated raw string" } else { "unterminated quoted string" }.to_owned()))
}

/// Reads what follows a backslash; gives its length.
fn read_escape(rest: &str, quote: char, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let first = rest.chars().next().ok_or("escape sequence not terminated")?;
    let simple = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        _ if first == quote => quote as u8,
        'x' => return read_code(&rest[1..], 2, 16, bytes).map(|length| length + 1),
        'u' => return read_code(&rest[1..], 4, 16, bytes).map(|length| length + 1),
        'U' => return read_code(&rest[1..], 8, 16, bytes).map(|length| length + 1),
        '0'..='7' => return read_code(rest, 3, 8, bytes),
        other => return Err(format!("unknown escape sequence {other:?}")),
    };
    bytes.push(simple);
    Ok(1)
}

/// Reads a number of exactly so many digits: a byte (`\xff`, `\377`) or a character (`\u1234`).
fn read_code(rest: &str, digits: usize, radix: u32, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let code = rest.get(..digits).filter(|code| code.chars().all(|c| c.is_digit(radix)));
    let Some(code) = code.and_then(|code| u32::from_str_radix(code, radix).ok()) else {
        return Err("illegal character in escape sequence".to_owned());
    };
    if digits <= 3 {
        bytes.push(u8::try_from(code).map_err(|_| "escape sequence is an invalid byte".to_owned())?);
    } else {
        let character = char::from_u32(code).ok_or("escape sequence is an invalid Unicode code point")?;
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(digits)
}
