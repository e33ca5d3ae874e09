//! The last failed calls of a plugin, with what went in and what the host answered, so that an author can see on his own machine what an
//! operator saw on another. One call of each kind of failure, so that a target that is down for a week does not push out the crash of
//! last night; everything is bounded. Text is made of it only when somebody asks.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::CallError;
use crate::guest::Request;
use crate::package::Digest;
use crate::recording::{Facts, Input, Recording};
use crate::tape::{Recorder, Tape};

/// Failed calls kept of one plugin.
const MAX_FAILURES: usize = 4;
/// Bytes that one call may keep of its input, and as many of the host's answers. A page of 2,000 series fits.
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// One plugin's.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<VecDeque<Failed>>);

#[derive(Debug)]
struct Failed {
    time: SystemTime,
    version: String,
    digest: Digest,
    input: Input,
    calls: Recorder,
    error: CallError,
}

impl Failures {
    /// Keeps a failed call; the one before of the same kind goes.
    #[allow(clippy::disallowed_methods, reason = "shown to people; nothing is decided by it")]
    pub(crate) fn keep(&self, request: &Request<'_>, tape: Tape, error: &CallError, version: &str, digest: Digest) {
        let Tape::Recording(calls) = tape else { return };
        if Input::weight(request) > MAX_BYTES {
            return;
        }
        let failed =
            Failed { time: SystemTime::now(), version: version.to_owned(), digest, input: Input::of(request), calls, error: error.clone() };
        let mut failures = crate::lock_mutex(&self.0);
        failures.retain(|before| before.error.kind != error.kind);
        failures.truncate(MAX_FAILURES - 1);
        failures.push_front(failed);
    }

    /// All of them, the last one first, secrets masked.
    pub(crate) fn read(&self, plugin: &str) -> Vec<Recording> {
        let failures = crate::lock_mutex(&self.0);
        let read = |failed: &Failed| {
            let since = failed.time.duration_since(UNIX_EPOCH).unwrap_or_default();
            let output = crate::exposition::failure_text(&failed.error);
            let facts = Facts {
                plugin,
                version: &failed.version,
                digest: Some(failed.digest.to_string()),
                time_ms: u64::try_from(since.as_millis()).ok(),
                error: Some(&failed.error),
                output: &output,
            };
            Recording::of(&facts, failed.input.clone(), &failed.calls)
        };
        failures.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use cepmon_model::FailureKind;

    use super::*;
    use crate::abi::wit::types::Target;

    #[test]
    fn each_kind_of_failure_keeps_its_last_call_and_secrets_are_masked() {
        let failures = Failures::default();
        let keep = |address: &str, kind: FailureKind| {
            let target = Target {
                address: address.to_owned(),
                parameters: Vec::new(),
                settings: r#"{"password":"hunter22"}"#.to_owned(),
                timeout_ns: 1,
            };
            let error = CallError::new(kind, format!("cannot log in to {address} with hunter22"));
            failures.keep(&Request::Collect(target), Tape::recording(MAX_BYTES), &error, "1.0.0", Digest::of(b"x"));
        };
        keep("a:1", FailureKind::Trap);
        for number in 0..10 {
            keep(&format!("http://u:hunter22@b:{number}"), FailureKind::Guest);
        }
        let read = failures.read("test");
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].failure_kind(), read[1].failure_kind()), (Some(FailureKind::Guest), Some(FailureKind::Trap)));
        let text = serde_json::to_string(&read[0]).unwrap();
        assert!(text.contains("b:9") && !text.contains("hunter22"), "{text}");
        for kind in FailureKind::ALL {
            keep("a:1", kind);
        }
        assert_eq!(failures.read("test").len(), MAX_FAILURES);
    }

    #[tokio::test]
    async fn a_failed_call_keeps_what_the_host_answered_and_a_good_one_nothing() {
        use crate::testing::{READS_PASSWD, READS_STAT, TestHost, files, manifest, plugin, target};
        let asks = |name: &str| manifest(name, "[capabilities.files]\npaths = [\"/proc/stat\"]\nreason = \"counts\"\n");
        let test = TestHost::new(&[
            ("honest", plugin(&asks("honest"), READS_STAT), files(&["/proc/stat"])),
            ("nosy", plugin(&asks("nosy"), READS_PASSWD), files(&["/proc/stat"])),
        ]);
        let timeout = std::time::Duration::from_secs(20);
        assert!(test.host.collect("honest", &target("a:1"), timeout).await.is_ok());
        assert_eq!(test.host.failures("honest"), Some(Vec::new()));
        assert!(test.host.collect("nosy", &target("a:1"), timeout).await.is_err());
        let failure = test.host.failures("nosy").unwrap().remove(0);
        assert_eq!(failure.failure_kind(), Some(FailureKind::Denied));
        assert_eq!((failure.calls[0].call.as_str(), &failure.calls[0].with), ("files.read", &serde_json::json!(["/etc/passwd"])));
        assert!(failure.calls[0].answer.as_ref().unwrap()["Err"]["Denied"].is_string(), "{failure:?}");
        assert_eq!(failure.digest, test.host.plugins()[1].digest.map(|digest| digest.to_string()));
        assert_eq!(test.host.failures("nobody"), None);
    }

    #[test]
    fn an_input_beyond_the_bound_is_not_kept() {
        let failures = Failures::default();
        let target = Target { address: "a".repeat(MAX_BYTES + 1), parameters: Vec::new(), settings: "{}".to_owned(), timeout_ns: 1 };
        let error = CallError::new(FailureKind::Guest, "x");
        failures.keep(&Request::Collect(target), Tape::recording(MAX_BYTES), &error, "1.0.0", Digest::of(b"x"));
        assert!(failures.read("test").is_empty());
    }
}
