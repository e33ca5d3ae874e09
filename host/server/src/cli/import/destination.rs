//! Where imported samples go: a data directory that this process holds, or a running server. Both drop samples that they have already.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use cepmon_model::{Clock, LabelSet, MetricMetadata, Sample, TimestampMs};
use cepmon_storage::{Error, SeriesRef, Storage, StorageOptions};
use hyper::StatusCode;
use tokio::runtime::Runtime;

use super::progress;
use crate::cli::http_client;
use crate::clock::SystemClock;
use crate::ingest::WriteBody;

/// Samples that go into one append: one write to the log.
const APPENDED_AT_ONCE: usize = 100_000;
/// Samples that go into one request: about 200 KB.
const SENT_AT_ONCE: usize = 20_000;
/// How often a body is sent again, and how long to wait before the first time, doubled each time.
const MAX_ATTEMPTS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The key space of what was imported.
const SPACE: &str = "import";

/// Takes samples. `settle` after each part, `finish` at the end.
#[derive(Debug)]
pub(super) enum Destination {
    Directory(Box<Directory>),
    Server(Server),
}

#[derive(Debug)]
pub(super) struct Directory {
    storage: Storage,
    batch: Vec<(SeriesRef, TimestampMs, f64)>,
    /// Samples that no block had.
    new: u64,
    /// Series that cannot be stored.
    problems: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Server {
    url: String,
    runtime: Runtime,
    body: WriteBody,
    refusal: Option<String>,
}

impl Destination {
    pub(super) fn directory(data_dir: &Path) -> anyhow::Result<Self> {
        let (storage, report) = Storage::open(StorageOptions::new(data_dir)).map_err(|error| match error {
            Error::Locked { .. } => anyhow!("{error}, or send the samples to the server that runs there with --url"),
            error => error.into(),
        })?;
        for problem in &report.problems {
            progress(&format!("cepmon: warning: {problem}"));
        }
        // What is in memory from before would make every older sample a late one.
        storage.flush()?;
        Ok(Self::Directory(Box::new(Directory { storage, batch: Vec::new(), new: 0, problems: Vec::new() })))
    }

    pub(super) fn server(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        Ok(Self::Server(Server { url: url.to_owned(), runtime, body: WriteBody::default(), refusal: None }))
    }

    /// Takes the samples of one series. They are safe after the next `settle`.
    pub(super) fn take(&mut self, labels: &LabelSet, samples: &[Sample]) -> anyhow::Result<()> {
        match self {
            Self::Directory(directory) => directory.take(labels, samples),
            Self::Server(server) => server.take(labels, samples),
        }
    }

    /// Everything that was taken survives `kill -9` when it returns.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Directory(directory) => Ok(directory.append()?),
            Self::Server(server) => server.send(),
        }
    }

    /// Whether a part is remembered as done; a server remembers nothing.
    pub(super) fn has_done(&self, key: &str) -> bool {
        match self {
            Self::Directory(directory) => directory.storage.kv_list(SPACE).iter().any(|(known, _)| known == key),
            Self::Server(_) => false,
        }
    }

    pub(super) fn remember(&mut self, key: &str) -> anyhow::Result<()> {
        match self {
            Self::Directory(directory) => Ok(directory.storage.kv_put(SPACE, key, Some(b""))?),
            Self::Server(_) => Ok(()),
        }
    }

    /// Writes what is in memory into blocks, so that a server starts quickly afterwards.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.settle()?;
        if let Self::Directory(directory) = self {
            directory.flush()?;
        }
        Ok(())
    }

    /// Series that could not be stored, each with the reason.
    pub(super) fn problems(&self) -> &[String] {
        match self {
            Self::Directory(directory) => &directory.problems,
            Self::Server(_) => &[],
        }
    }

    /// What became of the samples, in words.
    pub(super) fn outcome(&self) -> String {
        match self {
            Self::Directory(directory) => format!(", {} of them new", directory.new),
            Self::Server(server) => {
                server.refusal.as_ref().map_or_else(String::new, |refusal| format!("; the server refused some: {refusal}"))
            }
        }
    }
}

impl Directory {
    fn take(&mut self, labels: &LabelSet, samples: &[Sample]) -> anyhow::Result<()> {
        for samples in samples.chunks(APPENDED_AT_ONCE) {
            // Each time, since an append may end in a flush, after which the series may have left memory.
            let series = match self.series_ref(labels) {
                Err(Error::Refused { target, problem }) => {
                    self.problems.push(format!("cannot store series \"{target}\": {problem}; it is left out"));
                    return Ok(());
                }
                series => series?,
            };
            self.batch.extend(samples.iter().map(|sample| (series, sample.timestamp, sample.value)));
            if self.batch.len() >= APPENDED_AT_ONCE {
                self.append()?;
            }
        }
        Ok(())
    }

    fn series_ref(&mut self, labels: &LabelSet) -> Result<SeriesRef, Error> {
        match self.storage.series_ref(labels, &MetricMetadata::default()) {
            // Those that have ended leave memory at a flush.
            Err(Error::TooManySeries { .. }) => {
                self.append()?;
                self.flush()?;
                self.storage.series_ref(labels, &MetricMetadata::default())
            }
            series => series,
        }
    }

    fn append(&mut self) -> Result<(), Error> {
        let outcome = self.storage.append(&self.batch)?;
        debug_assert!(outcome.unknown.is_empty(), "BUG: a series left memory while samples of it waited");
        self.batch.clear();
        if self.storage.should_flush(SystemClock.now()) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.new += self.storage.flush()?.samples;
        Ok(())
    }
}

impl Server {
    fn take(&mut self, labels: &LabelSet, samples: &[Sample]) -> anyhow::Result<()> {
        for samples in samples.chunks(SENT_AT_ONCE) {
            self.body.push(labels, samples);
            if self.body.samples() >= SENT_AT_ONCE {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Sends what waits, again and again while the server is busy or starts.
    fn send(&mut self) -> anyhow::Result<()> {
        if self.body.samples() == 0 {
            return Ok(());
        }
        let body = std::mem::take(&mut self.body).encode()?;
        self.runtime.block_on(async {
            let mut wait = FIRST_WAIT;
            for attempt in 1.. {
                let problem = match http_client::post_write(&self.url, "/api/v1/write", body.clone(), &[]).await {
                    Ok(answer) if answer.status.is_success() => return Ok(()),
                    // The rest of the body is stored.
                    Ok(answer) if answer.status == StatusCode::BAD_REQUEST => {
                        self.refusal.get_or_insert_with(|| http_client::problem(&answer));
                        return Ok(());
                    }
                    Ok(answer) if answer.status.is_server_error() => anyhow!("{}", http_client::problem(&answer)),
                    Ok(answer) => bail!("cannot send to \"{}\": {}", self.url, http_client::problem(&answer)),
                    Err(error) => error,
                };
                if attempt == MAX_ATTEMPTS {
                    return Err(problem.context("cannot send samples; what was sent stays, import again to go on"));
                }
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Ok(())
        })
    }
}
