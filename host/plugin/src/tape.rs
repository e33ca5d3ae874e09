//! The tape: every call that a guest makes to the host, with its answer, in order. Recording keeps a call's answers as they are, within
//! a bound, and makes text of them only when somebody wants to read it; replaying answers from the text and reaches nothing outside.
//! Which calls go over it is `tape/tap.rs`; what must not stand in it is `tape/mask.rs`. It knows no files.

pub(crate) mod bytes;
pub(crate) mod mask;
pub(crate) mod tap;
pub(crate) mod weight;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::abi::wit;
use mask::Mask;
use weight::Weigh;

/// A host call as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostCall {
    /// Interface and function of the contract: `files.read`.
    pub call: String,
    /// Its arguments. Bytes are `{"text": …}` where they are UTF-8, else `{"base64": …}`.
    pub with: Value,
    /// The host's answer; none when the call did not come back before the deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
}

/// Where the host calls of one call of a guest go.
#[derive(Debug, Default)]
pub(crate) enum Tape {
    /// To the host, and nothing is kept.
    #[default]
    Off,
    /// To the host, and what it answers is kept.
    Recording(Recorder),
    /// Nowhere: they are answered from a recording.
    Replaying(Replayer),
}

impl Tape {
    /// Keeps answers of at most that many bytes.
    pub(crate) fn recording(room: usize) -> Self {
        Self::Recording(Recorder { calls: Vec::new(), room, limit: room, is_over: false })
    }

    /// Answers from a recording.
    pub(crate) fn replaying(calls: &[HostCall]) -> Self {
        Self::Replaying(Replayer { calls: calls.iter().cloned().collect(), made: 0, problem: None, reading: Duration::ZERO })
    }

    /// A host call begins.
    fn begin<A: Keep, R: DeserializeOwned + Blank>(&mut self, call: &'static str, arguments: impl FnOnce() -> A) -> Next<R> {
        match self {
            Self::Off => Next::Ask,
            Self::Recording(recorder) => {
                if !recorder.is_over {
                    recorder.begin(call, arguments());
                }
                Next::Ask
            }
            Self::Replaying(replayer) => replayer.answer(call, &arguments()),
        }
    }

    /// The host has answered.
    fn answered<R: Keep + Clone>(&mut self, answer: &R) {
        if let Self::Recording(recorder) = self
            && recorder.has_room(answer)
            && let Some(call) = recorder.calls.last_mut()
        {
            call.answer = Some(Box::new(answer.clone()));
        }
    }
}

/// What becomes of a host call.
enum Next<R> {
    /// Ask the host.
    Ask,
    /// This is the answer.
    Answer(R),
    /// The recorded call never came back.
    Never,
}

/// A value that a recording can hold: kept as it is, read as JSON later.
trait Keep: fmt::Debug + Send + Weigh + 'static {
    fn to_json(&self) -> Value;
}

impl<T: Serialize + fmt::Debug + Send + Weigh + 'static> Keep for T {
    fn to_json(&self) -> Value {
        // Records of the contract have no map with keys that are no text, so this cannot fail.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// What a guest is given when the recording has no answer; the call is over anyway and its result is not looked at.
trait Blank {
    fn blank(problem: &str) -> Self;
}

impl<T> Blank for Result<T, wit::types::Error> {
    fn blank(problem: &str) -> Self {
        Err(wit::types::Error::Other(problem.to_owned()))
    }
}

/// Functions of the contract that cannot fail.
macro_rules! blank {
    ($($type:ty => $value:expr),* $(,)?) => { $(impl Blank for $type {
        fn blank(_: &str) -> Self {
            $value
        }
    })* };
}

blank! {
    u64 => 0,
    String => String::new(),
    Vec<(String, String)> => Vec::new(),
    Option<wit::types::TlsInfo> => None,
    wit::tcp::Phases => wit::tcp::Phases { resolve_ns: 0, connect_ns: 0, tls_ns: 0 },
}

/// Keeps what the host answers.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    calls: Vec<KeptCall>,
    room: usize,
    limit: usize,
    is_over: bool,
}

#[derive(Debug)]
struct KeptCall {
    call: &'static str,
    arguments: Box<dyn Keep>,
    answer: Option<Box<dyn Keep>>,
}

impl Recorder {
    fn begin<A: Keep>(&mut self, call: &'static str, arguments: A) {
        if self.has_room(&arguments) {
            self.calls.push(KeptCall { call, arguments: Box::new(arguments), answer: None });
        }
    }

    /// Takes room for a value; when there is none left, half a recording would be of no use, so nothing of it is kept.
    fn has_room(&mut self, value: &impl Weigh) -> bool {
        // What a kept value costs beside its bytes.
        const OVERHEAD: usize = 64;
        match self.room.checked_sub(value.weight() + OVERHEAD) {
            Some(left) if !self.is_over => {
                self.room = left;
                true
            }
            _ => {
                self.is_over = true;
                self.calls = Vec::new();
                false
            }
        }
    }

