//! Is a URL up? The prober `http` of blackbox_exporter 0.24: its decisions, its metrics.
//!
//! [`judge`] decides, [`metric`] tells; both are pure functions of an answer. Resolving, connecting and timing are the host's. Probes of
//! several addresses of one name, HTTP/2 and cookies between redirects do not exist here.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod settings;
mod request;
mod judge;
mod metric;
mod http_date;

use cepmon_sdk::clock::Moment;
use cepmon_sdk::{Batch, Error, Target, Verdict};
use settings::Settings;

/// One probe of one target.
#[cepmon_sdk::probe]
pub fn check(target: &Target, batch: &mut Batch) -> Result<Verdict, Error> {
    let settings: Settings = target.settings()?;
    let rules = settings.compile()?;
    settings.ignored().into_iter().for_each(|warning| batch.warn(warning));
    let start = Moment::now();
    let result = request::of(target, &settings).send();
    let seconds = start.elapsed().as_secs_f64();
    let (response, judgement) = match result {
        Ok(response) => {
            let judgement = judge::judge(&response, &settings, &rules);
            (Some(response), judgement)
        }
        // The probe's own setup is at fault, so the target's state is unknown.
        Err(error @ (Error::Config(_) | Error::Denied(_))) => return Err(error),
        Err(error) => (None, judge::Judgement::failed(error.to_string())),
    };
    metric::emit(response.as_ref(), &settings, &judgement, seconds, batch);
    Ok(judgement.verdict)
}

#[cfg(test)]
mod tests;
