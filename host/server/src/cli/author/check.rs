//! `cepmon plugin check`: everything that is wrong with a plugin, or that its operator would miss, in one go and each with the way out.
//! Problems make it end with 1; notes do not.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use cepmon_plugin::{Capability, Limits, Manifest, Metric, Package, PluginKind, inspect};
use clap::Args;

use super::source::{built_file, manifest_of};
use super::{Cache, Failure, fixture, open_replaying};
use crate::cli::output::Output;
use crate::cli::printable::printable;

/// A file above this is worth a word: small plugins have 60 KB, those with a regular expression engine 1 MB.
const LARGE_BYTES: usize = 4 << 20;

/// Options of `cepmon plugin check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The .wasm file, or the folder of its source
    path: PathBuf,
    #[command(flatten)]
    cache: Cache,
}

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

pub(crate) fn run(args: &CheckArgs, output: &mut Output) -> Result<(), Failure> {
    let mut findings = Findings::default();
    if args.path.is_dir() {
        folder(args, &mut findings)
    } else {
        file(args, &args.path, &mut findings)
    }
    for problem in &findings.problems {
        writeln!(output, "problem: {}", printable(problem))?;
    }
    for note in &findings.notes {
        writeln!(output, "note: {}", printable(note))?;
    }
    output.flush()?;
    match findings.problems.len() {
        0 => Ok(writeln!(output, "{}: no problem", args.path.display())?),
        1 => Err(anyhow!("{}: 1 problem", args.path.display()).into()),
        count => Err(anyhow!("{}: {count} problems", args.path.display()).into()),
    }
}

fn folder(args: &CheckArgs, findings: &mut Findings) {
    let folder = &args.path;
    let manifest = match manifest_of(folder) {
        Ok(manifest) => manifest,
        Err(error) => return findings.problem(error.line()),
    };
    check_manifest(&manifest, findings);
    if !folder.join("README.md").is_file() {
        findings.note("there is no README.md; say what it does, which settings it has, what it asks for and why");
    }
    match built_file(folder) {
        Err(error) => findings.problem(error.line()),
        Ok(path) => {
            let built = inspect(&path, Limits::default().wasm_bytes);
            if built.is_ok_and(|package| *package.manifest != manifest) {
                let shown = folder.display();
                findings.problem(format!("{} holds another plugin.toml than the folder; run: cepmon plugin build {shown}", path.display()));
            }
            file_only(args, &path, findings);
        }
    }
}

fn file(args: &CheckArgs, path: &Path, findings: &mut Findings) {
    if let Some(package) = file_only(args, path, findings) {
        check_manifest(&package.manifest, findings);
    }
}

/// What the component itself says: world, imports, size, and what comes out of its fixtures.
fn file_only(args: &CheckArgs, path: &Path, findings: &mut Findings) -> Option<Package> {
    // Damage, a wrong world, imports that nobody offers or that were not asked for.
    let package = match inspect(path, Limits::default().wasm_bytes) {
        Ok(package) => package,
        Err(error) => {
            findings.problem(error.line());
            return None;
        }
    };
    let manifest = &package.manifest;
    for capability in Capability::ALL.into_iter().filter(|capability| manifest.capabilities.reason(*capability).is_some()) {
        if package.imported_capabilities().all(|imported| imported != capability) {
            findings.problem(format!(
                "it asks for {capability} and does not import it, so operators grant it for nothing; remove [capabilities.{capability}]"
            ));
        }
    }
    if package.bytes.len() > LARGE_BYTES {
        let mib = package.bytes.len() >> 20;
        findings
            .note(format!("it has {mib} MiB; in Rust, opt-level, lto and strip make it small, and regex-lite is 0.6 MB less than regex"));
    }
    if package.is_foreign() {
        let wasi: Vec<&str> = package.imports.iter().filter(|import| import.starts_with("wasi:")).map(String::as_str).collect();
        findings.note(format!("it imports {}; files, sockets and variables of WASI are empty here", wasi.join(", ")));
    }
    check_fixtures(args, &package, path, findings);
    Some(package)
}

fn check_manifest(manifest: &Manifest, findings: &mut Findings) {
    if manifest.license.trim().is_empty() {
        findings.problem("plugin.toml: license is empty; say under which licence it may be used, such as \"Apache-2.0\"");
    }
    if manifest.source.is_none() {
        findings.note("plugin.toml: there is no source; name where its sources lie, for those who want to read before they grant");
    }
    for (key, setting) in &manifest.settings {
        if setting.doc.trim().is_empty() {
            findings.problem(format!("plugin.toml: settings.{key} has no doc; say in one sentence what it does"));
        }
        if setting.default.is_none() && !setting.required {
            findings.note(format!("plugin.toml: settings.{key} has no default and is not required, so the plugin has to take its absence"));
        }
    }
    if manifest.metrics.is_empty() && manifest.kind != PluginKind::LogParser {
        findings.problem("plugin.toml: no metric is declared; add [[metrics]] with name, type and help for each that it emits");
    }
    let mut seen = BTreeSet::new();
    for metric in &manifest.metrics {
        let name = &metric.name;
        if metric.help.trim().is_empty() {
            findings.problem(format!("plugin.toml: metric {name} has no help; say what it tells"));
        }
        if !seen.insert(name) {
            findings.problem(format!("plugin.toml: metric {name} is declared twice; remove one"));
        }
        let stem = name.strip_suffix('*').unwrap_or(name);
        if !stem.is_empty() && !is_metric_name(stem) {
            findings.problem(format!("plugin.toml: metric {name} has no valid name; names match [a-zA-Z_:][a-zA-Z0-9_:]*"));
        }
        if is_host_name(stem) {
            findings
                .problem(format!("plugin.toml: metric {name} has a name of the host's own, and would become exported_{name}; rename it"));
        }
        if metric.kind == "counter" && !name.ends_with("_total") && !name.ends_with('*') {
            findings.note(format!("plugin.toml: counter {name} does not end in _total, as counters do"));
        }
    }
}

