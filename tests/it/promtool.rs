//! `promtool` beside Debian's: the same files and the same server, the same output and the same exit code.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cepmon_tests::{Host, PATIENCE, Target, cepmon, compared_program};

const RULES: &str = r#"
groups:
  - name: g
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 5m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }} of {{ $labels.job }} is {{ $value }}, {{ $externalLabels.region }}"}
"#;

const GOOD_TEST: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [g]
tests:
  - name: all fine
    interval: 1m
    external_labels: {region: eu}
    input_series:
      - {series: 'up{job="a", instance="x"}', values: '1 1 0x8 _ stale'}
      - {series: 'up{job="a", instance="y"}', values: '0+1x10'}
    alert_rule_test:
      - {eval_time: 6m, alertname: Down, exp_alerts: []}
      - eval_time: 7m30s
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, instance: x, job: a}
            exp_annotations: {summary: "x of a is 0, eu"}
    promql_expr_test:
      - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 2}]}
      - {expr: 'count(up) > bool 1', eval_time: 0, exp_samples: [{labels: '{}', value: 1}]}
"#;

const BAD_TEST: &str = r#"
rule_files: [rules.yml]
tests:
  - name: wrong
    interval: 1m
    input_series:
      - {series: 'up{job="a", instance="x"}', values: '0x10'}
      - {series: 'up{job="b", instance="y\"z"}', values: '0x10'}
    alert_rule_test:
      - eval_time: 5m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, instance: x, job: a}
            exp_annotations: {summary: other}
      - {eval_time: 1m, alertname: Nope, exp_alerts: [{exp_labels: {a: b}}]}
    promql_expr_test:
      - {expr: 'job:up:sum', eval_time: 1h30m, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 1.5e10}]}
      - {expr: '"text"', eval_time: 1m}
      - {expr: 'scalar(sum(up))', eval_time: 1m}
  - interval: 1m
    alert_rule_test:
      - eval_time: 1m
"#;

const BROKEN_RULES: &str = r#"
groups:
  - name: ""
    rules:
      - expr: up
      - {alert: A, expr: up, labels: {"a-b": x, severity: crit}, annotations: {"b-c": x, s: "{{ nofunc }}"}}
  - name: g
    rules:
      - {record: "a b", expr: up, annotations: {x: y}}
      - {record: ok, expr: up, for: 5m, keep_firing_for: 1m}
      - {record: both, alert: Both, expr: up}
      - {alert: NoExpr}
  - name: g
"#;

const TWICE: &str = r#"
groups:
  - name: g
    rules:
      - {record: r, expr: up, labels: {a: b}}
      - {record: r, expr: up > 1, labels: {a: b}}
"#;

const PAGE: &str = r#"# TYPE a counter
a 1
# HELP b_milliseconds x
# TYPE b_milliseconds gauge
b_milliseconds{fooBar="x"} 1
# HELP c_total x
# TYPE c_total gauge
c_total 1
d:e 1
# HELP x_gauge x
# TYPE x_gauge gauge
x_gauge{le="1",quantile="2"} 3
# HELP mem_kb x
# TYPE mem_kb gauge
mem_kb 4
"#;

/// Both tools in one folder.
struct Pair {
    folder: tempfile::TempDir,
    theirs: PathBuf,
    ours: PathBuf,
}

#[derive(Debug, PartialEq)]
struct Outcome {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Pair {
    /// `None` where there is no promtool to compare with.
    fn new() -> Option<Self> {
        let theirs = compared_program("promtool")?;
        let folder = tempfile::tempdir().unwrap();
        // By its name alone, as in an image where the old tool was.
        let ours = folder.path().join("promtool");
        symlink(cepmon(), &ours).unwrap();
        Some(Self { folder, theirs, ours })
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn run(&self, program: &Path, arguments: &[&str], input: &str) -> Outcome {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() }
    }

