//! Templates as they stand in rule files and notifications, and the peers' own cases where they are at hand.

use super::*;

#[derive(Debug)]
struct World;

impl Environment for World {
    fn query(&self, expr: &str) -> Result<Vec<QuerySample>, String> {
        let sample = |instance: &str, value| QuerySample { labels: [("instance".to_owned(), instance.to_owned())].into(), value };
        match expr {
            "up" => Ok(vec![sample("b", 2.0), sample("a", 1.0)]),
            "none" => Ok(Vec::new()),
            _ => Err("cannot parse".to_owned()),
        }
    }

    fn external_url(&self) -> &str {
        "http://testhost:9090/path/prefix"
    }

    fn now_ms(&self) -> i64 {
        1_353_755_652_000
    }
}

fn data() -> Value {
    Value::map([
        ("Labels", Value::labels([("instance", "web-1:9100"), ("job", "node"), ("alertname", "Slow")])),
        ("Value", Value::Float(0.1234)),
        ("Items", Value::list([Value::from("x"), Value::from("y")])),
    ])
}

fn run(text: &str) -> Result<String, Error> {
    let preamble = "{{$labels := .Labels}}{{$value := .Value}}";
    Template::parse_after("t", preamble, text, Dialect::Prometheus)?.execute(&data(), &World, Escape::None)
}

fn is(text: &str, want: &str) {
    assert_eq!(run(text).unwrap(), want, "{text}");
}

#[test]
fn annotations_read_labels_and_values() {
    is("Instance {{ $labels.instance }} is {{ $value }}", "Instance web-1:9100 is 0.1234");
    is("{{ .Labels.job }}{{ $labels.missing }}", "node");
    is("{{ $value | humanizePercentage }} {{ printf \"%.1f\" $value }}", "12.34% 0.1");
    is("{{ $labels.instance | stripPort | toUpper }}", "WEB-1");
    is("{{ index $labels \"job\" }}", "node");
}

#[test]
fn control_structures_work() {
    is("{{ if gt $value 0.1 }}high{{ else }}low{{ end }}", "high");
    is("{{ if eq $labels.job \"db\" }}d{{ else if eq $labels.job \"node\" }}n{{ else }}o{{ end }}", "n");
    is("{{ range $i, $x := .Items }}{{ $i }}={{ $x }};{{ end }}", "0=x;1=y;");
    is("{{ range .Items }}{{ . }}{{ break }}{{ end }}", "x");
    is("{{ with .Missing }}a{{ else }}b{{ end }}", "b");
    is("{{ $n := 1 }}{{ if true }}{{ $n = 2 }}{{ end }}{{ $n }}", "2");
    is("{{ define \"x\" }}[{{ .arg0 }}]{{ end }}{{ template \"x\" (args 1) }}{{ tmpl \"x\" (args 2) }}", "[1][2]");
    is("a {{- /* comment */ -}} b", "ab");
    is("a  {{- \" \" -}}  b", "a b");
    is("{{ and true 0 }}{{ or \"\" \"z\" }}{{ not false }}", "0ztrue");
}

