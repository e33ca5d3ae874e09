//! `kubernetes_sd_configs`: which keys go together, and selectors (Prometheus 2.48 and 3).

use super::rule::{Fault, Item};
use crate::config::file::HttpClientSection;

const ROLES: [&str; 6] = ["node", "pod", "service", "endpoints", "endpointslice", "ingress"];

pub(super) fn check(item: &Item<'_>) -> impl Iterator<Item = Fault> {
    let mut faults = vec![item.one_of("role", &ROLES)];
    let own_namespace = item.get("namespaces").map(|node| Item { node }).and_then(|item| item.text("own_namespace"));
    let has_own_namespace = own_namespace.is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on"));
    let has_http = HttpClientSection::KEYS.iter().any(|key| item.has(key) && *key != "follow_redirects" && *key != "enable_http2");
    faults.push(item.at_most_one(&["kubeconfig_file", "api_server"]));
    if item.has("kubeconfig_file") {
        faults.push(has_http.then(|| ("kubeconfig_file", "it stands in place of credentials, TLS and proxy; remove those".to_owned())));
        faults.push(
            has_own_namespace.then(|| ("namespaces", "own_namespace is that of a pod; it cannot go with kubeconfig_file".to_owned())),
        );
    } else if !item.has("api_server") {
        faults.push(has_http.then(|| ("", "credentials, TLS and proxy need an api_server".to_owned())));
    }
    if item.has("api_server") {
        faults.push(has_own_namespace.then(|| ("namespaces", "own_namespace is that of a pod; it cannot go with api_server".to_owned())));
    }
    let role = item.text("role").unwrap_or_default();
    let mut seen = Vec::new();
    for selector in item.items("selectors") {
        let of = selector.text("role").unwrap_or_default();
        faults.push(seen.contains(&of).then(|| ("selectors", format!("two selectors are for the role \"{of}\""))));
        seen.push(of);
        faults.push(
            (!selected(role).contains(&of)).then(|| {
                ("selectors", format!("the role \"{role}\" takes selectors for {} only, got \"{of}\"", selected(role).join(", ")))
            }),
        );
        for (key, is_fine) in [("label", is_label_selector as fn(&str) -> bool), ("field", is_field_selector)] {
            let text = selector.text(key).unwrap_or_default();
            faults.push((!is_fine(text)).then(|| ("selectors", format!("\"{text}\" is no selector"))));
        }
    }
    faults.into_iter().flatten()
}

/// Whose objects a role looks at.
fn selected(role: &str) -> &'static [&'static str] {
    match role {
        "pod" => &["pod", "node"],
        "service" => &["service"],
        "endpoints" => &["pod", "service", "endpoints", "node"],
        "endpointslice" => &["pod", "service", "endpointslice", "node"],
        "ingress" => &["ingress"],
        "node" => &["node"],
        _ => &[],
    }
}

/// `key=value`, `key==value`, `key!=value`, with commas between.
fn is_field_selector(text: &str) -> bool {
    text.is_empty() || text.split(',').all(|term| term.split_once('=').is_some_and(|(key, _)| !key.trim_end_matches('!').is_empty()))
}

/// Equality, `key in (a, b)`, `key notin (a)`, `key` and `!key`, with commas between.
fn is_label_selector(text: &str) -> bool {
    let is_key = |key: &str| {
        let key = key.trim();
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
    };
    let mut depth = 0;
    let terms = text.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    text.is_empty()
        || terms.into_iter().all(|term| {
            let set = term.split_once(" in ").or_else(|| term.split_once(" notin "));
            match (set, term.split_once('=')) {
                (Some((key, values)), _) => is_key(key) && values.trim().starts_with('(') && values.trim().ends_with(')'),
                (None, Some((key, _))) => is_key(key.trim_end().trim_end_matches('!')),
                (None, None) => is_key(term.trim().trim_start_matches('!')),
            }
        })
}