    /// Both give the same; returns it. 2.42 indents mistakes of rule files below a configuration, 2.48 does not any more.
    fn assert_same(&self, arguments: &[&str], input: &str) -> Outcome {
        let (ours, mut theirs) = (self.run(&self.ours, arguments, input), self.run(&self.theirs, arguments, input));
        theirs.stderr = theirs.stderr.replace("     lint error", "lint error");
        assert_eq!(ours, theirs, "{arguments:?}");
        ours
    }
}

#[test]
fn rule_files_are_checked_in_the_words_of_promtool() {
    let Some(pair) = Pair::new() else { return };
    pair.file("rules.yml", RULES).file("broken.yml", BROKEN_RULES).file("twice.yml", TWICE);
    pair.file("unknown.yml", "groups:\n  - name: g\n    team: x\n    rules:\n      - alert: A\n        exprs: up\n");
    assert_eq!(pair.assert_same(&["check", "rules", "rules.yml"], "").stdout, "Checking rules.yml\n  SUCCESS: 2 rules found\n\n");
    let broken = pair.assert_same(&["check", "rules", "broken.yml", "rules.yml"], "");
    assert!(broken.code == Some(1) && broken.stderr.lines().count() > 9, "{broken:?}");
    assert!(pair.assert_same(&["check", "rules", "unknown.yml"], "").stderr.contains("field exprs not found"));
    assert_eq!(pair.assert_same(&["check", "rules", "twice.yml"], "").code, Some(0));
    assert_eq!(pair.assert_same(&["check", "rules", "--lint-fatal", "twice.yml"], "").code, Some(3));
    assert_eq!(pair.assert_same(&["check", "rules", "--lint=none", "--lint-fatal", "twice.yml"], "").code, Some(0));
    assert_eq!(pair.assert_same(&["check", "rules", "missing.yml"], "").code, Some(1));
    let ignoring = pair.run(&pair.ours, &["check", "rules", "--ignore-unknown-fields", "unknown.yml"], "");
    assert!(ignoring.stderr.contains("field 'expr' must be set"), "{ignoring:?}");
    let from_input = pair.run(&pair.ours, &["check", "rules"], RULES);
    assert_eq!(from_input.stdout, "Checking standard input\n  SUCCESS: 2 rules found\n\n");
}

#[test]
fn configurations_are_checked_with_their_rule_files() {
    let Some(pair) = Pair::new() else { return };
    pair.file("rules.yml", RULES).file("twice.yml", TWICE);
    pair.file("good.yml", "rule_files: [rules.yml, twice.yml, 'none*.yml']\n").file("missing.yml", "rule_files: [rules.yml, none.yml]\n");
    assert_eq!(pair.assert_same(&["check", "config", "good.yml"], "").code, Some(0));
    assert_eq!(pair.assert_same(&["check", "config", "--lint-fatal", "good.yml"], "").code, Some(3));
    assert_eq!(pair.assert_same(&["check", "config", "missing.yml"], "").code, Some(1));
    assert_eq!(pair.assert_same(&["check", "config", "--syntax-only", "missing.yml"], "").code, Some(0));
    pair.file("wrong.yml", "scrape_configs: [{job_name: a, scrape_intervall: 5s}]\n");
    let wrong = pair.run(&pair.ours, &["check", "config", "wrong.yml"], "");
    assert!(wrong.code == Some(1) && wrong.stderr.contains("wrong.yml:1:"), "{wrong:?}");
}

#[test]
fn unit_tests_of_rules_pass_and_fail_alike() {
    let Some(pair) = Pair::new() else { return };
    pair.file("rules.yml", RULES).file("good.yml", GOOD_TEST).file("bad.yml", BAD_TEST);
    let good = pair.assert_same(&["test", "rules", "good.yml"], "");
    assert_eq!((good.stdout.as_str(), good.code), ("Unit Testing:  good.yml\n  SUCCESS\n\n", Some(0)));
    let bad = pair.assert_same(&["test", "rules", "bad.yml", "good.yml"], "");
    assert!(bad.code == Some(1) && bad.stderr.contains("exp: {__name__=\"job:up:sum\", job=\"a\"} 1.5E+10\n        got: nil"), "{bad:?}");
    // Newer than the tool that is compared with.
    let chosen =
        pair.run(&pair.ours, &["test", "rules", "--run", "all", "--run", "nothing", "--junit", "j.xml", "bad.yml", "good.yml"], "");
    assert_eq!(chosen.code, Some(0), "{chosen:?}");
    assert!(fs::read_to_string(pair.folder.path().join("j.xml")).unwrap().contains("<testcase name=\"all fine\">"));
    pair.file("fuzzy.yml", "fuzzy_compare: true\ntests:\n  - input_series: [{series: m, values: 2.9999999999999996}]\n    promql_expr_test: [{expr: m, eval_time: 0, exp_samples: [{labels: m, value: 3}]}]\n");
    assert_eq!(pair.run(&pair.ours, &["test", "rules", "fuzzy.yml"], "").code, Some(0));
}

#[test]
fn pages_of_metrics_are_linted_alike() {
    let Some(pair) = Pair::new() else { return };
    let found = pair.assert_same(&["check", "metrics"], PAGE);
    assert!(found.code == Some(3) && found.stderr.lines().count() == 11, "{found:?}");
    assert_eq!(pair.assert_same(&["check", "metrics"], "a b c\n").code, Some(1));
    let fine = "# HELP a_total x\n# TYPE a_total counter\na_total 1\na_total{b=\"c\"} 2\n# HELP h x\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";
    assert_eq!(pair.assert_same(&["check", "metrics", "--extended"], fine).code, Some(0));
}

#[test]
fn a_server_is_asked_alike_and_takes_what_is_pushed() {
    let Some(pair) = Pair::new() else { return };
    let target = Target::numbered(|number| {
        format!("# TYPE orders_total counter\norders_total{{shop=\"<a>\"}} {number}\nbig 12345678\nsmall 0.25\n")
    });
    let host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    ));
    host.wait_for_count("SELECT count(*) FROM metrics.orders_total", 10, PATIENCE);
    let url = format!("http://{}", host.address());
    let end: f64 = host.value("SELECT CAST(max(ts) AS BIGINT) FROM metrics.orders_total").unwrap().parse::<f64>().unwrap() / 1000.0 - 1.0;
    let (start, end) = (format!("{:.3}", end - 1.0), format!("{end:.3}"));
    for format in ["promql", "json"] {
        for expr in ["{job=\"shop\"}", "1 + 1", "orders_total[2s]", "nothing", "big / 0"] {
            let same = pair.assert_same(&["query", "instant", "-o", format, "--time", &end, &url, expr], "");
            assert_eq!(same.code, Some(0), "{same:?}");
        }
        let range = ["query", "range", "-o", format, "--start", &start, "--end", &end, "--step", "500ms", &url, "orders_total"];
        assert!(pair.assert_same(&range, "").stdout.contains("orders_total"));
        assert!(pair.assert_same(&["query", "series", "-o", format, "--match", "orders_total", &url], "").stdout.contains("shop"));
        assert!(pair.assert_same(&["query", "labels", "-o", format, &url, "job"], "").stdout.contains("shop"));
    }
    assert_eq!(pair.run(&pair.ours, &["query", "instant", &url, "up{"], "").code, Some(1));
    let pushed = pair.run(
        &pair.ours,
        &["push", "metrics", "--label", "job=push", &format!("{url}/api/v1/write")],
        "# TYPE pushed gauge\npushed{a=\"b\"} 7\n",
    );
    assert_eq!(
        (pushed.code, pushed.stdout.as_str()),
        (Some(0), "Parsing standard input\n  SUCCESS: metrics pushed to remote write.\n"),
        "{}",
        pushed.stderr
    );
    assert_eq!(host.value("SELECT value FROM metrics.pushed WHERE job = 'push' AND a = 'b'").unwrap(), "7");
    for what in ["healthy", "ready"] {
        assert_eq!(pair.run(&pair.ours, &["check", what, "--url", &url], "").code, Some(0));
    }
}

