//! Runs scripts in the promqltest language: Prometheus's own where they are at hand, and this project's in `tests/golden`.

mod script;
mod series;
mod run;
mod conformance;
mod literals;
mod answers;

use std::path::Path;

use run::{Report, run_script};
use script::parse_script;

/// Runs the script of one file; says what in it is no script.
fn run_file(path: &Path) -> Result<Report, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(run_script(&parse_script(&text)?))
}

/// The files of a folder that end in `.test`, sorted.
fn scripts_of(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    paths
}

#[test]
fn golden_scripts_pass_without_exception() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = scripts_of(&folder);
    assert!(!paths.is_empty(), "no scripts in {}", folder.display());
    for path in paths {
        let report = run_file(&path).unwrap();
        assert!(report.failures.is_empty(), "{}:\n{}", path.display(), report.failures.join("\n"));
        assert!(report.passed > 0, "{}", path.display());
    }
}
