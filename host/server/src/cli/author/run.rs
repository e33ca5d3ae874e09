//! `cepmon plugin run`: one call against the world, printed as exposition text or rows. What the plugin may do is granted here, for this
//! run; no lock is read or written.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use cepmon_model::Clock;
use cepmon_plugin::{Capability, Grants, Input, Manifest, PluginKind, Secrets, Trial, TrialOptions};
use clap::Args;
use serde_json::Value;

use super::source::Source;
use super::{Cache, Failure, block_on, options};
use crate::cli::output::Output;
use crate::cli::printable::printable;
use crate::clock::SystemClock;
use crate::web::grant_words;

/// Lines and bytes that one run reads: a batch, not a file of a year.
const MAX_LINES_BYTES: u64 = 8 << 20;

/// Options of `cepmon plugin run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The .wasm file, or the folder that it was built in
    path: PathBuf,
    /// What it is asked about: host:port, a URL or a host; an exporter of this host needs none
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    target: String,
    /// Its settings, as in the configuration, as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// A parameter of the target, as in `params`; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// How long it may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    timeout: String,
    /// Lines for a log parser: a file, or - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    lines: PathBuf,
    /// Grant something for this run: files, files:/proc/stat, http:target, …; may be repeated
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<String>,
    /// Grant everything that the plugin asks for, for this run
    #[arg(long)]
    accept_capabilities: bool,
    /// The value of a secret, read from a file; may be repeated
    #[arg(long = "secret", value_name = "NAME=FILE")]
    secrets: Vec<String>,
    /// Record input, host calls and output in a file, a fixture of the plugin's tests; secrets are masked
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
}

pub(crate) fn run(args: &RunArgs, output: &mut Output) -> Result<(), Failure> {
    let source = Source::find(&args.path)?;
    let manifest = &source.package.manifest;
    let grants = grants(args, &source)?;
    // What is wrong with the command line is said before anything is compiled.
    let settings: Value = serde_json::from_str(&args.settings)
        .map_err(|error| Failure::usage(anyhow!("cannot read --settings: {error}; pass a JSON object such as '{{\"key\": \"value\"}}'")))?;
    let timeout = timeout(&args.timeout)?;
    let secrets = secrets(&args.secrets)?;
    show_log();
    let cache = args.cache.folder();
    let trial = Trial::open(&source.package, TrialOptions { secrets, ..options(grants, &cache) })?;
    let settings = trial.check_settings(&settings).map_err(Failure::usage)?;
    let input = match manifest.kind {
        PluginKind::LogParser => lines(args, settings)?,
        PluginKind::Exporter | PluginKind::Probe => {
            check_target(args, manifest)?;
            let parameters = pairs("--param", &args.parameters)?;
            let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            Input::Target { address: args.target.clone(), parameters, settings, timeout_ns }
        }
    };
    let tried = block_on(trial.run(&input))??;
    if let Some(path) = &args.record {
        if let Some(why) = &tried.recording.incomplete {
            return Err(anyhow!("cannot record in \"{}\": {why}", path.display()).into());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create folder \"{}\"", folder.display()))?;
        }
        tried.recording.write(path)?;
    }
    if let Some(error) = &tried.error {
        return Err(anyhow!("the call failed: {}: {}", error.kind.as_str(), printable(&error.message)).into());
    }
    for line in tried.output.lines() {
        writeln!(output, "{}", printable(line))?;
    }
    Ok(())
}

/// What it may do in this run. What it asks for is shown, so that nobody grants blindly.
fn grants(args: &RunArgs, source: &Source) -> Result<Grants, Failure> {
    let manifest = &source.package.manifest;
    let asked = Grants::asked(&manifest.capabilities);
    let mut granted = if args.accept_capabilities { asked.clone() } else { Grants::default() };
    for word in &args.grants {
        granted.grant(manifest, word).map_err(Failure::usage)?;
    }
    let mut stderr = std::io::stderr();
    for permission in grant_words::permissions(&granted) {
        writeln!(stderr, "in this run it may {}", printable(&permission.to_string()))?;
    }
    let missing: Vec<Capability> = source.package.imported_capabilities().filter(|&capability| !granted.allows(capability)).collect();
    if missing.is_empty() {
        return Ok(granted);
    }
    for permission in grant_words::permissions(&asked) {
        let reason = manifest.capabilities.reason(permission.capability).unwrap_or_default();
        writeln!(stderr, "it asks to {} ({})", printable(&permission.to_string()), printable(reason))?;
    }
    let words: Vec<String> = missing.iter().map(|capability| format!("--grant {capability}")).collect();
    Err(Failure::usage(anyhow!(
        "cannot run \"{}\": it was not granted {}; pass --accept-capabilities for all that it asks for, or {}",
        manifest.name,
        missing.iter().map(|capability| capability.as_str()).collect::<Vec<_>>().join(", "),
        words.join(" ")
    )))
}

fn check_target(args: &RunArgs, manifest: &Manifest) -> Result<(), Failure> {
    if manifest.kind == PluginKind::Probe && args.target.is_empty() {
        return Err(Failure::usage(anyhow!("cannot run probe \"{}\" without a target; pass --target ADDRESS", manifest.name)));
    }
    Ok(())
}

fn timeout(text: &str) -> Result<Duration, Failure> {
    match cepmon_model::parse_duration(text) {
        Ok(timeout) if !timeout.is_zero() => Ok(timeout),
        Ok(_) => Err(Failure::usage(anyhow!("cannot use --timeout \"{text}\": expected more than nothing, such as 10s"))),
        Err(error) => Err(Failure::usage(anyhow!("cannot use --timeout: {error}"))),
    }
}

fn pairs(option: &str, texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let read = |text| pair(text).ok_or_else(|| Failure::usage(anyhow!("cannot read {option} \"{text}\": expected NAME=VALUE")));
    texts.iter().map(read).collect()
}

fn secrets(texts: &[String]) -> Result<Secrets, Failure> {
    let mut secrets = std::collections::BTreeMap::new();
    for (name, file) in pairs("--secret", texts)? {
        let value = std::fs::read_to_string(&file).with_context(|| format!("cannot read the secret \"{name}\" from \"{file}\""))?;
        secrets.insert(name, value.trim_end_matches(['\r', '\n']).to_owned());
    }
    Ok(Secrets::new(secrets))
}

fn lines(args: &RunArgs, settings: Value) -> Result<Input, Failure> {
    let mut bytes = Vec::new();
    let doing = || format!("cannot read lines from \"{}\"", args.lines.display());
    if args.lines.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_LINES_BYTES).read_to_end(&mut bytes).with_context(doing)?;
    } else {
        std::fs::File::open(&args.lines).and_then(|file| file.take(MAX_LINES_BYTES).read_to_end(&mut bytes)).with_context(doing)?;
    }
    let now_ns = SystemClock.now().saturating_mul(1_000_000);
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let pieces = if text.is_empty() { Vec::new() } else { text.split(|&byte| byte == b'\n').collect() };
    Ok(Input::of_lines(&pieces, now_ns, settings))
}

/// What a guest writes to its log goes to standard error.
fn show_log() {
    let shown = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time();
    let filter = tracing_subscriber::EnvFilter::new("off,plugin=debug");
    // A second subscriber of a process is refused; the first one shows the lines too.
    shown.with_env_filter(filter).try_init().ok();
}