#[test]
fn a_data_directory_is_dumped_listed_and_filled() {
    let Some(pair) = Pair::new() else { return };
    let text = "a{x=\"1\"} 1.5 1700000000\na{x=\"1\"} 46682112 1700000015.25\nb 5e-05 1700000000\n# EOF\n";
    pair.file("history.txt", text);
    let filled = pair.run(&pair.ours, &["tsdb", "create-blocks-from", "openmetrics", "history.txt", "ours"], "");
    assert_eq!(filled.stdout, "imported 3 samples, 3 of them new\n", "{}", filled.stderr);
    let made = pair.run(&pair.theirs, &["tsdb", "create-blocks-from", "openmetrics", "history.txt", "theirs"], "");
    assert_eq!(made.code, Some(0), "{made:?}");
    fs::create_dir(pair.folder.path().join("theirs/wal")).unwrap();
    let dumped = pair.run(&pair.ours, &["tsdb", "dump", "ours"], "");
    assert_eq!(dumped, pair.run(&pair.theirs, &["tsdb", "dump", "theirs"], ""));
    assert_eq!(dumped.stdout.lines().count(), 3);
    let selected = pair.run(&pair.ours, &["tsdb", "dump", "--match", "a", "--min-time", "1700000000001", "ours"], "");
    assert_eq!(selected.stdout, "{__name__=\"a\", x=\"1\"} 4.6682112e+07 1700000015250\n");
    let again = pair.run(&pair.ours, &["tsdb", "dump-openmetrics", "ours"], "");
    assert_eq!(again.stdout, "a{x=\"1\"} 1.5 1700000000.000\na{x=\"1\"} 4.6682112e+07 1700000015.250\nb 5e-05 1700000000.000\n# EOF\n");
    assert!(pair.run(&pair.ours, &["tsdb", "list", "ours"], "").stdout.contains("1700000015250"));
    assert!(pair.run(&pair.ours, &["tsdb", "analyze", "ours"], "").stdout.contains("Series: 2\n"));
    let foreign = pair.run(&pair.ours, &["tsdb", "dump", "theirs"], "");
    assert!(foreign.code == Some(1) && foreign.stderr.contains("cepmon import prometheus"), "{foreign:?}");
}

