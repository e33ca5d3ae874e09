//! `POST /api/v1/read`: samples for another Prometheus, Thanos or a migration (remote read of 2.48). Compressed chunks are streamed to
//! clients that take them, series by series, so that an answer of any size needs little memory; samples in one message are for the others.

mod message;
mod xor_chunk;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cepmon_model::{LabelSet, MatchOp, Matcher};
use cepmon_storage::{SampleScan, SeriesSamples, Snapshot};
use prost::Message;
use tokio::sync::mpsc;

use super::super::App;
use super::super::error::WebError;
use super::super::write::decompressed;
use super::ApiError;
use message::{
    Chunk, ChunkedReadResponse, ChunkedSeries, Label, LabelMatcher, Query, QueryResult, ReadRequest, ReadResponse, STREAMED_XOR_CHUNKS,
    Sample, TimeSeries, XOR,
};
use xor_chunk::XorChunk;

/// The longest question, compressed.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// Samples of an answer in one message: about 200 MiB of memory. Prometheus allows ten times as many.
const MAX_SAMPLES: usize = 5_000_000;

/// A message of a stream is sent when it has so many bytes; Prometheus's clients take up to 50 MiB.
const FRAME_BYTES: usize = 1 << 20;

/// Messages that wait for a slow client.
const FRAMES_AHEAD: usize = 2;

