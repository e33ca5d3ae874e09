//! Where the built things lie. The test executable is `TARGET/PROFILE/deps/it-…`, and `make test` leaves cepmon, the plugins and
//! the guests of the tests beside it. Cargo names an executable (`CARGO_BIN_EXE_…`) only to tests of the same package.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The `cepmon` executable of the same profile as the running test.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn cepmon() -> PathBuf {
    built("cepmon", "cargo build -p cepmon -p cepmon-features")
}

/// The folder of the first-party plugins, with their `bundled.lock`.
///
/// # Panics
/// When they have not been built.
#[must_use]
pub fn bundled_plugins() -> PathBuf {
    built("plugins/bundled.lock", "make test").parent().expect("BUG: a joined path has no parent").to_path_buf()
}

/// The component of a guest of `tests/guests`; it comes without any grant.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"), "make test")
}

/// A program that cepmon is compared with, such as `prometheus-node-exporter`: as `make test` fetched it, or as installed.
/// `None` (and a line that says so) where it is missing, for the test to end.
///
/// # Panics
/// When it is missing and `CI=true`: a comparison that CI skips would be lost unseen.
#[must_use]
pub fn compared_program(name: &str) -> Option<PathBuf> {
    let fetched = profile_folder().join("../tools").join(name);
    let search_path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&search_path).map(|folder| folder.join(name));
    let found = std::iter::once(fetched).chain(installed).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("cannot find {name:?}"));
    }
    found
}

/// The folder to set as `PYTHONPATH` so that `python3` can import duckdb; `None` as in [`compared_program`].
///
/// # Panics
/// When it is missing and `CI=true`.
#[must_use]
pub fn python_with_duckdb() -> Option<PathBuf> {
    let folder = profile_folder().join("../tools/python");
    if folder.join("duckdb").is_dir() {
        return Some(folder);
    }
    skip("cannot find the Python package \"duckdb\"");
    None
}

/// The environment in which `cepmon plugin build` finds `tool`, which compiles plugins of another language: as `make test` fetched it,
/// or as installed. `None` as in [`compared_program`].
///
/// # Panics
/// When the environment's `PATH` is broken.
#[must_use]
pub fn with_language_tool(tool: &str) -> Option<Vec<(&'static str, OsString)>> {
    let tools = profile_folder().join("../tools");
    let search_path = env::var_os("PATH").unwrap_or_default();
    let fetched = [tools.join("componentize-py/bin"), tools.join("componentize-qjs/node_modules/.bin")];
    let folders: Vec<PathBuf> = fetched.into_iter().chain(env::split_paths(&search_path)).collect();
    if !folders.iter().any(|folder| folder.join(tool).is_file()) {
        skip(&format!("cannot find {tool:?}"));
        return None;
    }
    let search_path = env::join_paths(folders).expect("BUG: a folder of the tools has a colon in its path");
    Some(vec![("PATH", search_path), ("PYTHONPATH", tools.join("componentize-py").into())])
}

/// Where tests keep what is slow to build, from one run to the next.
#[must_use]
pub fn kept_folder() -> PathBuf {
    profile_folder().join("test-kept")
}

/// Says that a test ends early; with `CI=true` fails it.
fn skip(reason: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "{reason}; with CI=true nothing is skipped; run: make test");
    eprintln!("skipped: {reason}; run: make test");
}

fn built(name: &str, command: &str) -> PathBuf {
    let path = profile_folder().join(name);
    assert!(path.is_file(), "cannot find {}, which the integration tests start; run: {command}", path.display());
    path
}

/// `TARGET/PROFILE`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("BUG: a running test has no path");
    test.ancestors().nth(2).map(Path::to_path_buf).expect("BUG: a test runs outside a target directory")
}
