//! Tells how long this host has been up.

use cepmon_sdk::{Batch, Error, Kind, Target, file};
use serde::Deserialize;

/// What the kernel tells in one line: two numbers of seconds.
const FILE: &str = "/proc/uptime";

// The metrics, as plugin.toml declares them.
const UPTIME: &str = "{{metric}}_uptime_seconds";
const IDLE: &str = "{{metric}}_idle_seconds_total";

/// The job's `settings`. The host has checked them against plugin.toml and filled the defaults in.
#[derive(Debug, Deserialize)]
struct Settings {
    idle: bool,
}

/// One scrape.
#[cepmon_sdk::exporter]
pub fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let settings: Settings = target.settings()?;
    let text = file::read_text(FILE)?;
    let Some((uptime, idle)) = parse(&text) else {
        let problem = format!("cannot read \"{FILE}\": got {text:?}, wanted two numbers");
        return Err(Error::protocol(problem));
    };
    let help = "Seconds since the host started.";
    batch
        .family(UPTIME, Kind::Gauge, help)
        .unit("seconds")
        .sample(&[], uptime);
    if settings.idle {
        let help = "Seconds that all CPUs together were idle.";
        batch
            .family(IDLE, Kind::Counter, help)
            .unit("seconds")
            .sample(&[], idle);
    }
    Ok(())
}

fn parse(text: &str) -> Option<(f64, f64)> {
    let (uptime, idle) = text.trim_end().split_once(' ')?;
    Some((uptime.parse().ok()?, idle.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_read_and_nothing_else() {
        assert_eq!(parse("350735.47 234388.90\n"), Some((350735.47, 234388.9)));
        for wrong in ["", "350735.47\n", "soon later\n"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
