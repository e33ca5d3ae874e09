//! `/api/v1/query` and `/api/v1/query_range`: PromQL over what is stored at the moment of the question.
//!
//! Queries run on threads of their own, so many at once and no more; the others wait within their time limit. A client that goes takes
//! its query with it.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use cepmon_model::{Clock, Matcher, TimestampMs};
use cepmon_query::{Answer, BoxError, Engine, EngineOptions, Error, Expr, Interrupt, SeriesIter, SeriesSource, Severity, Value, ValueType};
use cepmon_storage::Snapshot;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::answer::{Notes, into_response, push_envelope};
use super::hint::hints;
use super::parameter::Parameters;
use super::value::push_result;
use crate::clock::SystemClock;

/// Steps of one range query beyond which Prometheus refuses it.
const MAX_STEPS: i64 = 11_000;

/// Points of an answer that is sent as a whole: about 6 MB.
const MAX_WHOLE_POINTS: usize = 200_000;

/// A piece of a longer answer is sent when it has so many bytes, and so many pieces wait for a slow client.
const PIECE_BYTES: usize = 1 << 20;
const PIECES_AHEAD: usize = 2;

/// What PromQL over HTTP may cost.
#[derive(Debug, Clone)]
pub(crate) struct PromqlOptions {
    /// What one query may cost.
    pub(crate) engine: EngineOptions,
    /// Queries at once. Prometheus: 20.
    pub(crate) max_concurrency: usize,
}

impl Default for PromqlOptions {
    /// Prometheus's defaults (2.48).
    fn default() -> Self {
        Self { engine: EngineOptions::default(), max_concurrency: 20 }
    }
}

/// The limits, and who is using them.
#[derive(Debug)]
pub(crate) struct PromqlAccess {
    options: EngineOptions,
    max_concurrency: usize,
    slots: Arc<Semaphore>,
}

impl PromqlAccess {
    /// Within these limits.
    pub(crate) fn new(options: PromqlOptions) -> Self {
        let max_concurrency = options.max_concurrency.max(1);
        Self { options: options.engine, max_concurrency, slots: Arc::new(Semaphore::new(max_concurrency)) }
    }

    /// Queries that run now, and that may run at once.
    pub(crate) fn queries(&self) -> (usize, usize) {
        (self.max_concurrency - self.slots.available_permits(), self.max_concurrency)
    }
}

/// `query`, `time`, `timeout`, `lookback_delta`, `limit`, `stats`.
pub(super) async fn instant(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let question = Question::instant(&app.promql.options, &parameters)?;
    ask(&app, question).await
}

/// `query`, `start`, `end`, `step`, `timeout`, `lookback_delta`, `limit`, `stats`.
pub(super) async fn range(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let question = Question::range(&app.promql.options, &parameters)?;
    ask(&app, question).await
}

/// The body that a server would answer from this data: to a range query if there is a `start`, else to an instant query.
pub(crate) fn answer_offline(snapshot: &Snapshot, parameters: &Parameters) -> Result<Vec<u8>, ApiError> {
    let options = EngineOptions::default();
    let question = if parameters.get("start").is_some() { Question::range } else { Question::instant }(&options, parameters)?;
    Ok(Answered::new(snapshot, question, Interrupt::default(), Duration::ZERO)?.write(|_| true))
}

/// A query and all that was said with it.
struct Question {
    text: String,
    expr: Expr,
    times: Times,
    engine: EngineOptions,
    limit: Option<usize>,
    wants_stats: bool,
}

#[derive(Clone, Copy)]
enum Times {
    At(TimestampMs),
    Range { start: TimestampMs, end: TimestampMs, step_ms: i64 },
}

impl Question {
    fn instant(options: &EngineOptions, parameters: &Parameters) -> Result<Self, ApiError> {
        let at = parameters.time("time")?.unwrap_or_else(|| SystemClock.now());
        Self::new(options, parameters, Times::At(at))
    }

