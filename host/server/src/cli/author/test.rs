//! `cepmon plugin test`: every fixture is replayed. Output and host calls have to be the recorded ones; the cost, counted in fuel, may grow
//! by five in a hundred, which no machine and no load can cause.

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use cepmon_plugin::{Recording, Tried};
use clap::Args;

use super::difference::difference;
use super::fixture::{self, Fixture};
use super::source::Source;
use super::{Cache, Failure, open_replaying};
use crate::cli::output::Output;
use crate::cli::printable::printable;

/// How much more than the recorded fuel a call may cost, in percent.
const MAX_GROWTH: u64 = 5;

/// Options of `cepmon plugin test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The .wasm file, or the folder that it was built in; the fixtures lie in the folder "fixtures" beside it
    path: PathBuf,
    /// Write what the plugin does now into the fixtures: output and cost
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    cache: Cache,
}

pub(crate) fn run(args: &TestArgs, output: &mut Output) -> Result<(), Failure> {
    let source = Source::find(&args.path)?;
    let fixtures = fixture::read_all(&source.fixtures)?;
    if fixtures.is_empty() {
        let folder = source.fixtures.display();
        return Err(anyhow!(
            "cannot test \"{}\": there is no fixture in \"{folder}\"; record one with: cepmon plugin run {} --record {folder}/first.json",
            source.package.manifest.name,
            args.path.display()
        )
        .into());
    }
    let trial = open_replaying(&source.package, &args.cache.folder(), true)?;
    let mut failed = 0;
    for fixture in &fixtures {
        let tried = fixture.replay(&trial)?;
        let problems = if args.update { update(fixture, &tried)? } else { compare(&fixture.recording, &tried) };
        let verdict = if problems.is_empty() { "ok" } else { "FAILED" };
        writeln!(output, "{}: {verdict}, {}", fixture.name, fuel_text(fixture.recording.fuel, tried.fuel))?;
        for line in &problems {
            writeln!(output, "  {}", printable(line))?;
        }
        failed += usize::from(!problems.is_empty());
    }
    let count = fixtures.len();
    let noun = if count == 1 { "fixture" } else { "fixtures" };
    match failed {
        0 => Ok(writeln!(output, "{count} {noun}, all fine")?),
        failed => {
            // The report belongs before the closing line, which goes to standard error.
            output.flush()?;
            Err(anyhow!("{failed} of {count} {noun} failed; if what the plugin does now is right, run: cepmon plugin test --update").into())
        }
    }
}

/// What a replay did otherwise than the recording says.
pub(super) fn compare(recording: &Recording, tried: &Tried) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(divergence) = &tried.divergence {
        problems.push(format!("{divergence}; if the new call is right, record it again with: cepmon plugin run … --record"));
        // What comes out after another question was put is no finding of its own.
        return problems;
    }
    if tried.recording.output != recording.output {
        let lines = |recording: &Recording| recording.output.clone();
        let (old, new) = (lines(recording), lines(&tried.recording));
        let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
        problems.push("the output differs (- recorded, + now):".to_owned());
        problems.extend(difference(&old, &new));
    }
    if let (Some(recorded), Some(now)) = (recording.fuel, tried.fuel)
        && is_too_much(recorded, now)
    {
        let growth = growth(recorded, now);
        problems.push(format!("it costs {growth:.1} % more fuel than recorded ({recorded}, now {now}); {MAX_GROWTH} % are allowed"));
    }
    problems
}

fn update(fixture: &Fixture, tried: &Tried) -> Result<Vec<String>, Failure> {
    if tried.divergence.is_some() {
        return Ok(compare(&fixture.recording, tried));
    }
    let recording = Recording {
        output: tried.recording.output.clone(),
        failure: tried.recording.failure.clone(),
        version: tried.recording.version.clone(),
        fuel: tried.fuel,
        ..fixture.recording.clone()
    };
    // A file that would not change is not touched.
    if recording != fixture.recording {
        recording.write(&fixture.path)?;
    }
    Ok(Vec::new())
}

fn fuel_text(recorded: Option<u64>, now: Option<u64>) -> String {
    match (recorded, now) {
        (Some(recorded), Some(now)) if recorded == now => format!("fuel {now}"),
        (Some(recorded), Some(now)) => format!("fuel {now} ({:+.1} %)", growth(recorded, now)),
        (None, Some(now)) => format!("fuel {now} (the fixture holds none to compare with; --update writes it)"),
        (_, None) => "no fuel".to_owned(),
    }
}

fn is_too_much(recorded: u64, now: u64) -> bool {
    now.saturating_mul(100) > recorded.saturating_mul(100 + MAX_GROWTH)
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for people")]
fn growth(recorded: u64, now: u64) -> f64 {
    (now as f64 / recorded.max(1) as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_reads_as_a_change() {
        assert_eq!(fuel_text(Some(200), Some(200)), "fuel 200");
        assert_eq!(fuel_text(Some(200), Some(211)), "fuel 211 (+5.5 %)");
        assert_eq!(fuel_text(Some(200), Some(100)), "fuel 100 (-50.0 %)");
        assert!(!is_too_much(100, 105) && is_too_much(1000, 1051) && !is_too_much(1000, 10));
    }
}