#[test]
fn expressions_are_edited() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(cepmon()).arg("promtool").args(arguments).current_dir(folder.path()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    assert_eq!(run(&["promql", "format", "up"]).1, Some(1));
    assert_eq!(run(&["--experimental", "promql", "format", "sum  by(job)(up )"]), ("sum by (job) (up)\n".to_owned(), Some(0)));
    let set = ["--experimental", "promql", "label-matchers", "set", "-t", "=~", "up / sum(rate(b{job='x'}[5m]))", "job", "a|b"];
    assert_eq!(run(&set).0, "up{job=~\"a|b\"} / sum(rate(b{job=~\"a|b\"}[5m]))\n");
    assert_eq!(run(&["--experimental", "promql", "label-matchers", "delete", "up{a='1',b='2'}", "a"]).0, "up{b=\"2\"}\n");
}

#[test]
fn targets_of_a_job_are_shown_before_and_after_its_rules() {
    let Some(pair) = Pair::new() else { return };
    pair.file(
        "prometheus.yml",
        "scrape_configs:\n\
         - job_name: web\n\
         \u{20} static_configs: [{targets: ['a:80', 'b:81', 'c'], labels: {zone: x}}]\n\
         \u{20} relabel_configs: [{source_labels: [__address__], regex: 'b.*', action: drop}, {source_labels: [zone], target_label: z}]\n\
         - job_name: files\n\
         \u{20} params: {a: [b]}\n\
         \u{20} file_sd_configs: [{files: ['files.json']}]\n",
    );
    pair.file("files.json", "[{\"targets\": [\"f:1\", \"f:2\"], \"labels\": {\"q\": \"r\"}}]");
    for job in ["web", "files"] {
        let [ours, theirs] = [&pair.ours, &pair.theirs].map(|program| {
            let outcome = pair.run(program, &["check", "service-discovery", "prometheus.yml", job, "--timeout=1s"], "");
            (outcome.stdout, outcome.code)
        });
        assert_eq!(ours, theirs, "{job}");
    }
    pair.assert_same(&["check", "service-discovery", "prometheus.yml", "none"], "");
    pair.assert_same(&["check", "service-discovery", "none.yml", "web"], "");
}

#[test]
fn what_rules_would_have_recorded_is_put_into_a_directory() {
    let Some(pair) = Pair::new() else { return };
    let host = Host::with_config("scrape_configs: []\n");
    let text: String = (0..=20).map(|step| format!("m{{job=\"a\",n=\"1\"}} {step} {}\n", 1_700_000_000 + step * 30)).collect();
    host.write_file("history.txt", &format!("{text}# EOF\n"));
    let server = format!("http://{}", host.address());
    assert_eq!(host.run(&["import", "openmetrics", "history.txt", "--url", &server]).code, Some(0));
    pair.file(
        "rules.yml",
        "groups: [{name: a, interval: 60s, rules: [{record: 'job:m:twice', expr: sum by (job) (m) * 2, labels: {team: x}}, {alert: A, expr: m > 1}]}]\n",
    );
    let times = ["--start=1700000100", "--end=1700000300"];
    let url = format!("--url={server}");
    let made =
        pair.run(&pair.ours, &["tsdb", "create-blocks-from", "rules", times[0], times[1], &url, "--output-dir=made", "rules.yml"], "");
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), "imported 4 samples, 4 of them new\n"), "{}", made.stderr);
    let dumped = pair.run(&pair.ours, &["tsdb", "dump", "made"], "");
    // Every minute on the minute, as the group's interval says.
    let line = |value: i64, at: i64| format!("{{__name__=\"job:m:twice\", job=\"a\", team=\"x\"}} {value} {at}\n");
    let want: String =
        [(6, 100), (10, 160), (14, 220), (18, 280)].map(|(value, after)| line(value, 1_700_000_000_000 + after * 1000)).concat();
    assert_eq!(dumped.stdout, want);
    pair.assert_same(&["tsdb", "create-blocks-from", "rules", "--start=10", "--end=5", "rules.yml"], "");
    let refused = pair.run(
        &pair.ours,
        &["tsdb", "create-blocks-from", "rules", "--start=1", "--end=70", "--url=http://localhost:1", "rules.yml"],
        "",
    );
    assert!(refused.code == Some(1) && refused.stderr.contains("job:m:twice"), "{}", refused.stderr);
}
