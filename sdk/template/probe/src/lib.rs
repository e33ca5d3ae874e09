//! Asks a page and looks at the status of its answer.

use cepmon_sdk::http::Request;
use cepmon_sdk::{Batch, Error, Target, Verdict};
use serde::Deserialize;

/// The metric, as plugin.toml declares it.
const STATUS: &str = "{{metric}}_status";

/// The job's `settings`. The host has checked them against plugin.toml and filled the defaults in.
#[derive(Debug, Deserialize)]
struct Settings {
    status: u16,
}

/// One probe of one target.
#[cepmon_sdk::probe]
pub fn check(target: &Target, batch: &mut Batch) -> Result<Verdict, Error> {
    let settings: Settings = target.settings()?;
    match Request::get(url(&target.address)).send() {
        Ok(response) => {
            let help = "Status of the answer.";
            batch.gauge(STATUS, help, response.status.into());
            Ok(judge(response.status, settings.status))
        }
        // The probe's own setup is at fault, so nothing is known of the target.
        Err(error @ (Error::Config(_) | Error::Denied(_))) => Err(error),
        Err(error) => Ok(Verdict::down(error.to_string())),
    }
}

fn url(address: &str) -> String {
    if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}/")
    }
}

fn judge(status: u16, wanted: u16) -> Verdict {
    if status == wanted {
        Verdict::up(format!("status {status}"))
    } else {
        Verdict::down(format!("got status {status}, wanted {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_http() {
        assert_eq!(url("localhost:80"), "http://localhost:80/");
        assert_eq!(url("https://a.example/b"), "https://a.example/b");
    }

    #[test]
    fn only_the_wanted_status_is_up() {
        assert!(judge(200, 200).is_up);
        assert!(!judge(503, 200).is_up);
    }
}
