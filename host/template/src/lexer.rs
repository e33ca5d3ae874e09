//! Text to tokens: what stands outside of braces, and the words inside, with Go's trimming (`{{-`, `-}}`) and comments.

use crate::Value;
use crate::literal::{number, unquote};

/// A token and the byte offset at which it starts.
#[derive(Debug, Clone)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) start: usize,
    /// Whether a blank stands before it: `.A .B` are two operands, `.A.B` is one.
    pub(crate) is_apart: bool,
}

/// The words of a template.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// Text outside of braces.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A function or keyword.
    Word(String),
    /// `.Name`
    Field(String),
    /// `.`
    Dot,
    /// `$name`, without the sign.
    Variable(String),
    /// A number, text or truth value.
    Constant(Value),
    /// `|`
    Pipe,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `,`
    Comma,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
}

/// All tokens of a text, or the offset and the message of what cannot be read.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Spanned>, (usize, String)> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Spanned>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), (usize, String)> {
        let mut trims_left = false;
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find("{{").unwrap_or(rest.len());
            let trims_right = is_left_trim(&rest[end..]);
            let mut piece = &rest[..end];
            if trims_left {
                piece = piece.trim_start_matches(is_blank);
            }
            if trims_right {
                piece = piece.trim_end_matches(is_blank);
            }
            if !piece.is_empty() {
                self.push(Token::Text(piece.to_owned()), self.at, false);
            }
            if end == rest.len() {
                return Ok(());
            }
            self.at += end;
            trims_left = self.action(trims_right)?;
        }
    }

    /// Reads one pair of braces; whether it trims the text that follows.
    fn action(&mut self, trims_before: bool) -> Result<bool, (usize, String)> {
        let open = self.at;
        self.at += if trims_before { 3 } else { 2 };
        let inner = self.text[self.at..].trim_start_matches(is_blank);
        if inner.starts_with("/*") {
            let start = self.text.len() - inner.len();
            let end = inner.find("*/").ok_or_else(|| (open, "a comment does not end".to_owned()))? + 2;
            let rest = &inner[end..];
            let trims = rest.starts_with(is_blank) && rest.trim_start_matches(is_blank).starts_with("-}}");
            let close = if trims { rest.find("-}}").unwrap_or(0) } else { 0 };
            if !trims && !rest.starts_with("}}") {
                return Err((start, "a comment must be alone in its braces".to_owned()));
            }
            self.at = start + end + close + if trims { 3 } else { 2 };
            return Ok(trims);
        }
        self.push(Token::Open, open, false);
        loop {
            let before = self.at;
            let rest = self.text[self.at..].trim_start_matches(is_blank);
            self.at = self.text.len() - rest.len();
            let is_apart = self.at > before;
            if rest.is_empty() {
                return Err((open, "the braces do not end; add }}".to_owned()));
            }
            let trims = is_apart && rest.starts_with("-}}");
            if trims || rest.starts_with("}}") {
                self.push(Token::Close, self.at, is_apart);
                self.at += if trims { 3 } else { 2 };
                return Ok(trims);
            }
            self.word(rest, is_apart)?;
        }
    }

    fn word(&mut self, rest: &str, is_apart: bool) -> Result<(), (usize, String)> {
        let start = self.at;
        let first = rest.chars().next().unwrap_or(' ');
        let after_first = &rest[first.len_utf8()..];
        let (token, len) = match first {
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => (Token::LeftParen, 1),
            ')' => (Token::RightParen, 1),
            ':' if after_first.starts_with('=') => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '"' | '`' => {
                let len = quoted_len(rest).ok_or_else(|| (start, "a quoted text does not end".to_owned()))?;
                let text = unquote(&rest[..len]).ok_or_else(|| (start, format!("{} is not a valid text", &rest[..len])))?;
                (Token::Constant(Value::from(text)), len)
            }
            '\'' => {
                let len = quoted_len(rest).ok_or_else(|| (start, "a character does not end".to_owned()))?;
                let inner = unquote(&format!("\"{}\"", &rest[1..len - 1]));
                let character = inner.and_then(|inner| inner.chars().next());
                let character = character.ok_or_else(|| (start, "an empty character".to_owned()))?;
                (Token::Constant(Value::Int(i64::from(u32::from(character)))), len)
            }
            '$' => {
                let name = name_len(after_first);
                (Token::Variable(after_first[..name].to_owned()), 1 + name)
            }
            '.' if !after_first.starts_with(|c: char| c.is_ascii_digit()) => match name_len(after_first) {
                0 => (Token::Dot, 1),
                name => (Token::Field(after_first[..name].to_owned()), 1 + name),
            },
            '0'..='9' | '.' | '+' | '-' => {
                let len = number_len(rest);
                let value = number(&rest[..len]).ok_or_else(|| (start, format!("cannot read the number \"{}\"", &rest[..len])))?;
                (Token::Constant(value), len)
            }
            _ => match name_len(rest) {
                0 => return Err((start, format!("unexpected {first:?}"))),
                name => match &rest[..name] {
                    "true" => (Token::Constant(Value::Bool(true)), name),
                    "false" => (Token::Constant(Value::Bool(false)), name),
                    "nil" => (Token::Constant(Value::Nil), name),
                    word => (Token::Word(word.to_owned()), name),
                },
            },
        };
        self.push(token, start, is_apart);
        self.at += len;
        Ok(())
    }

    fn push(&mut self, token: Token, start: usize, is_apart: bool) {
        self.tokens.push(Spanned { token, start, is_apart });
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_left_trim(text: &str) -> bool {
    text.strip_prefix("{{-").is_some_and(|rest| rest.starts_with(is_blank))
}

fn name_len(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn quoted_len(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !is_escaped {
            return Some(at + 1);
        }
        is_escaped = quote != '`' && character == '\\' && !is_escaped;
    }
    None
}

fn number_len(text: &str) -> usize {
    let is_hex = text.trim_start_matches(['+', '-']).starts_with("0x");
    let mut previous = ' ';
    for (at, character) in text.char_indices() {
        let is_sign = matches!(character, '+' | '-') && (at == 0 || (!is_hex && matches!(previous, 'e' | 'E')));
        if !(is_sign || character.is_ascii_alphanumeric() || character == '.' || character == '_') {
            return at;
        }
        previous = character;
    }
    text.len()
}
