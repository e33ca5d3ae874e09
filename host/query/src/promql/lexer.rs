//! Text to tokens with byte positions. Keywords are no tokens: whether `by` is a word or a name depends on where it stands.

use crate::ParseError;
use crate::promql::ast::{Span, StringLiteral};
use crate::promql::text_literal::read_text_literal;

/// One token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) span: Span,
    pub(crate) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// A name, a keyword, `inf`, `nan`. Holds `:` outside brackets and braces.
    Word,
    /// A number as written.
    Number(f64),
    /// A duration, in milliseconds.
    Duration(i64),
    Text(StringLiteral),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Longest first, so that `==` is not two `=`.
const SYMBOLS: [&str; 26] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "(", ")", "{", "}", "[", "]", ",", ":", "=", "<", ">", "+", "-", "*", "/", "%", "^",
    "@",
];

/// All tokens of a text, the last of which is `End`.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, position: 0, braces: 0, brackets: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
    braces: usize,
    brackets: usize,
}

impl<'a> Lexer<'a> {
    fn next_token(&mut self) -> Result<Token, ParseError> {
        self.skip_blanks();
        let start = self.position;
        let kind = self.token_kind()?;
        Ok(Token { span: Span { start, end: self.position }, kind })
    }

    fn token_kind(&mut self) -> Result<TokenKind, ParseError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(TokenKind::End) };
        let has_colons = self.braces == 0 && self.brackets == 0;
        let is_number = first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
        if is_number && self.braces == 0 {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' || (first == ':' && has_colons) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && has_colons);
            self.position += rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            return Ok(TokenKind::Word);
        }
        if matches!(first, '"' | '\'' | '`') {
            let (literal, length) =
                read_text_literal(rest).map_err(|(at, problem)| ParseError::at(self.text, self.position + at, problem))?;
            self.position += length;
            return Ok(TokenKind::Text(literal));
        }
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
            return Err(ParseError::at(self.text, self.position, format!("unexpected character: {first:?}")));
        };
        self.position += symbol.len();
        match symbol {
            "{" => self.braces += 1,
            "}" => self.braces = self.braces.saturating_sub(1),
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Ok(TokenKind::Symbol(symbol))
    }

    /// A number or a duration: everything up to the next character that can be part of neither.
    fn number(&mut self) -> Result<TokenKind, ParseError> {
        let rest = self.rest();
        let mut length = 0;
        let mut previous = ' ';
        let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
        for character in rest.chars() {
            let is_sign_of_exponent = matches!(character, '+' | '-') && matches!(previous, 'e' | 'E') && !is_hex;
            // `5e-3` is one number, `5m-3` is not, `2e` never ends in a sign that a digit does not follow.
            let has_digit_after = rest[length + character.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
            if !(character.is_ascii_alphanumeric() || character == '.' || (is_sign_of_exponent && has_digit_after)) {
                break;
            }
            length += character.len_utf8();
            previous = character;
        }
        let word = &rest[..length];
        let kind = read_number(word).map(TokenKind::Number).or_else(|| read_duration(word).map(TokenKind::Duration));
        let kind = kind.ok_or_else(|| ParseError::at(self.text, self.position, format!("bad number or duration syntax: {word:?}")))?;
        self.position += length;
        Ok(kind)
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.position += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.position += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }
}

/// A number as Go reads it: decimal, `0x1f`, and `0755` is octal.
pub(crate) fn read_number(word: &str) -> Option<f64> {
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    if let Some(digits) = hex {
        return u64::from_str_radix(digits, 16).ok().map(|number| number as f64);
    }
    let looks_octal = word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if looks_octal {
        return u64::from_str_radix(word, 8).ok().map(|number| number as f64);
    }
    // Rust reads "inf" and "infinity" too; a number starts with a digit or a point.
    word.starts_with(|c: char| c.is_ascii_digit() || c == '.').then(|| word.parse().ok()).flatten()
}

/// `1h30m` in milliseconds.
fn read_duration(word: &str) -> Option<i64> {
    let duration = cepmon_model::parse_duration(word).ok()?;
    i64::try_from(duration.as_millis()).ok()
}
