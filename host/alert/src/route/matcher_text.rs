//! Matchers as Alertmanager's files and API write them: `severity="critical"`, `{team=~"a|b", env!=dev}`. There are two grammars, the
//! classic one and the UTF-8 one of 0.27; where both read a text, the classic reading holds, as in Alertmanager's fallback mode.

use cepmon_model::{MatchOp, Matcher, MatcherError};

/// A text that is not a list of matchers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatcherTextError {
    /// It follows neither grammar.
    #[error("cannot read the matchers \"{text}\": {problem}; write for example severity=\"critical\"")]
    Syntax {
        /// The text.
        text: String,
        /// What was expected.
        problem: &'static str,
    },
    /// A regular expression in it does not compile.
    #[error("cannot read the matchers \"{text}\": {source}")]
    Regex {
        /// The text.
        text: String,
        /// The matcher.
        source: MatcherError,
    },
}

/// The matchers of a text, in order; an empty text has none.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatcherTextError> {
    let syntax = |problem| MatcherTextError::Syntax { text: text.to_owned(), problem };
    let parts = classic(text).or_else(|_| utf8(text)).map_err(syntax)?;
    let compile =
        |(name, op, value)| Matcher::new(name, op, value).map_err(|source| MatcherTextError::Regex { text: text.to_owned(), source });
    parts.into_iter().map(compile).collect()
}

type Part = (String, MatchOp, String);

/// The grammar up to 0.26: parts end at commas outside quotes, a value needs no quotes.
fn classic(text: &str) -> Result<Vec<Part>, &'static str> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut parts = Vec::new();
    let (mut start, mut in_quotes, mut is_escaped) = (0, false, false);
    for (at, character) in inner.char_indices() {
        match character {
            ',' if !in_quotes => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            '"' if !is_escaped => in_quotes = !in_quotes,
            '\\' => {
                is_escaped = !is_escaped;
                continue;
            }
            _ => {}
        }
        is_escaped = false;
    }
    if !inner[start..].trim().is_empty() {
        parts.push(&inner[start..]);
    }
    parts.into_iter().map(classic_part).collect()
}

fn classic_part(text: &str) -> Result<Part, &'static str> {
    let text = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let name_end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let name = &text[..name_end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("expected a label name");
    }
    let (op, rest) = operator(text[name_end..].trim_start()).ok_or("expected one of = != =~ !~ after the label name")?;
    let raw = rest.trim_start();
    let quoted = raw.strip_prefix('"');
    let raw = quoted.unwrap_or(raw);
    let mut is_open = quoted.is_some();
    let mut value = String::new();
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            '"' if is_open && characters.peek().is_none() => is_open = false,
            '"' => return Err("a double quote in a value needs a backslash before it"),
            other => value.push(other),
        }
    }
    if is_open { Err("a quoted value does not end") } else { Ok((name.to_owned(), op, value)) }
}

/// The grammar since 0.27: braces in pairs, any UTF-8 name, Go's escapes in quotes, few characters without quotes.
fn utf8(text: &str) -> Result<Vec<Part>, &'static str> {
    let trimmed = text.trim();
    let is_braced = trimmed.starts_with('{');
    let mut rest = trimmed.strip_prefix('{').unwrap_or(trimmed);
    let mut parts = Vec::new();
    loop {
        rest = rest.trim_start();
        if is_braced && let Some(after) = rest.strip_prefix('}') {
            return if after.trim().is_empty() { Ok(parts) } else { Err("expected nothing after the closing brace") };
        }
        if rest.is_empty() {
            return if is_braced { Err("expected a closing brace") } else { Ok(parts) };
        }
        let (name, after) = word(rest).ok_or("expected a label name")?;
        let (op, after) = operator(after.trim_start()).ok_or("expected one of = != =~ !~ after the label name")?;
        let (value, after) = word(after.trim_start()).ok_or("expected a label value")?;
        parts.push((name, op, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() || (is_braced && rest.starts_with('}')) => {}
            None => return Err("expected a comma or a closing brace"),
        }
    }
}

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    let operators = [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    operators.into_iter().find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (op, rest)))
}

/// A quoted or bare word and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut is_escaped = false;
        let end = text.char_indices().skip(1).find_map(|(at, character)| {
            let is_end = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            is_end.then_some(at + 1)
        })?;
        return Some((cepmon_template::unquote(&text[..end])?, &text[end..]));
    }
    let is_reserved = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`');
    let end = text.find(is_reserved).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_grammars_are_read() {
        let f = |text: &str, want: &[&str]| {
            let matchers = parse_matchers(text).unwrap();
            assert_eq!(matchers.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{text}");
        };
        f("", &[]);
        f("{}", &[]);
        f("severity = \"critical\"", &["severity=\"critical\""]);
        f("{team=~\"a|b\", env != dev}", &["team=~\"a|b\"", "env!=\"dev\""]);
        f("path=C:\\dir", &["path=\"C:\\\\dir\""]);
        f("quote=\"a, \\\"b\\\"\"", &["quote=\"a, \\\"b\\\"\""]);
        f("{\"my label\"=\"x\"}", &["my label=\"x\""]);
    }

    #[test]
    fn what_neither_grammar_reads_is_refused() {
        for text in [",", "job", "job=value\"", "a=\"b", "{a=~\"x[\"}", "=x"] {
            assert!(parse_matchers(text).is_err(), "{text}");
        }
    }
}