#[test]
fn queries_are_answered_by_the_environment() {
    is("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "2");
    is("{{ range query \"up\" | sortByLabel \"instance\" }}{{ label \"instance\" . }}{{ end }}", "ab");
    is("{{ with query \"none\" }}x{{ else }}empty{{ end }}", "empty");
    assert!(run("{{ query \"none\" | first }}").is_err());
}

#[test]
fn mistakes_name_their_place() {
    let f = |text: &str, want: &str| assert_eq!(run(text).unwrap_err().to_string(), want);
    f("{{ nope }}", "cannot parse template \"t\" at 1:4: function \"nope\" not defined");
    f("a\n{{ $x }}", "cannot parse template \"t\" at 2:4: undefined variable \"$x\"");
    f("{{ $labels.quantile * 100 }}", "cannot parse template \"t\" at 1:21: unexpected '*'");
    f("{{ if true }}", "cannot parse template \"t\" at 1:7: {{if}}, {{with}} or {{range}} has no {{end}}");
    f("{{ humanize \"one\" }}", "cannot execute template \"t\" at 1:4: error calling humanize: cannot read \"one\" as a number");
    f("{{ .Labels", "cannot parse template \"t\" at 1:1: the braces do not end; add }}");
}

#[test]
fn endless_recursion_and_output_are_bounded() {
    assert!(run("{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}").is_err());
    assert!(run("{{ range 2000 }}{{ range 2000 }}{{ 1 }}{{ end }}{{ end }}").is_err());
    let deep =
        format!("{{{{ define \"x\" }}}}{}{{{{ template \"x\" . }}}}{}{{{{ end }}}}", "{{ if true }}".repeat(90), "{{ end }}".repeat(90));
    assert!(run(&format!("{deep}{{{{ template \"x\" . }}}}")).is_err(), "no stack overflow");
    let calls =
        format!("{{{{ define \"x\" }}}}{{{{ {}tmpl \"x\" .{} }}}}{{{{ end }}}}{{{{ template \"x\" . }}}}", "(".repeat(90), ")".repeat(90));
    assert!(run(&calls).is_err(), "no stack overflow");
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90));
    is(&parentheses, "1");
    assert!(run(&"(".repeat(500).replace('(', "{{ if (")).is_err());
}

#[test]
fn html_is_escaped_unless_marked_safe() {
    let html = |text: &str| Template::parse("t", text, Dialect::Alertmanager).unwrap().execute(&data(), &World, Escape::Html).unwrap();
    assert_eq!(html("<b>{{ \"<i>\" }}</b>"), "<b>&lt;i&gt;</b>");
    assert_eq!(html("{{ \"<i>\" | safeHtml }}"), "<i>");
}

#[test]
fn labels_have_the_methods_of_alertmanager() {
    let am = |text: &str| Template::parse("t", text, Dialect::Alertmanager).unwrap().execute(&data(), &World, Escape::None).unwrap();
    assert_eq!(am("{{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}"), "alertname=Slow instance=web-1:9100 job=node ");
    assert_eq!(am("{{ .Labels.Values | join \" \" }}"), "Slow web-1:9100 node");
    assert_eq!(am("{{ (.Labels.Remove (stringSlice \"job\" \"instance\")).Names }}"), "[alertname]");
}

/// Cases of Prometheus and Alertmanager that are kept outside of the repository; without them there is nothing to compare.
#[test]
fn the_peers_own_cases_pass() {
    for (file, dialect) in [("prometheus/templates.jsonl", Dialect::Prometheus), ("alertmanager/templates.jsonl", Dialect::Alertmanager)] {
        let Some(folder) = std::env::var_os("CEPMON_CONFORMANCE") else {
            eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
            return;
        };
        let text = std::fs::read_to_string(std::path::Path::new(&folder).join(file)).unwrap();
        let mut failed = Vec::new();
        for line in text.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let input = case["input"].as_str().unwrap();
            let escape = if case["html"] == true { Escape::Html } else { Escape::None };
            let must_fail = case["valid"] == false || !case["message"].is_null();
            let result = Template::parse("t", input, dialect).and_then(|template| template.execute(&value(&case["data"]), &World, escape));
            let is_right = if must_fail { result.is_err() } else { result.as_deref().ok() == case["output"].as_str() };
            // These need the alerts of cepmon-alert, or functions that Alertmanager 0.26 does not have.
            let is_elsewhere = [".Alerts", "base64encode", "routeLabels"].iter().any(|word| input.contains(word));
            if !is_right && !is_elsewhere {
                failed.push(format!("{input}: got {result:?}, want {}", case["output"]));
            }
        }
        assert!(failed.is_empty(), "{file}:\n{}", failed.join("\n"));
    }
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(value)),
        serde_json::Value::Object(fields) if fields.values().all(serde_json::Value::is_string) => {
            Value::labels(fields.iter().map(|(name, field)| (name.as_str(), field.as_str().unwrap())))
        }
        serde_json::Value::Object(fields) => Value::map(fields.iter().map(|(name, field)| (name.as_str(), value(field)))),
    }
}
