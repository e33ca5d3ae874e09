//! A configuration as it may be shown: what the file says, without its secrets. Variables stand as they were written, so that a password
//! from the environment is not shown either; defaults are not added.

use super::yaml::{self, Node, Value};

/// What stands in place of a secret, as in Prometheus.
const HIDDEN: &str = "<secret>";

/// Keys whose values are secrets, or whose lists hold them.
const SECRET_KEYS: [&str; 22] = [
    "password",
    "bearer_token",
    "credentials",
    "client_secret",
    "secret_key",
    "secret",
    "secrets",
    "token",
    "api_key",
    "key",
    "sas_token",
    "application_credential_secret",
    "value",
    "client_certificate_key",
    "secret_access_key",
    "auth_token",
    "private_key",
    "service_account_key",
    "application_key",
    "application_secret",
    "consumer_key",
    "proxy_connect_header",
];

/// Keys below which a mapping of names holds values that may be secrets.
const SECRET_MAPPINGS: [&str; 2] = ["proxy_connect_header", "headers"];

/// The YAML of a text that is known to be valid; empty for one that is not.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    if let Ok(root) = yaml::parse(text) {
        write(&root, 0, false, &mut out);
    }
    out
}

/// Writes a node after its key or dash; what has several lines begins on a line of its own.
fn write(node: &Node, level: usize, is_secret: bool, out: &mut String) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                // The first entry of a list's item stands behind its dash.
                if index > 0 || !out.ends_with("- ") {
                    out.push_str(&"  ".repeat(level));
                }
                out.push_str(&scalar(&key.text, is_plain_key(&key.text)));
                out.push(':');
                let is_mapping = matches!(value.value, Value::Mapping(_));
                let names_secrets = if is_mapping { &SECRET_MAPPINGS[..] } else { &SECRET_KEYS[..] };
                write_value(value, level + 1, is_secret || names_secrets.contains(&key.text.as_str()), out);
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&"  ".repeat(level));
                out.push_str("- ");
                write(item, level + 1, is_secret, out);
            }
        }
        Value::Mapping(_) => out.push_str("{}\n"),
        Value::Sequence(_) => out.push_str("[]\n"),
        Value::Scalar { .. } if node.is_null() => out.push_str("null\n"),
        Value::Scalar { .. } if is_secret => out.push_str(&format!("{HIDDEN}\n")),
        Value::Scalar { text, is_plain } => out.push_str(&format!("{}\n", scalar(&without_password(text), *is_plain))),
    }
}

fn write_value(value: &Node, level: usize, is_secret: bool, out: &mut String) {
    let has_lines = match &value.value {
        Value::Mapping(entries) => !entries.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        Value::Scalar { .. } => false,
    };
    out.push(if has_lines { '\n' } else { ' ' });
    write(value, level, is_secret, out);
}

/// What was written without quotes can be again; everything else goes into double quotes, where YAML reads JSON's escapes.
fn scalar(text: &str, is_plain: bool) -> String {
    let has_lines = text.contains('\n');
    if is_plain && !has_lines { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn is_plain_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
}

/// A URL whose user has a password is shown without it.
fn without_password(text: &str) -> String {
    let hide = || {
        let (scheme, rest) = text.split_once("://")?;
        let (user, host) = rest.split_once('@').filter(|(user, _)| !user.contains('/'))?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:{HIDDEN}@{host}"))
    };
    hide().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_without_its_secrets() {
        let text = "# scrapes\nglobal: {scrape_interval: 15s, external_labels: {}}\nscrape_configs:\n- job_name: 'a: b'\n  basic_auth: {username: ann, password: hunter2}\n  \
            http_headers: {X-A: {values: [one], secrets: [two]}}\n  static_configs:\n    - targets: ['localhost:1', \"x\\ny\"]\n      labels:\n  \
            proxy_url: http://ann:hunter2@proxy:3128/x\nplugins:\n  secrets: {db: {value: hunter2}, other: {file: /etc/x}}\nempty: []\n";
        let want = "\
global:
  scrape_interval: 15s
  external_labels: {}
scrape_configs:
  - job_name: \"a: b\"
    basic_auth:
      username: ann
      password: <secret>
    http_headers:
      X-A:
        values:
          - one
        secrets:
          - <secret>
    static_configs:
      - targets:
          - \"localhost:1\"
          - \"x\\ny\"
        labels: null
    proxy_url: http://ann:<secret>@proxy:3128/x
plugins:
  secrets:
    db:
      value: <secret>
    other:
      file: /etc/x
empty: []
";
        let shown = shown(text);
        assert_eq!(shown, want);
        // It is YAML again, and says the same.
        assert_eq!(super::shown(&shown), want);
        assert!(!shown.contains("hunter2"));
    }
}