/// Metrics of the fixtures against those that are declared.
fn check_fixtures(args: &CheckArgs, package: &Package, path: &Path, findings: &mut Findings) {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default().join("fixtures");
    let fixtures = match fixture::read_all(&folder) {
        Ok(fixtures) => fixtures,
        Err(error) => return findings.problem(error.line()),
    };
    if fixtures.is_empty() {
        return findings.note("there are no fixtures; record one with: cepmon plugin run … --record fixtures/first.json");
    }
    let trial = match open_replaying(package, &args.cache.folder(), false) {
        Ok(trial) => trial,
        Err(error) => return findings.problem(error.line()),
    };
    for fixture in &fixtures {
        match fixture.replay(&trial) {
            Err(Failure::Failed(error) | Failure::Usage(error)) => findings.problem(format!("fixture {}: {error:#}", fixture.name)),
            Ok(tried) => {
                if !super::test::compare(&fixture.recording, &tried).is_empty() {
                    findings.problem(format!("fixture {}: it fails; run: cepmon plugin test {}", fixture.name, args.path.display()));
                }
                for (name, kind) in emitted(&tried.output) {
                    check_emitted(name, kind, &package.manifest, &fixture.name, findings);
                }
            }
        }
    }
}

fn check_emitted(name: &str, kind: &str, manifest: &Manifest, fixture: &str, findings: &mut Findings) {
    match manifest.metrics.iter().find(|metric| covers(metric, name)) {
        None => findings.problem(format!("fixture {fixture}: it emits {name}, which plugin.toml does not declare; add it to [[metrics]]")),
        Some(metric) if metric.kind != kind && !metric.name.ends_with('*') => {
            let declared = &metric.kind;
            findings.problem(format!("fixture {fixture}: it emits {name} as {kind}, plugin.toml declares a {declared}; make them agree"));
        }
        Some(_) => {}
    }
}

fn covers(metric: &Metric, name: &str) -> bool {
    match metric.name.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => metric.name == name,
    }
}

/// Name and type of each family of an exposition.
fn emitted(output: &str) -> impl Iterator<Item = (&str, &str)> {
    output.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
}

fn is_metric_name(name: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    name.bytes().enumerate().all(|(at, byte)| is_start(byte) || (at > 0 && byte.is_ascii_digit()))
}

fn is_host_name(name: &str) -> bool {
    name == "up" || name.starts_with("scrape_") || name.starts_with("ALERTS") || name.starts_with("cepmon_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(more: &str) -> Findings {
        let text = format!("name='a'\nversion='1.0.0'\nkind='exporter'\ndescription='d'\nlicense='x'\nsource='https://a'\n{more}");
        let mut findings = Findings::default();
        check_manifest(&Manifest::parse(text.as_bytes(), "plugin.toml").unwrap(), &mut findings);
        findings
    }

    #[test]
    fn a_manifest_that_lacks_words_has_a_problem_for_each() {
        let good = "[[metrics]]\nname='a_total'\ntype='counter'\nhelp='h'\n[settings.x]\ntype='text'\ndefault=''\ndoc='d'\n";
        assert_eq!((findings(good).problems, findings(good).notes), (Vec::<String>::new(), Vec::<String>::new()));
        let bad = "[[metrics]]\nname='up'\ntype='counter'\nhelp=''\n[[metrics]]\nname='a-b'\ntype='gauge'\nhelp='h'\n\
                   [settings.x]\ntype='text'\n";
        let found = findings(bad);
        for part in
            ["metric up has no help", "metric up has a name of the host's own", "metric a-b has no valid name", "settings.x has no doc"]
        {
            assert!(found.problems.iter().any(|problem| problem.contains(part)), "{part}: {:?}", found.problems);
        }
        assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
        assert!(findings("").problems[0].contains("no metric is declared"));
    }

    #[test]
    fn what_is_emitted_has_to_be_declared() {
        let text = "name='a'\nversion='1.0.0'\nkind='exporter'\ndescription='d'\nlicense='x'\n\
                    [[metrics]]\nname='a_*'\ntype='gauge'\nhelp='h'\n[[metrics]]\nname='b'\ntype='gauge'\nhelp='h'\n";
        let manifest = Manifest::parse(text.as_bytes(), "plugin.toml").unwrap();
        let mut found = Findings::default();
        for (name, kind) in emitted("# HELP a_x h\n# TYPE a_x counter\na_x 1\n# TYPE b counter\nb 1\n# TYPE c gauge\nc 1\n") {
            check_emitted(name, kind, &manifest, "first", &mut found);
        }
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert!(found.problems[0].contains("emits b as counter") && found.problems[1].contains("emits c, which"), "{:?}", found.problems);
    }
}
