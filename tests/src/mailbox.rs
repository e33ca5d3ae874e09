//! A mail server on loopback that keeps what it gets. Plain SMTP with optional AUTH (any password will do), no TLS; it can be told to
//! refuse for a while, so that retries can be seen.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wait_until;

/// A client that says nothing for so long is dropped.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest mail, and longest line, that is taken.
const MAX_BYTES: u64 = 4 << 20;

/// One mail as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Headers and body, dots unstuffed, lines ending in `\n`.
    pub text: String,
}

impl Mail {
    /// A header's value, a folded one unfolded; encoded words stay encoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\n\n").next()?.replace("\n ", " ").replace("\n\t", " ");
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// The server; gone when dropped.
#[derive(Debug)]
pub struct Mailbox {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    mails: Mutex<Vec<Mail>>,
    /// How many transactions are still to be refused.
    refusals: AtomicUsize,
    is_gone: AtomicBool,
}

impl Mailbox {
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen on loopback");
        let address = listener.local_addr().expect("BUG: a listener has no address");
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.is_gone.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&for_thread);
                // A client that breaks off has sent no mail; the test sees that.
                thread::spawn(move || drop(stream.and_then(|stream| serve(&stream, &shared))));
            }
        });
        Self { address, shared }
    }

    /// `host:port`, as in `smtp_smarthost`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Everything accepted so far, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until there are `count` mails and returns all.
    ///
    /// # Panics
    /// When they do not come within `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Mail> {
        wait_until(&format!("mail number {count}"), limit, || self.mails().len() >= count);
        self.mails()
    }

    /// Refuses the next `count` mails with 451, "try again".
    pub fn refuse_next(&self, count: usize) {
        self.shared.refusals.store(count, Ordering::Relaxed);
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::Relaxed);
        // Wakes the listener's thread. When it fails, that is gone already.
        drop(TcpStream::connect_timeout(&self.address, TIMEOUT));
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut reader = BufReader::new(stream);
    let mut mail = Mail { from: String::new(), to: Vec::new(), text: String::new() };
    let mut reply = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes());

    reply("220 mailbox of the tests")?;
    while let Some(line) = read_line(&mut reader)? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => reply("250-mailbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN")?,
            "HELO" | "NOOP" => reply("250 fine")?,
            "RSET" => {
                mail = Mail { from: String::new(), to: Vec::new(), text: String::new() };
                reply("250 fine")?;
            }
            "AUTH" => {
                authenticate(&line, &mut reader, &mut reply)?;
                reply("235 welcome")?;
            }
            "MAIL" => {
                mail.from = address_in(&line);
                reply("250 fine")?;
            }
            "RCPT" => {
                mail.to.push(address_in(&line));
                reply("250 fine")?;
            }
            "DATA" => {
                reply("354 go on, end with a dot")?;
                mail.text = read_text(&mut reader)?;
                let is_refused = shared.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
                if is_refused {
                    reply("451 not now, try again")?;
                } else {
                    shared.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
                    reply("250 kept")?;
                }
                mail = Mail { from: String::new(), to: Vec::new(), text: String::new() };
            }
            "QUIT" => return reply("221 bye"),
            _ => reply("502 unknown command")?,
        }
    }
    Ok(())
}

/// `AUTH PLAIN` comes with or without its answer in the same line, `AUTH LOGIN` asks for name and password.
fn authenticate(line: &str, reader: &mut BufReader<&TcpStream>, reply: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let words = line.split(' ').count();
    let prompts: &[&str] = match line.split(' ').nth(1).map(str::to_ascii_uppercase).as_deref() {
        Some("LOGIN") if words == 2 => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        Some("LOGIN") => &["334 UGFzc3dvcmQ6"],
        _ if words == 2 => &["334 "],
        _ => &[],
    };
    for prompt in prompts {
        reply(prompt)?;
        read_line(reader)?;
    }
    Ok(())
}

fn read_line(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let len = reader.by_ref().take(MAX_BYTES).read_line(&mut line)?;
    Ok((len > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read_text(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    while let Some(line) = read_line(reader)? {
        if line == "." || text.len() as u64 > MAX_BYTES {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push('\n');
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn address_in(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(String::new(), |(address, _)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::Mailbox;

    fn talk(mailbox: &Mailbox, script: &str) -> String {
        let mut stream = TcpStream::connect(mailbox.address).unwrap();
        stream.write_all(script.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    }

    #[test]
    fn a_mail_is_kept_with_its_envelope_and_without_stuffed_dots() {
        let mailbox = Mailbox::start();
        talk(
            &mailbox,
            "EHLO x\nAUTH PLAIN AGEAYg==\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\nRCPT TO:<c@y>\nDATA\nSubject: it\n burns\n\n..hot\n.\nQUIT\n",
        );
        let mails = mailbox.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!((mails[0].from.as_str(), mails[0].to.join(" ").as_str()), ("a@x", "b@y c@y"));
        assert_eq!(mails[0].header("subject").unwrap(), "it burns");
        assert!(mails[0].text.ends_with("\n\n.hot\n"));
    }

    #[test]
    fn a_refused_mail_is_not_kept_and_the_next_one_is() {
        let mailbox = Mailbox::start();
        mailbox.refuse_next(1);
        let once = "HELO x\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\nDATA\n\nhot\n.\nQUIT\n";
        assert!(talk(&mailbox, once).contains("451 "));
        assert!(mailbox.mails().is_empty());
        assert!(talk(&mailbox, once).contains("250 kept"));
        assert_eq!(mailbox.mails().len(), 1);
    }
}
