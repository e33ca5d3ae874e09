//! `$1`, `${1}`, `$name`, `${name}` and `$$` in replacements, as Go's `Regexp.Expand` reads them. A group that does not exist is empty.

use regex::Captures;

/// The template with a match's groups in their places.
pub(super) fn expand(template: &str, captures: &Captures<'_>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            tail
        } else if let Some((name, tail)) = group_name(after) {
            out.push_str(group(name, captures));
            tail
        } else {
            // Not a group: the dollar stands for itself.
            out.push('$');
            after
        };
    }
    out.push_str(rest);
    out
}

/// The name of a group after its dollar, and what follows it: as long as it goes without braces.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (name, tail) = match text.strip_prefix('{') {
        Some(inside) => inside.split_once('}')?,
        None => text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_word)).then_some((name, tail))
}

fn group<'a>(name: &str, captures: &Captures<'a>) -> &'a str {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let found = if is_number { name.parse().ok().and_then(|number| captures.get(number)) } else { captures.name(name) };
    found.map_or("", |found| found.as_str())
}