/// Answers a `prometheus.ReadRequest`.
pub(super) async fn read(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, ApiError> {
    let message = decompressed(&body)?;
    let request = ReadRequest::decode(message.as_slice())
        .map_err(|error| ApiError::BadData(format!("cannot read the body as prometheus.ReadRequest: {error}")))?;
    let running = app.running()?;
    let external = running.control.external_labels();
    let scans = request.queries.iter().map(|query| scan(query, &external)).collect::<Result<Vec<_>, _>>().map_err(ApiError::BadData)?;
    let snapshot = running.storage.snapshot();
    if request.accepted_response_types.first() == Some(&STREAMED_XOR_CHUNKS) {
        return Ok(streamed(snapshot, scans, external));
    }
    let body = tokio::task::spawn_blocking(move || samples(&snapshot, &scans, &external)).await.map_err(WebError::Crashed)??;
    Ok(([(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")], body).into_response())
}

/// External labels are not stored; a condition that they fulfil is none.
fn scan(query: &Query, external: &LabelSet) -> Result<SampleScan, String> {
    let matchers = query.matchers.iter().filter(|matcher| {
        let LabelMatcher { kind, name, value } = matcher;
        *kind != 0 || external.get(name) != Some(value)
    });
    let matcher = |LabelMatcher { kind, name, value }: &LabelMatcher| {
        let op = match kind {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Regex,
            3 => MatchOp::NotRegex,
            other => return Err(format!("cannot match with {other}: there are 0 to 3")),
        };
        Matcher::new(name, op, value).map_err(|error| error.to_string())
    };
    let matchers = matchers.map(matcher).collect::<Result<Vec<_>, String>>()?;
    Ok(SampleScan { matchers, start: query.start, end: query.end })
}

fn samples(snapshot: &Snapshot, scans: &[SampleScan], external: &LabelSet) -> Result<Vec<u8>, ApiError> {
    let mut room = MAX_SAMPLES;
    let mut results = Vec::new();
    for scan in scans {
        let mut result = QueryResult::default();
        for series in snapshot.scan_samples(scan).map_err(WebError::Storage)? {
            let SeriesSamples { labels, timestamps, values, .. } = series.map_err(WebError::Storage)?;
            // Native histograms are left out.
            if values.is_empty() {
                continue;
            }
            room = room.checked_sub(values.len()).ok_or_else(|| {
                ApiError::BadData(format!("exceeded sample limit ({MAX_SAMPLES}); ask for less, or accept STREAMED_XOR_CHUNKS"))
            })?;
            let samples = timestamps.into_iter().zip(values).map(|(timestamp, value)| Sample { value, timestamp }).collect();
            result.series.push(TimeSeries { labels: with_external(&labels, external), samples });
        }
        results.push(result);
    }
    let message = ReadResponse { results }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&message).map_err(|error| ApiError::BadData(format!("cannot compress the answer: {error}")))
}

fn streamed(snapshot: Snapshot, scans: Vec<SampleScan>, external: LabelSet) -> Response {
    let (sender, receiver) = mpsc::channel(FRAMES_AHEAD);
    // Without an end the client knows that something is missing; why is in the log.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = stream(&snapshot, &scans, &external, &sender) {
            tracing::error!(error = crate::chain::chain(&error), "an answer to remote read was cut off");
            sender.blocking_send(Err(std::io::Error::other("the samples cannot be read"))).ok();
        }
    });
    let frames = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    ([(header::CONTENT_TYPE, content_type)], Body::from_stream(frames)).into_response()
}

type Frames = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Ends early when the client has gone.
fn stream(snapshot: &Snapshot, scans: &[SampleScan], external: &LabelSet, frames: &Frames) -> Result<(), cepmon_storage::Error> {
    for (query_index, scan) in (0..).zip(scans) {
        for series in snapshot.scan_samples(scan)? {
            let series = series?;
            let labels = with_external(&series.labels, external);
            let mut chunks = chunks(&series).peekable();
            while chunks.peek().is_some() {
                let mut bytes = 0;
                let fitting = std::iter::from_fn(|| {
                    let chunk = (bytes < FRAME_BYTES).then(|| chunks.next())??;
                    bytes += chunk.data.len();
                    Some(chunk)
                });
                let chunked = ChunkedSeries { labels: labels.clone(), chunks: fitting.collect() };
                let message = ChunkedReadResponse { series: vec![chunked], query_index };
                if frames.blocking_send(Ok(frame(&message))).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn chunks(series: &SeriesSamples) -> impl Iterator<Item = Chunk> {
    let times = series.timestamps.chunks(XorChunk::SAMPLES);
    times.zip(series.values.chunks(XorChunk::SAMPLES)).map(|(times, values)| Chunk {
        min_time: times.first().copied().unwrap_or_default(),
        max_time: times.last().copied().unwrap_or_default(),
        kind: XOR,
        data: XorChunk::encode(times, values),
    })
}

/// Length, checksum (CRC-32C) and the message.
fn frame(message: &ChunkedReadResponse) -> Bytes {
    let message = message.encode_to_vec();
    let mut frame = Vec::with_capacity(message.len() + 14);
    prost::encoding::encode_varint(message.len() as u64, &mut frame);
    frame.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    frame.extend_from_slice(&message);
    frame.into()
}

fn with_external(labels: &LabelSet, external: &LabelSet) -> Vec<Label> {
    let added = external.iter().filter(|(name, _)| labels.get(name).is_none());
    let mut all: Vec<(&str, &str)> = labels.iter().chain(added).collect();
    all.sort_unstable();
    all.into_iter().map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_external_labels_fulfil_is_none() {
        let external = LabelSet::from_pairs([("dc", "one")]);
        let matcher = |kind, name: &str, value: &str| LabelMatcher { kind, name: name.to_owned(), value: value.to_owned() };
        let of = |matchers: Vec<LabelMatcher>| scan(&Query { start: 1, end: 2, matchers }, &external);
        let scan = of(vec![matcher(0, "dc", "one"), matcher(2, "job", "a.*")]).unwrap();
        assert_eq!((scan.matchers.len(), scan.start, scan.end), (1, 1, 2));
        assert_eq!(of(vec![matcher(0, "dc", "two")]).unwrap().matchers.len(), 1);
        assert!(of(vec![matcher(2, "job", "(")]).is_err());
        assert!(of(vec![matcher(9, "job", "a")]).unwrap_err().contains("cannot match with 9"));
        let labels = with_external(&LabelSet::from_pairs([("__name__", "up"), ("job", "a")]), &external);
        assert_eq!(labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(), ["__name__", "dc", "job"]);
    }

    #[test]
    fn a_frame_says_its_length_and_checksum() {
        let message = ChunkedReadResponse { series: Vec::new(), query_index: 7 };
        let frame = frame(&message);
        assert_eq!(frame[0], 2);
        assert_eq!(frame[1..5], crc32c::crc32c(&frame[5..]).to_be_bytes());
        assert_eq!(ChunkedReadResponse::decode(&frame[5..]).unwrap(), message);
    }
}
