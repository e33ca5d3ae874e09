//! Beside the programs that people use today: node_exporter on the same host, and DuckDB on the same files. Prometheus has a file of
//! its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use cepmon_tests::{Host, PATIENCE, Peer, Target, closed_port, compared_program, http, python_with_duckdb, wait_for};

use crate::tree::{assert_none, text};

/// What differs on purpose between node_exporter and the plugin, by metric, with the reason. This list only ever gets shorter.
const DIFFERENCES: [(&str, &str); 0] = [];

/// What is not node_exporter's own but of every Go program that uses its client library.
const LIBRARY: [&str; 4] = ["go_", "process_", "promhttp_", "node_exporter_build_info"];

/// Name → type and label names.
type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

#[test]
fn the_node_plugin_has_the_metrics_types_and_labels_of_node_exporter() {
    let Some(program) = compared_program("prometheus-node-exporter") else { return };
    let address = closed_port();
    let collectors = ["cpu", "meminfo", "loadavg", "filesystem", "diskstats", "netdev", "stat", "uname", "time"];
    let _running = Peer::start(
        Command::new(program)
            .arg(format!("--web.listen-address={address}"))
            .arg("--collector.disable-defaults")
            .args(collectors.map(|collector| format!("--collector.{collector}"))),
    );
    let host = Host::with_config("scrape_configs: [{job_name: node, plugin: node, scrape_interval: 1s, scrape_timeout: 1s}]\n");
    host.wait_for_count("SELECT count(*) FROM metrics.node_cpu_seconds_total", 1, PATIENCE);
    let theirs = exposed(&wait_for("node_exporter", PATIENCE, || page(address)));
    let ours = stored(&host);
    assert!(theirs.len() > 50, "node_exporter gives {} metrics only", theirs.len());

    let mut differences = Vec::new();
    for name in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let difference = match (theirs.get(name), ours.get(name)) {
            (Some(theirs), Some(ours)) if theirs == ours => continue,
            (Some(theirs), Some(ours)) => format!("{name}: node_exporter has {theirs:?}, the plugin {ours:?}"),
            (Some(_), None) => format!("{name}: node_exporter alone has it"),
            (None, _) => format!("{name}: the plugin alone has it"),
        };
        eprintln!("{difference}");
        differences.push((name.as_str(), difference));
    }
    let is_allowed = |name: &str| DIFFERENCES.iter().any(|(allowed, _)| *allowed == name);
    let surprises: Vec<String> = differences.iter().filter(|(name, _)| !is_allowed(name)).map(|(_, text)| text.clone()).collect();
    assert_none("differences from node_exporter", &surprises);
    let is_gone = |name: &str| !differences.iter().any(|(found, _)| *found == name);
    let gone: Vec<String> = DIFFERENCES.iter().filter(|(name, _)| is_gone(name)).map(|(name, _)| (*name).to_owned()).collect();
    assert_none("differences that are gone; take them off the list", &gone);
}

#[test]
fn duckdb_reads_the_data_directory_with_the_view_of_the_readme() {
    let Some(python_path) = python_with_duckdb() else { return };
    // Whole numbers, decimals, and values that only a float can hold; one series ends on the way.
    let target = Target::numbered(|number| {
        let third = number as f64 / 3.0;
        let last = if number < 8 { "duck_value{kind=\"ends\"} 1\n" } else { "" };
        format!(
            "duck_value{{kind=\"whole\"}} {number}\nduck_value{{kind=\"decimal\"}} {number}.25\nduck_value{{kind=\"float\"}} {third}\n{last}"
        )
    });
    let mut host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: duck, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    ));
    // Several blocks, the same series in each.
    for scrapes in [6, 12, 18] {
        host.wait_for_count("SELECT count(*) FROM scrapes", scrapes, PATIENCE);
        host.flush();
    }
    // Nothing more comes, so that both see the same.
    assert!(host.stop().success());
    host.write_file("cepmon.yml", "");
    host.start_again();
    host.flush();

    let statement = "SELECT labels['kind'] AS kind, count(*) AS n, avg(value) AS mean, min(value) AS low, max(value) AS high \
                     FROM samples WHERE metric = 'duck_value' GROUP BY 1 ORDER BY 1";
    let ours = host.sql(statement);
    let script = format!(
        "import duckdb, json\nfor view in json.load(open('views.json')):\n    duckdb.sql(view)\n\
         rows = duckdb.sql(\"\"\"{statement}\"\"\").fetchall()\nprint(json.dumps(rows))\n"
    );
    host.write_file("views.json", &serde_json::Value::from(views_of_the_readme()).to_string());
    let output = Command::new("python3").args(["-c", &script]).env("PYTHONPATH", python_path).current_dir(host.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Vec<Vec<serde_json::Value>> = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(ours.column("kind"), ["decimal", "ends", "float", "whole"]);
    for (ours, theirs) in ours.rows.iter().zip(&theirs) {
        assert_eq!((&ours[0], &ours[1]), (&theirs[0], &theirs[1]), "kind and count");
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        // Least and greatest bit by bit; the mean but for the order of the additions.
        assert_eq!((number(&ours[3]), number(&ours[4])), (number(&theirs[3]), number(&theirs[4])), "{ours:?}");
        assert!((number(&ours[2]) - number(&theirs[2])).abs() < 1e-9, "{ours:?} and {theirs:?}");
    }
    assert_eq!(ours.rows.len(), theirs.len());
    let ends: u64 = ours.column("n")[1].parse().unwrap();
    assert_eq!(ends, 7, "a stale mark is no row");
}