    /// Why there are no calls although some were made.
    pub(crate) fn problem(&self) -> Option<String> {
        self.is_over.then(|| format!("the host's answers were larger than {} bytes, so none was kept", self.limit))
    }

    /// Values that must not be shown: what the guest was told of secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        let answers = self.calls.iter().filter(|call| call.call == "secrets.get").filter_map(|call| call.answer.as_ref());
        answers.filter_map(|answer| answer.to_json().get("Ok")?.as_str().map(str::to_owned))
    }

    /// The calls as text.
    pub(crate) fn read(&self, mask: &Mask) -> Vec<HostCall> {
        let read = |kept: &KeptCall| {
            let with = mask.arguments(kept.call, kept.arguments.to_json());
            let answer = kept.answer.as_ref().map(|answer| mask.answer(kept.call, &with, answer.to_json()));
            HostCall { call: kept.call.to_owned(), with, answer }
        };
        self.calls.iter().map(read).collect()
    }
}

/// Answers from a recording, call by call.
#[derive(Debug)]
pub(crate) struct Replayer {
    calls: VecDeque<HostCall>,
    made: usize,
    problem: Option<String>,
    /// Time spent with the recording, which no host would need.
    pub(crate) reading: Duration,
}

impl Replayer {
    fn answer<R: DeserializeOwned + Blank>(&mut self, call: &'static str, arguments: &dyn Keep) -> Next<R> {
        let began = Instant::now();
        let answer = self.take(call, arguments);
        self.reading += began.elapsed();
        match answer {
            Ok(None) => Next::Never,
            Ok(Some(answer)) => Next::Answer(answer),
            Err(problem) => {
                // The first difference tells; what follows it follows from it.
                let problem = self.problem.get_or_insert(problem);
                Next::Answer(R::blank(problem))
            }
        }
    }

    fn take<R: DeserializeOwned>(&mut self, call: &'static str, arguments: &dyn Keep) -> Result<Option<R>, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let with = Mask::default().arguments(call, arguments.to_json());
        self.made += 1;
        let number = self.made;
        let asked = || shown(call, &with);
        let Some(recorded) = self.calls.pop_front() else {
            return Err(format!("host call {number} is not in the recording: the plugin asks {}", asked()));
        };
        if recorded.call != call || recorded.with != with {
            let had = shown(&recorded.call, &recorded.with);
            // Of two long texts nobody finds the one word that differs.
            if recorded.call == call
                && had.len() > MAX_SHOWN_BYTES
                && let Some(difference) = first_difference("", &with, &recorded.with)
            {
                return Err(format!("host call {number}, {call}, differs in its arguments{difference}"));
            }
            return Err(format!("host call {number} differs: the plugin asks {}, the recording has {had}", asked()));
        }
        let Some(answer) = recorded.answer else { return Ok(None) };
        let answer = serde_json::from_value(bytes::decoded(answer));
        answer.map(Some).map_err(|error| format!("cannot read the answer to host call {number}, {}, of the recording: {error}", asked()))
    }

    /// Where the guest left the recording, once its call is over.
    pub(crate) fn problem(&self) -> Option<String> {
        let unasked = || {
            let next = self.calls.front()?;
            let (count, next) = (self.calls.len(), shown(&next.call, &next.with));
            Some(format!("the plugin made {} host calls, the recording has {count} more; the next one is {next}", self.made))
        };
        self.problem.clone().or_else(unasked)
    }
}

/// A text that people still read whole.
const MAX_SHOWN_BYTES: usize = 200;

/// `files.read("/proc/stat")`.
fn shown(call: &str, with: &Value) -> String {
    let arguments = match with {
        Value::Array(arguments) => arguments.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    format!("{call}({})", cut(&arguments))
}

/// `[0].headers[2]: the plugin has …, the recording …`, the first place where two values differ.
fn first_difference(at: &str, new: &Value, old: &Value) -> Option<String> {
    match (new, old) {
        (Value::Array(new), Value::Array(old)) if new.len() == old.len() => {
            new.iter().zip(old).enumerate().find_map(|(index, (new, old))| first_difference(&format!("{at}[{index}]"), new, old))
        }
        (Value::Object(new), Value::Object(old)) if new.keys().eq(old.keys()) => {
            new.iter().find_map(|(key, value)| first_difference(&format!("{at}.{key}"), value, &old[key]))
        }
        (new, old) if new == old => None,
        (new, old) => Some(format!("{at}: the plugin has {}, the recording {}", cut(&new.to_string()), cut(&old.to_string()))),
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_SHOWN_BYTES);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
