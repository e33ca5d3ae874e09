//! `/proc/meminfo`: every line is a gauge, whatever the kernel calls it.

use cepmon_sdk::{Batch, Error, Kind};

use crate::settings::Settings;
use crate::source::Source;

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let text = source.read_proc("meminfo")?;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let Some(key) = fields.next() else {
            continue;
        };
        let value = fields.next().and_then(|field| field.parse::<f64>().ok());
        let value = value.ok_or_else(|| Error::protocol(format_args!("cannot parse \"{line}\" of /proc/meminfo")))?;
        let (name, value) = match fields.next() {
            // The only unit there is, "kB", means KiB.
            Some(_) => (format!("{}_bytes", metric_part(key)), value * 1024.0),
            None => (metric_part(key), value),
        };
        // `_total` is what makes a counter here, as in node_exporter; no kernel has had such a line so far.
        let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        let help = format!("Memory information field {name}.");
        batch.family(&format!("node_memory_{name}"), kind, &help).sample(&[], value);
    }
    Ok(())
}

/// `Active(anon):` as `Active_anon`.
fn metric_part(key: &str) -> String {
    key.trim_end_matches(':').replace('(', "_").replace(')', "")
}

#[cfg(test)]
mod tests {
    #[test]
    fn parentheses_become_an_underscore() {
        assert_eq!(super::metric_part("Active(anon):"), "Active_anon");
        assert_eq!(super::metric_part("HugePages_Total:"), "HugePages_Total");
    }
}
