//! A recording: what a plugin was asked, what it asked of the host and was answered, and what came of it. One JSON file that people can
//! read, a fixture of a plugin's tests or a failed call of a running server. Secrets are masked before anything is made of it.

use std::path::Path;
use std::sync::Arc;

use cepmon_model::FailureKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::abi::wit;
use crate::guest::Request;
use crate::lock::write_aside;
use crate::tape::mask::Mask;
use crate::tape::{HostCall, Recorder, bytes};
use crate::{CallError, Error, LineBatch, LogStreamSpec, TargetSpec};

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The digest of its file; none in a fixture, which holds for every later build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the call failed, Unix milliseconds; only of a call of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// What it was asked.
    pub input: Input,
    /// What it asked of the host, in order.
    pub calls: Vec<HostCall>,
    /// Why the calls are not there: they would have been too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// How the call failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it answered, line by line, as `cepmon plugin run` prints it.
    pub output: Vec<String>,
    /// The cost of the call in units of fuel, about one per instruction of WebAssembly; the same on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// One of the eight kinds.
    pub kind: String,
    /// One line for people.
    pub message: String,
}

/// What a plugin is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// An exporter or a probe: a target.
    #[serde(rename_all = "snake_case")]
    Target {
        /// Its address; empty for the host itself.
        address: String,
        /// `params` of the scrape configuration.
        #[serde(default)]
        parameters: Vec<(String, String)>,
        /// The job's settings, defaults filled in.
        settings: Value,
        /// The time that the plugin was told it had.
        timeout_ns: u64,
    },
    /// A log parser: lines.
    #[serde(rename_all = "snake_case")]
    Lines {
        /// The lines, without their ends; `{"base64": …}` where they are not UTF-8.
        lines: Vec<Value>,
        /// When the host read each.
        times_ns: Vec<i64>,
        /// Labels of their stream.
        #[serde(default)]
        labels: Vec<(String, String)>,
        /// The log source's settings, defaults filled in.
        settings: Value,
    },
}

/// A question as the host's functions take it.
pub(crate) enum Asked {
    Target(TargetSpec, std::time::Duration),
    Lines(LineBatch, LogStreamSpec),
}

impl Input {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        match request {
            Request::Collect(target) | Request::Check(target) => Self::Target {
                address: target.address.clone(),
                parameters: target.parameters.clone(),
                settings: settings(&target.settings),
                timeout_ns: target.timeout_ns,
            },
            Request::Parse { lines, stream } => Self::Lines {
                lines: lines.offsets.chunks_exact(2).map(|span| line(&lines.bytes, span)).collect(),
                times_ns: lines.times_ns.clone(),
                labels: stream.labels.clone(),
                settings: settings(&stream.settings),
            },
        }
    }

    /// Lines of a file, all read at that time.
    pub fn of_lines(lines: &[&[u8]], read_time_ns: i64, settings: Value) -> Self {
        let text = |bytes: &&[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => bytes::encoded(bytes.to_vec()),
        };
        let times_ns = vec![read_time_ns; lines.len()];
        Self::Lines { lines: lines.iter().map(text).collect(), times_ns, labels: Vec::new(), settings }
    }

    /// Bytes of what may be large.
    pub(crate) fn weight(request: &Request<'_>) -> usize {
        match request {
            Request::Collect(target) | Request::Check(target) => target.address.len() + target.settings.len(),
            Request::Parse { lines, .. } => lines.bytes.len() + 16 * lines.len(),
        }
    }

    pub(crate) fn asked(&self) -> Result<Asked, String> {
        match self {
            Self::Target { address, parameters, settings, timeout_ns } => {
                let (address, parameters) = (address.clone(), parameters.clone());
                // What the address may reach does not matter: a replay reaches nothing.
                let target = TargetSpec { address, parameters, settings: Arc::from(settings.to_string()), is_static: true, http: None };
                Ok(Asked::Target(target, std::time::Duration::from_nanos(*timeout_ns)))
            }
            Self::Lines { lines, times_ns, labels, settings } => {
                let mut batch = LineBatch { times_ns: times_ns.clone(), ..LineBatch::default() };
                for (number, line) in lines.iter().enumerate() {
                    let bytes = match line {
                        Value::String(text) => Some(text.as_bytes().to_vec()),
                        Value::Object(object) => bytes::of_object(object),
                        _ => None,
                    };
                    let bytes = bytes.ok_or_else(|| format!("input.lines[{number}]: expected a text or {{\"base64\": …}}"))?;
                    let start = u32::try_from(batch.bytes.len()).map_err(|_| "input.lines: more than 4 GiB".to_owned())?;
                    batch.bytes.extend_from_slice(&bytes);
                    let end = u32::try_from(batch.bytes.len()).map_err(|_| "input.lines: more than 4 GiB".to_owned())?;
                    batch.offsets.extend([start, end]);
                    batch.bytes.push(b'\n');
                }
                if times_ns.len() != lines.len() {
                    return Err(format!("input.times_ns: expected {} times, one a line, found {}", lines.len(), times_ns.len()));
                }
                Ok(Asked::Lines(batch, LogStreamSpec { labels: labels.clone(), settings: Arc::from(settings.to_string()) }))
            }
        }
    }

    fn masked(self, mask: &Mask) -> Self {
        match self {
            Self::Target { address, parameters, settings, timeout_ns } => Self::Target {
                address: mask.text(&address),
                parameters: mask.parameters(&parameters),
                settings: mask.value(settings),
                timeout_ns,
            },
            Self::Lines { lines, times_ns, labels, settings } => {
                let lines = lines.into_iter().map(|line| mask.value(line)).collect();
                Self::Lines { lines, times_ns, labels, settings: mask.value(settings) }
            }
        }
    }

    fn mask(&self, calls: &Recorder) -> Mask {
        match self {
            Self::Target { address, parameters, settings, .. } => {
                // A scrape's parameters stand in its address.
                let mut parameters = parameters.clone();
                parameters.extend(Url::parse(address).iter().flat_map(|url| url.query_pairs().into_owned()));
                Mask::new(settings, &parameters, calls.secrets())
            }
            Self::Lines { settings, .. } => Mask::new(settings, &[], calls.secrets()),
        }
    }
}