/// The statements of the README that read the files without cepmon.
fn views_of_the_readme() -> Vec<String> {
    let readme = text(Path::new("README.md"));
    let blocks = readme.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let views: Vec<String> = blocks
        .filter(|block| block.contains("read_parquet"))
        .flat_map(|block| block.split(';'))
        .map(str::trim)
        .map(str::to_owned)
        .collect();
    let views: Vec<String> = views.into_iter().filter(|statement| !statement.is_empty()).collect();
    assert!(!views.is_empty(), "the README has no view over read_parquet");
    views
}

fn page(address: SocketAddr) -> Option<String> {
    http::get(address, "/metrics").ok().filter(|response| response.status == 200).map(|response| response.text())
}

/// The metrics of a page of the text format.
fn exposed(page: &str) -> Metrics {
    let mut metrics = Metrics::new();
    let mut kinds = BTreeMap::new();
    for line in page.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            kinds.insert(name.to_owned(), kind.replace("untyped", "unknown"));
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        if name.is_empty() || name == "#" || LIBRARY.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let kind = kinds.get(name).cloned().unwrap_or_default();
        metrics.entry(name.to_owned()).or_insert_with(|| (kind, BTreeSet::new())).1.extend(label_names(line));
    }
    metrics
}

/// `a` and `b` of `m{a="…",b="…",c=""} 1`: a label with an empty value is the same as none.
fn label_names(line: &str) -> Vec<String> {
    let Some((_, labels)) = line.split_once('{') else { return Vec::new() };
    // Names and values in turn; no label of node_exporter has an escaped quote in it.
    let pieces: Vec<&str> = labels.split('"').collect();
    let pairs = pieces.chunks_exact(2).filter(|pair| !pair[1].is_empty());
    pairs.filter_map(|pair| pair[0].trim_start_matches(',').strip_suffix('=')).map(str::to_owned).collect()
}

/// What the plugin gave, without the labels that the host adds.
fn stored(host: &Host) -> Metrics {
    let rows = host.sql("SELECT metric, type, labels FROM series WHERE metric LIKE 'node_%'");
    let mut metrics = Metrics::new();
    for row in &rows.rows {
        let name = row[0].as_str().unwrap();
        let labels = row[2].as_object().unwrap().keys().filter(|label| !["job", "instance", "__name__"].contains(&label.as_str()));
        let kind = row[1].as_str().unwrap().to_owned();
        metrics.entry(name.to_owned()).or_insert_with(|| (kind, BTreeSet::new())).1.extend(labels.cloned());
    }
    metrics
}

#[test]
fn a_page_is_read_as_names_types_and_labels() {
    let page = "# HELP a x\n# TYPE a counter\na{b=\"1\",c=\"{d=}\"} 1\na{e=\"\"} 2\n# TYPE f untyped\nf 1\ngo_x 1\n";
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let expected = [("a".to_owned(), ("counter".to_owned(), names(&["b", "c"]))), ("f".to_owned(), ("unknown".to_owned(), names(&[])))];
    assert_eq!(exposed(page), Metrics::from(expected));
}
