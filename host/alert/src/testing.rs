//! What tests of this crate share: a clock that only they move, a record in memory, an engine with hand-made answers, a mail server.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use cepmon_model::{Clock, LabelSet, SampleValue, Sleep, TimestampMs};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::{AlertTransition, BoxError, Evaluate, NotificationAttempt, Record, VectorSample};

/// Time that stands still until `advance`.
#[derive(Debug)]
pub(crate) struct VirtualClock(watch::Sender<TimestampMs>);

impl VirtualClock {
    pub(crate) fn at(now: TimestampMs) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(now)))
    }

    pub(crate) fn set(&self, now: TimestampMs) {
        self.0.send_replace(now);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> TimestampMs {
        *self.0.borrow()
    }

    fn sleep_until(&self, deadline: TimestampMs) -> Sleep {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            now.wait_for(|now| *now >= deadline).await.unwrap();
        })
    }
}

/// Everything that was recorded, in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) batches: Mutex<Vec<Vec<(LabelSet, TimestampMs, f64)>>>,
    pub(crate) transitions: Mutex<Vec<AlertTransition>>,
    pub(crate) attempts: Mutex<Vec<NotificationAttempt>>,
    pub(crate) state: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl Record for Memory {
    fn append_samples(&self, samples: &[(LabelSet, TimestampMs, SampleValue)]) -> Result<(), BoxError> {
        let numbers = samples.iter().map(|(labels, at, value)| (labels.clone(), *at, value.number()));
        self.batches.lock().unwrap().push(numbers.collect());
        Ok(())
    }

    fn alert_transition(&self, transition: &AlertTransition) -> Result<(), BoxError> {
        self.transitions.lock().unwrap().push(transition.clone());
        Ok(())
    }

    fn notification_attempt(&self, attempt: &NotificationAttempt) -> Result<(), BoxError> {
        self.attempts.lock().unwrap().push(attempt.clone());
        Ok(())
    }

    fn state_put(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), BoxError> {
        let mut state = self.state.lock().unwrap();
        let key = (space.to_owned(), key.to_owned());
        match value {
            Some(value) => state.insert(key, value.to_vec()),
            None => state.remove(&key),
        };
        Ok(())
    }

    fn state_list(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, BoxError> {
        let state = self.state.lock().unwrap();
        Ok(state.iter().filter(|((found, _), _)| found == space).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }
}

/// Answers that a test sets by expression.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<HashMap<String, Result<Vec<VectorSample>, String>>>);

impl Answers {
    pub(crate) fn set(&self, expr: &str, samples: &[(&[(&str, &str)], f64)]) {
        let sample = |(labels, value): &(&[(&str, &str)], f64)| VectorSample {
            labels: LabelSet::from_pairs(labels.iter().copied()),
            value: SampleValue::Float(*value),
        };
        self.0.lock().unwrap().insert(expr.to_owned(), Ok(samples.iter().map(sample).collect()));
    }

    pub(crate) fn fail(&self, expr: &str, message: &str) {
        self.0.lock().unwrap().insert(expr.to_owned(), Err(message.to_owned()));
    }
}

impl Evaluate for Answers {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        if expr.contains("syntax error") { Err("unexpected \"error\"".into()) } else { Ok(()) }
    }

    fn instant(&self, expr: &str, _: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        self.0.lock().unwrap().get(expr).cloned().unwrap_or(Ok(Vec::new())).map_err(Into::into)
    }
}

/// A mail server on loopback that speaks as much SMTP as a client needs. Mails come out of `mails`.
#[derive(Debug)]
pub(crate) struct MailServer {
    pub(crate) address: String,
    pub(crate) mails: mpsc::Receiver<String>,
    /// What it answers to MAIL, such as `451 busy`; empty = it takes mails.
    pub(crate) refusal: Arc<Mutex<String>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, mails) = mpsc::channel(100);
        let refusal = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&refusal);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, sender.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, mails, refusal }
    }

    pub(crate) fn refuse(&self, answer: &str) {
        answer.clone_into(&mut self.refusal.lock().unwrap());
    }
}

async fn converse(stream: TcpStream, mails: mpsc::Sender<String>, refusal: Arc<Mutex<String>>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut mail = String::new();
    let mut in_data = false;
    writer.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let refused = refusal.lock().unwrap().clone();
        let answer = match line.split(' ').next().unwrap_or_default() {
            "." if in_data => {
                in_data = false;
                // Quoted-printable's line ends and equals signs would hide what a test looks for.
                let plain = mail.replace("=\n", "").replace("=3D", "=");
                mails.send(std::mem::take(&mut mail) + &plain).await.unwrap();
                "250 taken".to_owned()
            }
            _ if in_data => {
                mail.push_str(&line);
                mail.push('\n');
                continue;
            }
            "EHLO" => "250-test\r\n250 AUTH PLAIN LOGIN".to_owned(),
            "AUTH" => {
                mail.push_str(&line);
                mail.push('\n');
                "235 welcome".to_owned()
            }
            "MAIL" if !refused.is_empty() => refused,
            "DATA" => {
                in_data = true;
                "354 go on".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => {
                mail.push_str(&line);
                mail.push('\n');
                "250 ok".to_owned()
            }
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// An HTTP server on loopback that answers every request alike. Requests come out as head and body.
#[derive(Debug)]
pub(crate) struct HttpServer {
    pub(crate) address: String,
    pub(crate) requests: mpsc::Receiver<(String, String)>,
    /// What it answers, such as `503 busy`.
    pub(crate) answer: Arc<Mutex<String>>,
}

impl HttpServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, requests) = mpsc::channel(100);
        let answer = Arc::new(Mutex::new("200 ok".to_owned()));
        let shared = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, requests, answer }
    }
}

async fn serve(stream: TcpStream, requests: mpsc::Sender<(String, String)>, answer: Arc<Mutex<String>>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).await.unwrap() == 0 {
            return;
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    requests.send((head, String::from_utf8(body).unwrap())).await.unwrap();
    let answer = answer.lock().unwrap().clone();
    let text = format!("HTTP/1.1 {answer}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
    writer.write_all(text.as_bytes()).await.unwrap();
}
