//! `POST /api/v1/write`: the receiver of remote write 1.0 and 2.0. A sender repeats a body that is answered with 5xx and gives up one that is
//! answered with 4xx, so what no repetition mends is 400, with the rest of the body stored (specification of remote write 1.0).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use cepmon_model::Clock;

use super::App;
use super::error::WebError;
use crate::clock::SystemClock;
use crate::ingest::{RemoteWriteError, Version, Written};

/// The longest body, compressed. Prometheus sends 2,000 samples at once, about 100 KiB.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;
/// The longest body, decompressed.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Stores the samples of a body. What became of them stands in the headers of the answer, as senders of 2.0 want it.
pub(crate) async fn receive(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, WebError> {
    if !app.options.is_remote_write_enabled {
        return Err(WebError::WriteDisabled);
    }
    let version = version(&headers)?;
    app.running()?;
    // Bodies become large in memory: some at a time, the others wait.
    let permit = Arc::clone(&app.writes).acquire_owned().await;
    let stats = Arc::clone(&app.stats);
    let written = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let message = decompressed(&body)?;
        drop(body);
        app.running()?.remote_write.write(message.into(), version, SystemClock.now()).map_err(into_web_error)
    });
    let written = written.await.map_err(WebError::Crashed)??;
    stats.count_received(&written);
    let counts =
        [("samples", written.stored_samples()), ("histograms", written.stored_histograms), ("exemplars", written.exemplars.stored)];
    let counts = counts.map(|(what, count)| (format!("x-prometheus-remote-write-{what}-written"), count.to_string()));
    match refusal(&written) {
        None => Ok((StatusCode::NO_CONTENT, AppendHeaders(counts)).into_response()),
        Some(refusal) => Ok((AppendHeaders(counts), WebError::Write(refusal)).into_response()),
    }
}

/// What a sender is told of a body of which nothing was stored.
pub(super) fn into_web_error(error: RemoteWriteError) -> WebError {
    match error {
        RemoteWriteError::Message(_) | RemoteWriteError::Json(_) | RemoteWriteError::Reference(_) => WebError::Write(error.to_string()),
        RemoteWriteError::Storage(error) => WebError::Storage(error),
    }
}

/// Senders of other versions are told which ones are spoken here.
fn version(headers: &HeaderMap) -> Result<Version, WebError> {
    let get = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = get(header::CONTENT_TYPE);
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let message = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("proto="));
    let encoding = get(header::CONTENT_ENCODING);
    let is_protobuf = kind.trim().eq_ignore_ascii_case("application/x-protobuf") && matches!(encoding, "" | "snappy");
    match message.map(|message| message.trim_matches('"')) {
        None | Some("prometheus.WriteRequest") if is_protobuf => Ok(Version::One),
        Some("io.prometheus.write.v2.Request") if is_protobuf => Ok(Version::Two),
        _ => Err(WebError::WriteForm { content_type: content_type.to_owned(), encoding: encoding.to_owned() }),
    }
}

/// A body of one snappy block, within bounds.
pub(super) fn decompressed(body: &[u8]) -> Result<Vec<u8>, WebError> {
    let fail = |error: snap::Error| WebError::Write(format!("cannot decompress the body: {error}; it must be one snappy block"));
    let length = snap::raw::decompress_len(body).map_err(fail)?;
    if length > MAX_MESSAGE_BYTES {
        let limit = MAX_MESSAGE_BYTES >> 20;
        return Err(WebError::Write(format!("cannot take a body of {length} bytes, at most {limit} MiB; lower max_samples_per_send")));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(fail)
}

/// What of a body was not stored, and why, in one line for the sender's log.
fn refusal(written: &Written) -> Option<String> {
    if written.refused() == 0 {
        return None;
    }
    let reasons = [
        (written.outcome.conflicts, "have another value at the same time".to_owned()),
        (written.outcome.too_old, "are older than the retention".to_owned()),
        (written.invalid, written.problem.clone().unwrap_or_default()),
    ];
    let reasons: Vec<String> = reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count}: {reason}")).collect();
    Some(format!(
        "cannot store {} of {} samples, the others are stored; {}",
        written.refused(),
        written.samples + written.histograms,
        reasons.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use cepmon_storage::AppendOutcome;

    use super::*;

    fn check(content_type: &str, encoding: &str) -> Result<Version, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        version(&headers).map_err(|error| error.to_string())
    }

    #[test]
    fn both_versions_are_spoken_and_others_are_named() {
        assert_eq!(check("application/x-protobuf", "snappy"), Ok(Version::One));
        assert_eq!(check("Application/X-Protobuf; proto=prometheus.WriteRequest", "snappy"), Ok(Version::One));
        assert_eq!(check("application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy"), Ok(Version::Two));
        let third = check("application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy").unwrap_err();
        assert!(third.contains("io.prometheus.write.v3.Request") && third.contains("send remote write 1.0"), "{third}");
        assert!(check("application/json", "snappy").is_err());
        assert!(check("application/x-protobuf", "gzip").is_err());
    }

    #[test]
    fn a_body_says_how_long_it_is_before_room_is_made_for_it() {
        let body = snap::raw::Encoder::new().compress_vec(b"some bytes").unwrap();
        assert_eq!(decompressed(&body).unwrap(), b"some bytes");
        assert!(decompressed(b"\xff\xff\xff\xff\x0f").unwrap_err().to_string().starts_with("cannot take a body of 4294967295 bytes"));
        assert!(decompressed(&body[..3]).unwrap_err().to_string().starts_with("cannot decompress the body: "));
    }

    #[test]
    fn a_refusal_says_how_many_and_why() {
        let outcome = AppendOutcome { appended: 4, duplicates: 1, conflicts: 2, ..AppendOutcome::default() };
        let mut written = Written { samples: 10, outcome, invalid: 3, problem: Some("no metric name".to_owned()), ..Written::default() };
        let want = "cannot store 5 of 10 samples, the others are stored; 2: have another value at the same time; 3: no metric name";
        assert_eq!(refusal(&written).as_deref(), Some(want));
        (written.invalid, written.outcome.conflicts) = (0, 0);
        assert_eq!(refusal(&written), None);
    }
}
