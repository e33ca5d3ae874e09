//! Something to scrape: an HTTP server on loopback that serves the page which a test gives it, or misbehaves as it is told.

use std::fmt::{self, Debug, Formatter};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a connection that waits looks whether its target is gone.
const LOOK: Duration = Duration::from_millis(100);
/// Longest request line or header that is read.
const MAX_LINE_BYTES: u64 = 16 << 10;

/// What a [`Target`] does with a request.
#[derive(Clone)]
pub enum Answer {
    /// 200 and this page.
    Page(String),
    /// 200 and a page made of the number of the request, from 1.
    Numbered(Arc<dyn Fn(u64) -> String + Send + Sync>),
    /// This status and a short text.
    Status(u16),
    /// Bytes that are no HTTP.
    Garbage,
    /// The page, but only after a pause.
    Slow(Duration, String),
    /// Accepts and never says a word.
    Silent,
    /// A page that never ends.
    Endless,
    /// A page of so many series.
    Series(usize),
    /// Whatever is made of the head of the request: its first line and headers.
    Reply(Arc<dyn Fn(&str) -> Reply + Send + Sync>),
}

/// An answer of a test's own.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// `Content-Type` among them, or none.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// 200 with this type; an empty type is left out.
    #[must_use]
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = if content_type.is_empty() { Vec::new() } else { vec![("Content-Type".to_owned(), content_type.to_owned())] };
        Self { status: 200, headers, body: body.into() }
    }

    /// Another status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// An HTTP server on a port of its own; it serves any path. Gone when dropped.
pub struct Target {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    requests: AtomicU64,
    /// Of the last request.
    head: Mutex<String>,
    body: Mutex<Vec<u8>>,
    is_gone: AtomicBool,
}

impl Target {
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen on loopback");
        let address = listener.local_addr().expect("BUG: a listener has no address");
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            requests: AtomicU64::new(0),
            head: Mutex::default(),
            body: Mutex::default(),
            is_gone: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &for_thread));
        Self { address, shared }
    }

    /// A target that serves this page.
    #[must_use]
    pub fn page(page: &str) -> Self {
        Self::start(Answer::Page(page.to_owned()))
    }

    /// A target whose page is made of the number of the request, from 1.
    #[must_use]
    pub fn numbered(page: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        Self::start(Answer::Numbered(Arc::new(page)))
    }

    /// A target that answers each request by its head: first line and headers.
    #[must_use]
    pub fn replying(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Answer::Reply(Arc::new(reply)))
    }

    /// What the last request carried.
    #[must_use]
    pub fn last_body(&self) -> Vec<u8> {
        self.shared.body.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// First line and headers of the last request; empty before the first.
    #[must_use]
    pub fn last_head(&self) -> String {
        self.shared.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the next request on.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// `host:port`, as in `static_configs`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Requests that were read so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::Relaxed);
        // Wakes `accept`. When it fails, the listener is gone already.
        drop(TcpStream::connect_timeout(&self.address, LOOK));
    }
}

impl Debug for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("address", &self.address).field("requests", &self.requests()).finish_non_exhaustive()
    }
}

impl Debug for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Page(page) => write!(f, "Page({} bytes)", page.len()),
            Answer::Numbered(_) => write!(f, "Numbered"),
            Answer::Status(status) => write!(f, "Status({status})"),
            Answer::Garbage => write!(f, "Garbage"),
            Answer::Slow(pause, _) => write!(f, "Slow({pause:?})"),
            Answer::Silent => write!(f, "Silent"),
            Answer::Endless => write!(f, "Endless"),
            Answer::Series(count) => write!(f, "Series({count})"),
            Answer::Reply(_) => write!(f, "Reply"),
        }
    }
}