    fn range(options: &EngineOptions, parameters: &Parameters) -> Result<Self, ApiError> {
        let (start, end) = (parameters.needed_time("start")?, parameters.needed_time("end")?);
        if end < start {
            return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
        }
        let step_ms = parameters.step_ms()?;
        if end.saturating_sub(start) / step_ms > MAX_STEPS {
            let problem = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
            return Err(ApiError::BadData(problem.to_owned()));
        }
        Self::new(options, parameters, Times::Range { start, end, step_ms })
    }

    fn new(options: &EngineOptions, parameters: &Parameters, times: Times) -> Result<Self, ApiError> {
        let mut engine = options.clone();
        if let Some(timeout) = parameters.duration("timeout")? {
            engine.timeout = engine.timeout.min(timeout);
        }
        if let Some(lookback) = parameters.duration("lookback_delta")? {
            engine.lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
        }
        let limit = parameters.limit()?;
        let text = parameters.get("query").unwrap_or_default().to_owned();
        let expr = cepmon_query::parse(&text).map_err(|error| ApiError::parameter("query", error.to_string()))?;
        let is_range = matches!(times, Times::Range { .. });
        if is_range && !matches!(expr.value_type(), ValueType::Scalar | ValueType::InstantVector) {
            return Err(ApiError::parameter("query", Error::NotForRange { found: expr.value_type() }.to_string()));
        }
        let wants_stats = parameters.get("stats").is_some();
        Ok(Self { text, expr, times, engine, limit, wants_stats })
    }
}

async fn ask(app: &App, question: Question) -> Result<Response, ApiError> {
    let storage = Arc::clone(&app.running()?.storage);
    let asked = Instant::now();
    let timeout = question.engine.timeout;
    let slot = tokio::time::timeout(timeout, Arc::clone(&app.promql.slots).acquire_owned()).await;
    let slot = slot.map_err(|_| Error::Timeout { timeout })?;
    let queued = asked.elapsed();
    let interrupt = Interrupt::default();
    let _stopped_when_the_client_goes = StopOnDrop(interrupt.clone());
    let (answering, answer) = oneshot::channel();
    let work = tokio::task::spawn_blocking(move || {
        let answered = Answered::new(&storage.snapshot(), question, interrupt, queued);
        // Somebody who reads slowly keeps nobody from asking.
        drop(slot);
        send(answered, answering);
    });
    match answer.await {
        Ok(body) => Ok(into_response(body?)),
        Err(_) => Err(WebError::Crashed(work.await.expect_err("BUG: a query ended without an answer")).into()),
    }
}

