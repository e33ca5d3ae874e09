//! `cepmon plugin bench`: what a call costs, over a fixture, so that no network and no disk is measured. Figures, no verdict.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use cepmon_plugin::{Grants, Trial, TrialOptions};
use clap::Args;

use super::fixture::{self, Fixture};
use super::source::Source;
use super::{Cache, Failure, open_replaying, options};
use crate::cli::output::Output;

/// How long each of the two ways is measured.
const TIME: Duration = Duration::from_secs(1);

/// Options of `cepmon plugin bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The .wasm file, or the folder that it was built in
    path: PathBuf,
    /// The fixture to replay [default: all in the folder "fixtures" beside the file]
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
}

pub(crate) fn run(args: &BenchArgs, output: &mut Output) -> Result<(), Failure> {
    let source = Source::find(&args.path)?;
    let fixtures = match &args.fixture {
        Some(path) => vec![fixture::read(path)?],
        None => fixture::read_all(&source.fixtures)?,
    };
    if fixtures.is_empty() {
        let folder = source.fixtures.display();
        return Err(anyhow!("cannot measure without a fixture; record one in \"{folder}\" with: cepmon plugin run … --record FILE").into());
    }
    let cache = args.cache.folder();
    let began = Instant::now();
    let fresh = open_replaying(&source.package, &cache, false)?;
    let load = began.elapsed();
    let grants = Grants::asked(&source.package.manifest.capabilities);
    let reused = Trial::open(&source.package, TrialOptions { reuses_guests: true, ..options(grants, &cache) })?;
    let metered = open_replaying(&source.package, &cache, true)?;
    let bytes = source.package.bytes.len();
    writeln!(output, "{}: {} KiB, loaded in {:.1} ms", source.package.manifest.name, bytes.div_ceil(1024), millis(load))?;
    for fixture in &fixtures {
        let tried = fixture.replay(&metered)?;
        if let Some(divergence) = &tried.divergence {
            return Err(anyhow!("cannot measure fixture \"{}\": {divergence}; see: cepmon plugin test", fixture.name).into());
        }
        let (fresh, reused) = (measure(fixture, &fresh)?, measure(fixture, &reused)?);
        writeln!(output, "{}", fixture.name)?;
        writeln!(output, "  fresh guest   {fresh}")?;
        writeln!(output, "  reused guest  {reused}")?;
        writeln!(output, "  memory        {} KiB at most", tried.peak_memory_bytes.div_ceil(1024))?;
        writeln!(output, "  fuel          {}", tried.fuel.unwrap_or_default())?;
    }
    Ok(())
}

/// The median of many calls.
struct Figure {
    call: Duration,
    calls: usize,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.call.as_secs_f64();
        write!(f, "{:.1} µs a call, {:.0} calls/s (median of {})", seconds * 1e6, 1.0 / seconds.max(1e-9), self.calls)
    }
}

fn measure(fixture: &Fixture, trial: &Trial) -> Result<Figure, Failure> {
    let mut times = Vec::new();
    let began = Instant::now();
    while times.len() < 10 || (began.elapsed() < TIME && times.len() < 100_000) {
        times.push(fixture.replay(trial)?.wall);
    }
    // The first calls fill caches and pools.
    let mut times = times.split_off(times.len() / 10);
    times.sort_unstable();
    Ok(Figure { call: times[times.len() / 2], calls: times.len() })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