/// An address where nobody listens.
///
/// # Panics
/// When there is no free port.
#[must_use]
pub fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen on loopback");
    listener.local_addr().expect("BUG: a listener has no address")
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_gone() {
            return;
        }
        if let Ok(stream) = stream {
            let shared = Arc::clone(shared);
            // A client that goes away in the middle is what many tests are about: its error is nobody's.
            thread::spawn(move || drop(serve(&stream, &shared)));
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    let mut reader = BufReader::new(stream);
    while let Some((connection, head)) = read_request(&mut reader, shared)? {
        shared.head.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&head);
        let number = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match answer {
            Answer::Page(page) => write_page(stream, 200, &page)?,
            Answer::Numbered(page) => write_page(stream, 200, &page(number))?,
            Answer::Status(status) => write_page(stream, status, "no metrics here\n")?,
            Answer::Reply(reply) => write_reply(stream, &reply(&head))?,
            Answer::Slow(pause, page) => {
                shared.pause(pause);
                write_page(stream, 200, &page)?;
            }
            Answer::Silent => {
                shared.pause(Duration::MAX);
                return Ok(());
            }
            Answer::Garbage => return (&mut &*stream).write_all(b"\x00\xff\xfe SSH-2.0 \x80\r\n\r\n{{{\x01"),
            Answer::Endless => {
                return write_open_end(stream, |line| (!shared.is_gone()).then(|| format!("endless_total{{line=\"{line}\"}} 1\n")));
            }
            Answer::Series(count) => {
                return write_open_end(stream, |line| (line < count).then(|| format!("many_total{{line=\"{line}\"}} {line}\n")));
            }
        }
        if connection == Connection::Close {
            break;
        }
    }
    Ok(())
}

/// What the client wants after the answer.
#[derive(PartialEq, Eq)]
enum Connection {
    KeepAlive,
    Close,
}

/// Reads one request and keeps its body; `None` when the client or the target is gone.
fn read_request(reader: &mut BufReader<&TcpStream>, shared: &Shared) -> io::Result<Option<(Connection, String)>> {
    let mut connection = Connection::KeepAlive;
    let mut line = Vec::new();
    let mut head = String::new();
    let mut body_bytes = 0;
    loop {
        match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Ok(_) if line == b"\r\n" => {
                let mut body = Vec::new();
                reader.by_ref().take(body_bytes).read_to_end(&mut body)?;
                *shared.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
                return Ok(Some((connection, head)));
            }
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                head.push_str(&text);
                if let Some(length) = text.to_ascii_lowercase().strip_prefix("content-length:") {
                    body_bytes = length.trim().parse().unwrap_or(0);
                }
                if line.eq_ignore_ascii_case(b"connection: close\r\n") {
                    connection = Connection::Close;
                }
                line.clear();
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) && !shared.is_gone() => {}
            Err(error) => return Err(error),
        }
    }
}

fn write_page(mut stream: &TcpStream, status: u16, page: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(page.as_bytes())
}

fn write_reply(mut stream: &TcpStream, reply: &Reply) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body)
}

/// A page whose end is the end of the connection.
fn write_open_end(mut stream: &TcpStream, mut line: impl FnMut(usize) -> Option<String>) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n")?;
    let mut number = 0;
    let mut buffer = String::new();
    while let Some(text) = line(number) {
        number += 1;
        buffer.push_str(&text);
        if buffer.len() > 64 << 10 {
            stream.write_all(buffer.as_bytes())?;
            buffer.clear();
        }
    }
    stream.write_all(buffer.as_bytes())
}

impl Shared {
    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Ends early when the target goes.
    fn pause(&self, mut left: Duration) {
        while !left.is_zero() && !self.is_gone() {
            let step = left.min(LOOK);
            thread::sleep(step);
            left -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Target, closed_port};
    use crate::http;

    #[test]
    fn a_target_serves_what_the_test_gave_it_last() {
        let target = Target::page("a 1\n");
        let fetch = || http::get(target.address, "/metrics").map(|response| (response.status, response.text()));
        assert_eq!(fetch().unwrap(), (200, "a 1\n".to_owned()));
        target.answer(Answer::Status(503));
        assert_eq!(fetch().unwrap().0, 503);
        target.answer(Answer::Numbered(std::sync::Arc::new(|number| format!("requests {number}\n"))));
        assert_eq!(fetch().unwrap().1, "requests 3\n");
        target.answer(Answer::Series(100_000));
        assert_eq!(fetch().unwrap().1.lines().count(), 100_000);
        target.answer(Answer::Garbage);
        assert!(fetch().is_err());
        assert_eq!(target.requests(), 5);
    }

    #[test]
    fn nobody_listens_on_a_closed_port_or_at_a_dropped_target() {
        assert!(http::get(closed_port(), "/").is_err());
        let target = Target::page("a 1\n");
        let address = target.address;
        drop(target);
        crate::wait_until("the target to go", std::time::Duration::from_secs(5), || http::get(address, "/").is_err());
    }
}
