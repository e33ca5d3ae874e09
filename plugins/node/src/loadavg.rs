//! `/proc/loadavg`: the three load averages.

use cepmon_sdk::{Batch, Error};

use crate::settings::Settings;
use crate::source::Source;

const AVERAGES: [(&str, &str); 3] =
    [("node_load1", "1m load average."), ("node_load5", "5m load average."), ("node_load15", "15m load average.")];

pub(crate) fn collect(source: &Source, _settings: &Settings, batch: &mut Batch) -> Result<(), Error> {
    let text = source.read_proc("loadavg")?;
    let mut fields = text.split_ascii_whitespace();
    for (name, help) in AVERAGES {
        let value = fields.next().and_then(|field| field.parse().ok());
        let value = value.ok_or_else(|| Error::protocol(format_args!("cannot parse \"{}\" of /proc/loadavg", text.trim())))?;
        batch.gauge(name, help, value);
    }
    Ok(())
}