/// What is recorded beside the calls.
pub(crate) struct Facts<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) version: &'a str,
    pub(crate) digest: Option<String>,
    pub(crate) time_ms: Option<u64>,
    pub(crate) error: Option<&'a CallError>,
    pub(crate) output: &'a str,
}

impl Recording {
    /// Makes text of a call, secrets masked.
    pub(crate) fn of(facts: &Facts<'_>, input: Input, calls: &Recorder) -> Self {
        let mask = input.mask(calls);
        let masked = |error: &CallError| Failure { kind: error.kind.as_str().to_owned(), message: mask.text(&error.message) };
        Self {
            plugin: facts.plugin.to_owned(),
            version: facts.version.to_owned(),
            digest: facts.digest.clone(),
            time_ms: facts.time_ms,
            input: input.masked(&mask),
            calls: calls.read(&mask),
            incomplete: calls.problem(),
            failure: facts.error.map(masked),
            output: facts.output.lines().map(|line| mask.text(line)).collect(),
            fuel: None,
        }
    }

    /// Reads a file that [`Recording::write`] or a person wrote.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::file("read recording", path))?;
        serde_json::from_str(&text).map_err(|error| Error::Recording { path: path.to_owned(), problem: error.to_string() })
    }

    /// Writes it aside and renames it: a reader sees the old one or the new one.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| Error::Recording { path: path.to_owned(), problem: error.to_string() })?;
        text.push('\n');
        write_aside(path, text.as_bytes())
    }

    /// The answer as one text.
    pub fn output_text(&self) -> String {
        self.output.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// The failure as the host's own error.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        let kind = self.failure.as_ref()?.kind.as_str();
        FailureKind::ALL.into_iter().find(|known| known.as_str() == kind)
    }
}

impl Asked {
    /// For a guest.
    pub(crate) fn request(&self, kind: crate::PluginKind) -> Option<Request<'_>> {
        Some(match (self, kind) {
            (Self::Target(target, timeout), crate::PluginKind::Exporter) => Request::Collect(target.to_wit(*timeout)),
            (Self::Target(target, timeout), crate::PluginKind::Probe) => Request::Check(target.to_wit(*timeout)),
            (Self::Lines(lines, stream), crate::PluginKind::LogParser) => {
                let (labels, settings) = (stream.labels.clone(), stream.settings.to_string());
                Request::Parse { lines, stream: wit::types::LogStream { labels, settings } }
            }
            _ => return None,
        })
    }
}

/// Settings reach guests as a text that the host made of an object; anything else would have been refused.
fn settings(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::Object(Default::default()))
}

fn line(buffer: &[u8], span: &[u32]) -> Value {
    let bytes = buffer.get(span[0] as usize..span[1] as usize).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => bytes::encoded(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let batch = LineBatch { bytes: b"one\ntw\xffo\n".to_vec(), offsets: vec![0, 3, 4, 8], times_ns: vec![1, 2] };
        let stream = wit::types::LogStream { labels: vec![("a".to_owned(), "b".to_owned())], settings: "{\"x\":1}".to_owned() };
        let input = Input::of(&Request::Parse { lines: &batch, stream });
        let text = serde_json::to_string(&input).unwrap();
        assert_eq!(text, r#"{"lines":{"lines":["one",{"base64":"dHf/bw=="}],"times_ns":[1,2],"labels":[["a","b"]],"settings":{"x":1}}}"#);
        let Asked::Lines(lines, stream) = serde_json::from_str::<Input>(&text).unwrap().asked().unwrap() else { panic!("no lines") };
        assert_eq!((lines, &*stream.settings), (batch, "{\"x\":1}"));
    }

    #[test]
    fn a_recording_that_cannot_be_read_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"plugin\": \"x\",\n \"inputs\": 1}").unwrap();
        let message = Recording::read(&path).unwrap_err().line();
        assert!(message.contains("x.json") && message.contains("unknown field `inputs`") && message.contains("line 2"), "{message}");
    }
}
