//! Regular expressions as Prometheus and its family write them: Go's RE2 syntax, anchored at both ends. Where the `regex` crate reads
//! a text differently, it is rewritten; everything else is left to that crate.

use regex::Regex;

/// Compiles a Go expression, anchored at both ends; `.` matches newlines (as in Prometheus 3).
pub fn anchored_regex(pattern: &str) -> Result<Regex, regex::Error> {
    // First as it stands, so that an error shows the operator's own text.
    let plain = Regex::new(&format!("^(?s:{pattern})$"));
    match rewritten(pattern) {
        None => plain,
        Some(rewritten) => Regex::new(&format!("^(?s:{rewritten})$")),
    }
}

/// The text in the `regex` crate's syntax; nothing if it is the same.
///
/// Go's `\d`, `\s`, `\w` and `\b` know ASCII only, `\Q…\E` quotes, `\<` is a plain character, a brace that opens no repetition is a plain
/// character, and classes hold neither classes nor set operations.
fn rewritten(pattern: &str) -> Option<String> {
    if !pattern.contains(['\\', '{', '[']) {
        return None;
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        let (head, tail) = rest.split_at(next.len_utf8());
        rest = match next {
            '\\' => escape(tail, false, &mut out),
            '[' => class(tail, &mut out),
            '{' if !is_repetition(tail) => {
                out.push_str("\\{");
                tail
            }
            _ => {
                out.push_str(head);
                tail
            }
        };
    }
    (out != pattern).then_some(out)
}

/// What follows a backslash.
fn escape<'a>(rest: &'a str, is_in_class: bool, out: &mut String) -> &'a str {
    let Some(next) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let tail = &rest[next.len_utf8()..];
    match next {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str(r"[\t\n\f\r ]"),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' if !is_in_class => out.push_str(r"(?-u:\b)"),
        '<' | '>' => out.push(next),
        'Q' => {
            let (quoted, tail) = tail.split_once("\\E").unwrap_or((tail, ""));
            out.push_str(&regex::escape(quoted));
            return tail;
        }
        // A repetition must not take the braces of a name apart.
        'p' | 'P' | 'x' if tail.starts_with('{') => {
            let end = tail.find('}').map_or(tail.len(), |end| end + 1);
            out.push('\\');
            out.push(next);
            out.push_str(&tail[..end]);
            return &tail[end..];
        }
        _ => {
            out.push('\\');
            out.push(next);
        }
    }
    tail
}

/// What follows an opening bracket, up to the closing one.
fn class<'a>(rest: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = rest;
    if let Some(tail) = rest.strip_prefix('^') {
        out.push('^');
        rest = tail;
    }
    // A bracket in the first place is a plain character.
    if let Some(tail) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = tail;
    }
    while let Some(next) = rest.chars().next() {
        let tail = &rest[next.len_utf8()..];
        rest = match next {
            '\\' => escape(tail, true, out),
            ']' => {
                out.push(']');
                return tail;
            }
            '[' if tail.starts_with(':') && tail.contains(":]") => {
                let end = tail.find(":]").map_or(0, |end| end + 2);
                out.push('[');
                out.push_str(&tail[..end]);
                &tail[end..]
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(next);
                tail
            }
            // `--` would be a difference of sets.
            '-' if tail.starts_with('-') => {
                out.push_str("\\-");
                tail
            }
            _ => {
                out.push(next);
                tail
            }
        };
    }
    rest
}

/// Whether what follows an opening brace is `n}`, `n,}` or `n,m}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && is_digits(low) && is_digits(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax_means_what_it_means_in_go() {
        let f = |pattern: &str, text: &str, want: bool| {
            assert_eq!(anchored_regex(pattern).unwrap().is_match(text), want, "{pattern} on {text}");
        };
        f(r"\d+", "12", true);
        f(r"\d+", "١٢", false);
        f(r"\w", "é", false);
        f(r"[\w.]+", "a.b", true);
        f(r"[^\w]", "é", true);
        f(r"[\W]", "é", true);
        f(r"a\b.*", "a é", true);
        f(r"\Qa.b\E+", "a.bb", true);
        f(r"\Qa.b", "axb", false);
        f(r"/api/{id}", "/api/{id}", true);
        f(r"a{2}", "aa", true);
        f(r"a{2,}b{0,1}", "aaa", true);
        f(r"a{,2}", "a{,2}", true);
        f(r"[[a]", "[", true);
        f(r"[a&&b]+", "&b", true);
        f(r"[]a]+", "]a", true);
        f(r"[^]a]", "b", true);
        f(r"[[:alpha:]_-]+", "a-_", true);
        f(r"[+--]", "-", true);
        f(r"\<\>", "<>", true);
        f(r"\p{Greek}\x{3b1}", "αα", true);
        f("a.b", "a\nb", true);
        f("a|b", "ab", false);
        f("", "", true);
    }

    #[test]
    fn an_error_shows_the_text_as_it_was_written() {
        assert!(anchored_regex("a(").unwrap_err().to_string().contains("a("));
        assert!(anchored_regex(r"[\d").is_err());
    }
}