/// Hands over an answer: a short one whole, a long one in pieces while it is written, so that it is never in memory as a whole.
fn send(answered: Result<Answered, Error>, answering: oneshot::Sender<Result<Body, Error>>) {
    // A client that has gone needs nothing more.
    let answered = match answered {
        Err(error) => return drop(answering.send(Err(error))),
        Ok(answered) if answered.points() <= MAX_WHOLE_POINTS => {
            return drop(answering.send(Ok(answered.write(|_| true).into())));
        }
        Ok(answered) => answered,
    };
    let (pieces, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(PIECES_AHEAD);
    let stream = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    if answering.send(Ok(Body::from_stream(stream))).is_err() {
        return;
    }
    let rest = answered.write(|out| out.len() < PIECE_BYTES || pieces.blocking_send(Ok(std::mem::take(out).into())).is_ok());
    pieces.blocking_send(Ok(rest.into())).ok();
}

struct StopOnDrop(Interrupt);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What an evaluation gave, ready to be written.
struct Answered {
    value: Value,
    notes: Notes,
    stats: Option<Stats>,
}

impl Answered {
    /// Evaluates; takes as long as that takes.
    fn new(snapshot: &Snapshot, question: Question, interrupt: Interrupt, queued: Duration) -> Result<Self, Error> {
        let began = Instant::now();
        let engine = Engine { options: question.engine, interrupt: Some(interrupt) };
        let source = CountedSource { snapshot, samples: Cell::new(0) };
        let Answer { mut value, annotations } = match question.times {
            Times::At(at) => engine.annotated_instant(&source, &question.expr, at),
            Times::Range { start, end, step_ms } => engine.annotated_range(&source, &question.expr, start, end, step_ms),
        }?;
        let is_truncated = question.limit.is_some_and(|limit| truncate(&mut value, limit));
        let mut notes = if is_truncated { Notes::truncated() } else { Notes::default() };
        for annotation in annotations.into_iter().chain(hints(&question.expr, &value, snapshot)) {
            let text = annotation.text(&question.text);
            match annotation.severity {
                Severity::Warning => notes.warnings.push(text),
                Severity::Info => notes.infos.push(text),
            }
        }
        let stats = question.wants_stats.then(|| stats(queued, began.elapsed(), source.samples.get()));
        Ok(Self { value, notes, stats })
    }

    /// Points of all its series.
    fn points(&self) -> usize {
        match &self.value {
            Value::Matrix(series) => series.iter().map(|series| series.samples.len() + series.histograms.len()).sum(),
            _ => 0,
        }
    }

    /// The body, or what `flush` left of it.
    fn write(self, flush: impl FnMut(&mut Vec<u8>) -> bool) -> Vec<u8> {
        let mut out = Vec::new();
        let push_data = |out: &mut Vec<u8>| {
            push_result(out, self.value, flush);
            if let Some(stats) = self.stats {
                out.extend_from_slice(b",\"stats\":");
                serde_json::to_writer(&mut *out, &stats).expect("BUG: a Vec takes every byte");
            }
            out.push(b'}');
        };
        push_envelope(&mut out, push_data, &self.notes);
        out
    }
}

/// Leaves out what is beyond the limit, and says whether something was.
fn truncate(value: &mut Value, limit: usize) -> bool {
    let count = match value {
        Value::Vector(samples) => samples.len(),
        Value::Matrix(series) => series.len(),
        Value::Scalar { .. } | Value::String { .. } => 0,
    };
    match value {
        Value::Vector(samples) => samples.truncate(limit),
        Value::Matrix(series) => series.truncate(limit),
        Value::Scalar { .. } | Value::String { .. } => {}
    }
    count > limit
}

/// A snapshot that counts what is read from it.
struct CountedSource<'a> {
    snapshot: &'a Snapshot,
    samples: Cell<u64>,
}

impl SeriesSource for CountedSource<'_> {
    fn select<'a>(&'a self, matchers: &[Matcher], start: TimestampMs, end: TimestampMs) -> Result<SeriesIter<'a>, BoxError> {
        let series = self.snapshot.select(matchers, start, end)?;
        Ok(Box::new(series.inspect(|series| {
            let read = series.as_ref().map_or(0, |series| series.values.len() as u64);
            self.samples.set(self.samples.get() + read);
        })))
    }
}

/// The part of Prometheus's query statistics that has a meaning here: everything is one evaluation, without a phase of its own for
/// preparing and sorting.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    timings: Timings,
    samples: SampleCounts,
}

/// In seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timings {
    eval_total_time: f64,
    inner_eval_time: f64,
    exec_queue_time: f64,
    exec_total_time: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SampleCounts {
    /// Samples read, each once.
    total_queryable_samples: u64,
}

fn stats(queued: Duration, evaluated: Duration, samples: u64) -> Stats {
    let (queued, evaluated) = (queued.as_secs_f64(), evaluated.as_secs_f64());
    Stats {
        timings: Timings {
            eval_total_time: evaluated,
            inner_eval_time: evaluated,
            exec_queue_time: queued,
            exec_total_time: queued + evaluated,
        },
        samples: SampleCounts { total_queryable_samples: samples },
    }
}
