//! Differences in words, and which metrics are lost.

use std::path::Path;

use super::*;
use crate::package::inspect_bytes;
use crate::testing::{EMPTY_BATCH, MANIFEST, plugin};
use expect_test::expect;

fn package(version: &str, more: &str) -> Package {
    let manifest = format!("{}{more}", MANIFEST.replace("0.1.0", version));
    inspect_bytes(Path::new("test.wasm"), plugin(&manifest, EMPTY_BATCH).into()).unwrap()
}

fn changes(old: &Package, new: &Package, signer: Option<&str>) -> Changes {
    let candidate =
        Candidate { package: new.clone(), source: "test.wasm".to_owned(), index: None, signer: signer.map(str::to_owned), signature: None };
    Changes::new(old, None, &candidate)
}

const OLD: &str = r#"
[capabilities.http]
hosts = ["a.example:443", "b.example:443"]
reason = "r"
[settings.depth]
type = "integer"
default = 3
[settings.mode]
type = "text"
[settings.gone]
type = "text"
[[metrics]]
name = "app_requests_total"
type = "counter"
help = "h"
[[metrics]]
name = "app_queue"
type = "gauge"
help = "h"
[[metrics]]
name = "app_time_seconds"
type = "histogram"
help = "h"
[[metrics]]
name = "app_pool_*"
type = "gauge"
help = "h"
"#;

const NEW: &str = r#"
[capabilities.http]
hosts = ["b.example:443", "c.example:443"]
reason = "r"
[limits]
memory = "16MiB"
[settings.depth]
type = "integer"
default = 4
[settings.mode]
type = "text-list"
[settings.token]
type = "text"
required = true
[[metrics]]
name = "app_requests_total"
type = "gauge"
help = "h"
[[metrics]]
name = "app_queue_*"
type = "gauge"
help = "h"
[[metrics]]
name = "app_*"
type = "unknown"
help = "h"
"#;

#[test]
fn every_difference_that_an_operator_feels_is_a_line() {
    let text = changes(&package("0.1.0", OLD), &package("0.2.0", &NEW.replace("name = \"app_*\"", "name = \"other\"")), Some("KEY"));
    expect![[r#"
        what changes
          version: 0.1.0 -> 0.2.0
          signer: nobody -> KEY
          capability: + http:c.example:443
          capability: - http:a.example:443
          limit: memory default -> 16MiB
          setting: depth defaults to 4, did to 3
          setting: mode is text-list, was text
          setting: + token (text, required)
          setting: - gone
          metric: + app_queue_* (gauge)
          metric: + other (unknown)
          metric: - app_queue
          metric: - app_time_seconds
          metric: - app_pool_*
          metric: app_requests_total is a gauge, was a counter
    "#]]
    .assert_eq(&text.to_string());
}

#[test]
fn a_metric_is_lost_when_no_name_or_pattern_declares_it_any_more() {
    let (old, new) = (package("0.1.0", OLD), package("0.2.0", &NEW.replace("name = \"app_*\"", "name = \"other\"")));
    let changes = changes(&old, &new, None);
    for lost in ["app_queue", "app_time_seconds", "app_time_seconds_bucket", "app_time_seconds_count", "app_pool_free", "app_pool_"] {
        assert!(changes.loses(lost), "{lost}");
    }
    for kept in ["app_requests_total", "never_declared", "app_requests_total_bucket", "app_queue_length"] {
        assert!(!changes.loses(kept), "{kept}");
    }
}

#[test]
fn a_wider_pattern_loses_nothing() {
    let wide = changes(&package("0.1.0", OLD), &package("0.2.0", NEW), None);
    assert!(wide.lost_metrics().is_empty() && !wide.loses("app_time_seconds_bucket"), "{wide}");
}

#[test]
fn the_same_file_and_the_same_manifest_are_told_apart() {
    let package = package("0.1.0", "");
    assert_eq!(changes(&package, &package, None).to_string(), "it is the very file that is installed\n");
    let mut other = package.clone();
    other.digest = crate::Digest::of(b"other code");
    assert_eq!(changes(&package, &other, None).to_string(), "nothing changes but its code\n");
}
