//! Manifests that are read, and mistakes in them that are named.

use super::*;

const GOOD: &str = r#"
name = "node"
version = "0.1.0"
kind = "exporter"
description = "counters of this host"
license = "Apache-2.0"
[capabilities.files]
paths = ["/proc/stat", "/sys/block/**"]
reason = "reads the kernel's counters"
[capabilities.http]
target = true
hosts = ["*.example.com:443"]
reason = "asks the target"
[settings.collectors]
type = "text-list"
default = ["cpu"]
doc = "which collectors run"
[[metrics]]
name = "node_*"
type = "counter"
help = "counters"
[limits]
memory = "32MiB"
"#;

#[test]
fn a_whole_manifest_is_read() {
    let manifest = Manifest::parse(GOOD.as_bytes(), "node.wasm").unwrap();
    assert_eq!((manifest.name.as_str(), manifest.kind, manifest.reuse), ("node", PluginKind::Exporter, false));
    assert_eq!(manifest.limits.memory_bytes(), Some(32 << 20));
    assert_eq!(manifest.capabilities.reason(Capability::Files), Some("reads the kernel's counters"));
    assert_eq!(manifest.settings["collectors"].default, Some(serde_json::json!(["cpu"])));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let check = |from: &str, to: &str, want: &str| {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "nothing replaced");
        let message = Manifest::parse(text.as_bytes(), "x.wasm").unwrap_err().to_string();
        assert!(message.starts_with("cannot read the manifest of \"x.wasm\": "), "{message}");
        assert!(message.contains(want), "{message}");
    };
    check("license", "licence", "line 6: unknown field `licence`");
    check("\"node\"", "\"Node\"", "name \"Node\": expected [a-z]");
    check("reads the kernel's counters", " ", "capabilities.files.reason: expected a reason");
    check("/proc/stat", "proc/stat", "\"proc/stat\": expected an absolute path");
    check("/proc/stat", "/proc/../etc", "capabilities.files.paths");
    check("*.example.com:443", "example.com", "expected host:port");
    check("[\"cpu\"]", "3", "settings.collectors.default: expected text-list");
    check("\"counter\"", "\"count\"", "unknown type \"count\"");
    check("32MiB", "32 apples", "expected a size");
    check("[limits]", "[limit]", "unknown field `limit`");
}
