//! `cepmon plugin replay`: a failed call of a running server, once more and here: the same file, the same input, the same answers of the
//! host. It can be kept as a fixture, so that the mended plugin is tested with it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use cepmon_plugin::{Limits, Package, Recording, inspect};
use clap::Args;

use super::{Cache, Failure, block_on, open_replaying};
use crate::cli::folders::Folders;
use crate::cli::http_client;
use crate::cli::output::Output;
use crate::cli::printable::printable;

/// Options of `cepmon plugin replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The plugin
    name: String,
    /// Take the last failed call
    #[arg(long, required = true)]
    last_failure: bool,
    /// Take the last failed call of this kind: trap, cpu, deadline, memory, denied, guest, output or load
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090", env = "CEPMON_URL")]
    url: String,
    /// The plugin's file [default: the installed one, else the one that came with cepmon]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Keep the recording in a file, such as a fixture of the plugin
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    cache: Cache,
}

pub(crate) fn run(args: &ReplayArgs, output: &mut Output) -> Result<(), Failure> {
    let recording = fetch(args)?;
    let failure = recording.failure.as_ref().map(|failure| format!("{}: {}", failure.kind, failure.message)).unwrap_or_default();
    writeln!(output, "the server saw    {}", printable(&failure))?;
    if let Some(path) = &args.save {
        // A fixture holds for every later build.
        let fixture = Recording { digest: None, time_ms: None, ..recording.clone() };
        fixture.write(path)?;
        writeln!(output, "kept in           {}", path.display())?;
    }
    if let Some(why) = &recording.incomplete {
        return Err(anyhow!("cannot replay it: {why}").into());
    }
    let package = package(args, &recording)?;
    let trial = open_replaying(&package, &args.cache.folder(), false)?;
    let tried = block_on(trial.replay(&recording))??;
    if let Some(divergence) = &tried.divergence {
        return Err(anyhow!("cannot reproduce it: {}", printable(divergence)).into());
    }
    let seen = match &tried.error {
        Some(error) => format!("{}: {}", error.kind.as_str(), error.message),
        None => "no failure".to_owned(),
    };
    writeln!(output, "replayed here     {}", printable(&seen))?;
    if tried.recording.failure.as_ref().map(|failure| &failure.kind) == recording.failure.as_ref().map(|failure| &failure.kind) {
        writeln!(output, "reproduced with   {} host calls", recording.calls.len())?;
        return Ok(());
    }
    Err(anyhow!("cannot reproduce it: the same file with the same answers ends otherwise here; what a used guest remembered may matter")
        .into())
}

fn fetch(args: &ReplayArgs) -> Result<Recording, Failure> {
    let path = format!("/api/v1/admin/plugins/{}/failures", args.name);
    let answer = block_on(http_client::get(&args.url, &path, "application/json"))??;
    if !answer.status.is_success() {
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = said["error"]["message"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned);
        return Err(anyhow!("cannot get failures of \"{}\" from \"{}\": {}", args.name, args.url, printable(&said)).into());
    }
    let failures: Vec<Recording> =
        serde_json::from_slice(&answer.body).with_context(|| format!("cannot read the failures that \"{}\" gave", args.url))?;
    let is_wanted = |recording: &Recording| match (&args.kind, &recording.failure) {
        (Some(kind), Some(failure)) => failure.kind == *kind,
        (None, _) => true,
        (Some(_), None) => false,
    };
    failures.into_iter().find(is_wanted).ok_or_else(|| {
        let of_kind = args.kind.as_ref().map(|kind| format!(" of kind {kind}")).unwrap_or_default();
        anyhow!("plugin \"{}\" of \"{}\" has had no failed call{of_kind} since it was started", args.name, args.url).into()
    })
}

/// The very file that failed: another one would prove nothing.
fn package(args: &ReplayArgs, recording: &Recording) -> Result<Package, Failure> {
    let wanted = recording.digest.as_deref().unwrap_or_default();
    let file_name = format!("{}.wasm", args.name);
    let places = match &args.file {
        Some(file) => vec![file.clone()],
        None => {
            let found = args.folders.find()?;
            [Some(found.plugins_dir), found.bundled_dir].into_iter().flatten().map(|folder| folder.join(&file_name)).collect()
        }
    };
    let mut found = places.iter().filter_map(|path| inspect(path, Limits::default().wasm_bytes).ok());
    found.find(|package| package.digest.to_string() == wanted).ok_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| format!("\"{}\"", place.display())).collect();
        anyhow!("cannot find the file that failed, {wanted}: it is not {}; name it with --file", places.join(" or ")).into()
    })
}
