//! Keys of cepmon's own file that are designed and not served yet. They are refused by name: to ignore one would silently change what
//! is stored.

use super::problem::Problem;
use super::yaml::{Node, Value};

const LOGS: &[&str] = &["config_file"];

/// Takes those keys out of the tree, each with a problem of its own.
pub(super) fn refuse(root: &mut Node, problems: &mut Vec<Problem>) {
    let Value::Mapping(sections) = &mut root.value else { return };
    if let Some((_, logs)) = sections.iter_mut().find(|(key, _)| key.text == "logs") {
        take(logs, LOGS, problems);
    }
}

fn take(node: &mut Node, keys: &[&str], problems: &mut Vec<Problem>) {
    let Value::Mapping(entries) = &mut node.value else { return };
    entries.retain(|(key, _)| {
        let is_known = keys.contains(&key.text.as_str());
        if is_known {
            problems.push(Problem::new(key.position, format!("\"{}\" is not supported yet; remove it", key.text)));
        }
        !is_known
    });
}
