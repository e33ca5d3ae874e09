//! `POST /api/v1/otlp/v1/metrics`: metrics of OpenTelemetry SDKs and collectors over HTTP, as protobuf or JSON. What could not be stored stands in
//! the answer's partial success; a body with it is not sent again (specification of OTLP 1.3).

use std::io::Read;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use cepmon_model::Clock;
use flate2::read::GzDecoder;
use prost::Message;
use serde_json::json;

use super::App;
use super::error::WebError;
use super::write::into_web_error;
use crate::clock::SystemClock;
use crate::ingest::{OtlpForm, Received, write_otlp};

/// The longest body, decompressed.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// `ExportMetricsServiceResponse`
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// What was not stored, and why.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_points: i64,
    #[prost(string, tag = "2")]
    message: String,
}

/// Stores the points of a body.
pub(crate) async fn receive(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, WebError> {
    let (form, is_compressed) = form(&headers)?;
    app.running()?;
    let permit = Arc::clone(&app.writes).acquire_owned().await;
    let stats = Arc::clone(&app.stats);
    let received = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let message = if is_compressed { decompressed(&body)? } else { body };
        write_otlp(&app.running()?.remote_write, message, form, SystemClock.now()).map_err(into_web_error)
    });
    let received = received.await.map_err(WebError::Crashed)??;
    stats.count_received(&received.written);
    let partial_success = partial_success(&received);
    Ok(match form {
        OtlpForm::Protobuf => ([(header::CONTENT_TYPE, PROTOBUF)], ExportResponse { partial_success }.encode_to_vec()).into_response(),
        OtlpForm::Json => Json(json_answer(partial_success)).into_response(),
    })
}

/// How the body is written, and whether it is compressed with gzip; others are refused.
fn form(headers: &HeaderMap) -> Result<(OtlpForm, bool), WebError> {
    let get = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (content_type, encoding) = (get(header::CONTENT_TYPE), get(header::CONTENT_ENCODING));
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let forms = [(PROTOBUF, OtlpForm::Protobuf), (JSON, OtlpForm::Json)];
    let form = forms.into_iter().find(|(name, _)| kind.eq_ignore_ascii_case(name)).map(|(_, form)| form);
    match (form, encoding) {
        (Some(form), "" | "identity") => Ok((form, false)),
        (Some(form), "gzip") => Ok((form, true)),
        _ => Err(WebError::OtlpForm { content_type: content_type.to_owned(), encoding: encoding.to_owned() }),
    }
}

fn decompressed(body: &[u8]) -> Result<Bytes, WebError> {
    let mut message = Vec::new();
    let read = GzDecoder::new(body).take(MAX_MESSAGE_BYTES + 1).read_to_end(&mut message);
    read.map_err(|error| WebError::Write(format!("cannot decompress the body: {error}")))?;
    if message.len() as u64 > MAX_MESSAGE_BYTES {
        let limit = MAX_MESSAGE_BYTES >> 20;
        return Err(WebError::Write(format!("cannot take a body of more than {limit} MiB; send smaller batches")));
    }
    Ok(message.into())
}

/// An empty object where all is stored.
fn json_answer(partial: Option<PartialSuccess>) -> serde_json::Value {
    // Whole numbers of 64 bits are texts in this form.
    partial.map_or_else(
        || json!({}),
        |partial| json!({"partialSuccess": {"rejectedDataPoints": partial.rejected_points.to_string(), "errorMessage": partial.message}}),
    )
}

fn partial_success(received: &Received) -> Option<PartialSuccess> {
    let refused = received.written.refused();
    if refused + received.refused_points == 0 {
        return None;
    }
    let mut problems = Vec::new();
    if received.refused_points > 0 {
        problems
            .push("delta temporality, and exponential histograms of a scale below -4, are not kept here; send cumulative sums".to_owned());
    }
    if refused > 0 {
        let why = received.written.problem.clone().unwrap_or_else(|| "they conflict with stored ones or are too old".to_owned());
        problems.push(format!("{refused} samples are not stored: {why}"));
    }
    Some(PartialSuccess { rejected_points: (refused + received.refused_points) as i64, message: problems.join("; ") })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::ingest::Written;

    #[test]
    fn protobuf_and_json_are_read_plain_or_with_gzip() {
        let check = |kind: &str, encoding: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            form(&headers).map_err(|error| error.to_string())
        };
        assert_eq!(check("application/x-protobuf", ""), Ok((OtlpForm::Protobuf, false)));
        assert_eq!(check("Application/JSON; charset=utf-8", "gzip"), Ok((OtlpForm::Json, true)));
        assert!(check("text/plain", "").unwrap_err().contains("text/plain"));
        assert!(check("application/x-protobuf", "zstd").is_err());
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"message").unwrap();
        assert_eq!(&decompressed(&encoder.finish().unwrap()).unwrap()[..], b"message");
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        bomb.write_all(&vec![0; MAX_MESSAGE_BYTES as usize + 1]).unwrap();
        assert!(decompressed(&bomb.finish().unwrap()).unwrap_err().to_string().contains("more than 64 MiB"));
        assert!(decompressed(b"no gzip").is_err());
    }

    #[test]
    fn what_is_not_stored_is_said() {
        let mut received = Received { written: Written::default(), refused_points: 0 };
        assert_eq!(partial_success(&received), None);
        received.refused_points = 2;
        received.written.invalid = 1;
        let partial = partial_success(&received).unwrap();
        assert_eq!(partial.rejected_points, 3);
        assert!(
            partial.message.contains("delta temporality") && partial.message.contains("1 samples are not stored"),
            "{}",
            partial.message
        );
    }
}
