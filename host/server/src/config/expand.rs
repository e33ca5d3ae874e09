//! `${VAR}` and `${VAR:-default}` in scalars, after parsing, so that no value can inject YAML. Places that have a `$` of their
//! own (regular expressions, replacements, PromQL, templates) are left alone.

use super::problem::Problem;
use super::yaml::{Node, Value};

/// Keys below which nothing is expanded: their `$` means something else.
const LITERAL_KEYS: [&str; 9] = ["regex", "replacement", "target_label", "expr", "annotations", "templates", "title", "text", "html"];

/// Expands all scalars of a tree. `lookup` gives a variable's value. An unset variable without a default is a problem.
pub(super) fn expand(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Scalar { text, .. } => match expand_text(text, lookup) {
            Ok(Some(expanded)) => *text = expanded,
            Ok(None) => {}
            Err(message) => problems.push(Problem::new(node.position, message)),
        },
        Value::Sequence(items) => items.iter_mut().for_each(|item| expand(item, lookup, problems)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if !LITERAL_KEYS.contains(&key.text.as_str()) {
                    expand(value, lookup, problems);
                }
            }
        }
    }
}

/// The expanded text, or nothing if there was nothing to expand. `$1`, `${1}`, `$name` and a lone `$` stay as they are.
fn expand_text(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, tail)) = after.split_once('}') else { break };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        expanded.push_str(before);
        let is_name = cepmon_model::is_label_name(name);
        match lookup(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned)) {
            _ if !is_name => expanded.push_str(&format!("${{{inside}}}")),
            Some(value) => expanded.push_str(&value),
            None => return Err(format!("the variable \"{name}\" is not set; set it, or write ${{{name}:-default}}")),
        }
        rest = tail;
    }
    if expanded.is_empty() && rest.len() == text.len() {
        return Ok(None);
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded_and_other_dollars_stay() {
        let lookup = |name: &str| (name == "HOST").then(|| "db".to_owned());
        let f = |text: &str, want: &str| assert_eq!(expand_text(text, &lookup).unwrap().unwrap_or(text.into()), want);
        f("${HOST}:${PORT:-5432}/x", "db:5432/x");
        f("$1 ${1} $HOST ${ ${HOST", "$1 ${1} $HOST ${ ${HOST");
        f("${EMPTY:-}", "");
        assert!(expand_text("a ${PORT}", &lookup).unwrap_err().contains("${PORT:-default}"));
    }

    #[test]
    fn a_value_cannot_inject_yaml_and_expressions_are_left_alone() {
        let mut node = super::super::yaml::parse("a: ${X}\nexpr: ${X}\n").unwrap();
        expand(&mut node, &|_| Some("1\nb: 2".to_owned()), &mut Vec::new());
        assert_eq!(node.at("a").value, Value::Scalar { text: "1\nb: 2".to_owned(), is_plain: true });
        assert_eq!(node.at("expr").value, Value::Scalar { text: "${X}".to_owned(), is_plain: true });
    }
}
