//! The client against servers on loopback that answer what a test tells them.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::abi::wit::types::{IpFamily, TlsOptions};
use crate::grant::Grants;
use crate::guest::Guest;
use crate::testing::{grants, guest, tls_acceptor};

/// Answers every request with the next of some raw answers; keeps what it was sent and counts connections.
struct Server {
    address: String,
    requests: std::sync::Arc<Mutex<Vec<String>>>,
    connections: std::sync::Arc<Mutex<usize>>,
}

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.as_bytes().to_vec()).collect();
        Self::start_bytes(answers).await
    }

    async fn start_bytes(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, requests: Default::default(), connections: Default::default() };
        let (requests, connections) = (std::sync::Arc::clone(&server.requests), std::sync::Arc::clone(&server.connections));
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        requests.lock().unwrap().push(String::from_utf8(std::mem::take(&mut head)).unwrap());
                        let Some(answer) = answers.next() else { return };
                        let closes = answer.is_empty();
                        stream.write_all(&answer).await.unwrap();
                        if closes {
                            break;
                        }
                    }
                }
            }
        });
        server
    }
}

fn own_target() -> Grants {
    grants(&["http:target"])
}

fn request(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        family: IpFamily::Any,
        timeout_ns: 0,
        max_redirects: 5,
        max_body: 1 << 20,
        decompress: true,
        tls: None,
    }
}

fn no_verification() -> TlsOptions {
    TlsOptions { server_name: None, verify: false, ca_pem: None, certificate_pem: None, key_pem: None }
}

async fn send(guest: &mut Guest, request: Request) -> Result<Response, Error> {
    Host::send(guest.state_mut(), request).await
}

fn denied(result: Result<Response, Error>) -> String {
    match result {
        Err(Error::Denied(message)) => message,
        other => panic!("{other:?}"),
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nup 1\n";

#[tokio::test]
async fn the_own_target_answers_and_the_connection_is_kept() {
    let server = Server::start(&[OK, OK]).await;
    let mut guest = guest(&own_target(), &server.address, true);
    let url = format!("http://{}/metrics?a=b", server.address);
    for _ in 0..2 {
        let response = send(&mut guest, request(&url)).await.unwrap();
        assert_eq!((response.status, response.body.as_slice(), response.wire_bytes), (200, &b"up 1\n"[..], 5));
        assert_eq!(response.remote, server.address);
    }
    assert_eq!(*server.connections.lock().unwrap(), 1);
    let sent = server.requests.lock().unwrap()[0].to_ascii_lowercase();
    assert!(sent.starts_with("get /metrics?a=b http/1.1\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: {}\r\n", server.address)) && sent.contains("user-agent: cepmon/"), "{sent}");
    assert!(!sent.contains("accept-encoding"), "on loopback compression saves nothing");
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_denied_with_the_command() {
    let mut guest = guest(&own_target(), "localhost:9100", true);
    let message = denied(send(&mut guest, request("http://localhost:9101/")).await);
    assert_eq!(message, "plugin \"test\" may not use http for host \"localhost:9101\"; run: cepmon plugin grant test http:localhost:9101");
    assert_eq!(guest.state().context.counters.read().denials, 1);
    assert!(guest.state().call.denied.is_some());
    let insecure = Request { tls: Some(no_verification()), ..request("https://localhost:9100/") };
    assert!(denied(send(&mut guest, insecure).await).ends_with("run: cepmon plugin grant test http:insecure"));
}

#[tokio::test]
async fn metadata_addresses_are_refused_unless_written_down_by_the_operator() {
    let mut discovered = guest(&own_target(), "169.254.169.254:80", false);
    let message = denied(send(&mut discovered, request("http://169.254.169.254/latest/meta-data/")).await);
    assert!(message.contains("169.254.169.254 is a link-local or cloud-metadata address"), "{message}");
    let mut anywhere = guest(&grants(&["http:*:*"]), "", false);
    let message = denied(send(&mut anywhere, request("http://127.0.0.1:1/")).await);
    assert!(message.contains("127.0.0.1 is a loopback or private address"), "{message}");
    let message = denied(send(&mut anywhere, request("http://localhost:1/")).await);
    assert!(message.contains("is a loopback or private address"), "{message}");
}

#[tokio::test]
async fn a_redirect_is_followed_only_to_what_is_granted() {
    let away = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/secret\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(&["HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n", "", OK, away]).await;
    let mut guest = guest(&own_target(), &server.address, true);
    let url = format!("http://{}/", server.address);
    let response = send(&mut guest, request(&url)).await;
    // The second answer is a connection closed without a word: asked again on a new one only if the connection was reused.
    assert!(matches!(response, Err(Error::Protocol(_))), "{response:?}");
    let response = send(&mut guest, request(&format!("{url}x"))).await.unwrap();
    assert_eq!(response.status, 200);
    let message = denied(send(&mut guest, request(&url)).await);
    assert!(message.contains("host \"127.0.0.1:9\""), "{message}");
    let Response { status, redirects, .. } = {
        let server = Server::start(&[away]).await;
        let mut guest = crate::testing::guest(&own_target(), &server.address, true);
        let request = Request { max_redirects: 0, ..request(&format!("http://{}/", server.address)) };
        send(&mut guest, request).await.unwrap()
    };
    assert_eq!((status, redirects), (302, 0), "without redirects the redirect itself is the answer");
}

#[tokio::test]
async fn bodies_are_cut_at_the_limit_and_headers_too() {
    let long = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(100_000));
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(40_000));
    for (answer, check) in [
        (
            long,
            (|result| assert!(matches!(result, Ok(Response { is_truncated: true, body, .. }) if body.len() == 1000)))
                as fn(Result<Response, Error>),
        ),
        (head, |result| assert!(matches!(result, Err(Error::Protocol(_))))),
        ("garbage\r\n\r\n".to_owned(), |result| assert!(matches!(result, Err(Error::Protocol(_))))),
    ] {
        let server = Server::start(&[&answer]).await;
        let mut guest = guest(&own_target(), &server.address, true);
        check(send(&mut guest, Request { max_body: 1000, ..request(&format!("http://{}/", server.address)) }).await);
    }
}

#[tokio::test]
async fn gzip_is_undone() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&[b'x'; 5000]).unwrap();
    let packed = encoder.finish().unwrap();
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len()).into_bytes();
    answer.extend(&packed);
    let server = Server::start_bytes(vec![answer]).await;
    let mut guest = guest(&own_target(), &server.address, true);
    let response = send(&mut guest, request(&format!("http://{}/", server.address))).await.unwrap();
    assert_eq!((response.body.len(), response.wire_bytes, response.is_truncated), (5000, packed.len() as u64, false));
    assert!(response.headers.iter().all(|(name, _)| name != "content-encoding"));
}

#[tokio::test]
async fn nobody_listening_and_nobody_answering_are_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut guest = guest(&own_target(), &format!("127.0.0.1:{port}"), true);
    let url = format!("http://127.0.0.1:{port}/");
    let result = send(&mut guest, request(&url)).await;
    assert!(matches!(&result, Err(Error::Unreachable(message)) if message.contains("Connection refused")), "{result:?}");
    let silent = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let result = send(&mut guest, Request { timeout_ns: 50_000_000, ..request(&url) }).await;
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    drop(silent);
}

#[tokio::test]
async fn requests_that_could_smuggle_another_are_refused() {
    let mut guest = guest(&own_target(), "127.0.0.1:1", true);
    let with_header =
        |name: &str, value: &[u8]| Request { headers: vec![(name.to_owned(), value.to_vec())], ..request("http://127.0.0.1:1/") };
    for bad in [
        with_header("a\r\nb", b"c"),
        with_header("a", b"b\r\nc: d"),
        with_header("Transfer-Encoding", b"chunked"),
        with_header("Upgrade", b"h2c"),
        Request { method: "GET / HTTP/1.1".to_owned(), ..request("http://127.0.0.1:1/") },
        Request { method: "CONNECT".to_owned(), ..request("http://127.0.0.1:1/") },
        request("ftp://127.0.0.1:1/"),
        request("not a url"),
    ] {
        let result = send(&mut guest, bad).await;
        assert!(matches!(result, Err(Error::Other(_))), "{result:?}");
    }
}

/// A server that never stops and never gets anywhere: each byte in itself is in time.
#[tokio::test]
async fn a_body_that_drips_ends_at_the_requests_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let dripping = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let mut bytes = 0;
        let mut part = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".as_slice();
        while stream.write_all(part).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            part = b"x";
            bytes += 1;
        }
        bytes
    });
    let mut guest = guest(&own_target(), &address, true);
    let slow = Request { timeout_ns: 300_000_000, ..request(&format!("http://{address}/")) };
    assert!(matches!(send(&mut guest, slow).await, Err(Error::Timeout)));
    let bytes = tokio::time::timeout(Duration::from_secs(20), dripping).await.expect("the connection is closed").unwrap();
    assert!(bytes > 1, "some of the body was on its way");
}

/// A TLS server for `localhost`.
async fn start_tls() -> String {
    let acceptor = tls_acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    format!("localhost:{port}")
}

#[tokio::test]
async fn certificates_are_verified_and_their_facts_told() {
    let address = start_tls().await;
    let url = format!("https://{address}/");
    let tls = |verify: bool, ca: Option<&[u8]>, name: Option<&str>| {
        let (server_name, ca_pem) = (name.map(str::to_owned), ca.map(<[u8]>::to_vec));
        let options = TlsOptions { server_name, verify, ca_pem, ..no_verification() };
        Request { tls: Some(options), ..request(&url) }
    };
    let authority = include_bytes!("tests/authority.pem").as_slice();
    let mut guest = guest(&own_target(), &address, true);
    let response = send(&mut guest, tls(true, Some(authority), None)).await.unwrap();
    assert_eq!(response.body, b"up 1\n");
    let facts = response.tls.unwrap();
    assert_eq!((facts.version.as_str(), facts.chain.len()), ("TLS 1.3", 1));
    let leaf = &facts.chain[0];
    assert_eq!((leaf.subject.as_str(), leaf.issuer.as_str()), ("CN=localhost", "CN=cepmon test authority"));
    assert_eq!((leaf.dns_names.as_slice(), leaf.serial.as_str()), (&["localhost".to_owned(), "*.test.invalid".to_owned()][..], "12:35"));
    assert!((leaf.not_before_s, leaf.not_after_s) == (1_577_836_800, 4_733_510_400) && leaf.sha256.len() == 64);
    assert!(response.phases.tls_ns > 0);
    for (bad, why) in [
        (tls(true, None, None), "UnknownIssuer"),
        (tls(true, Some(authority), Some("other.invalid")), "not valid for name"),
        (tls(true, Some(b"no certificate"), None), "the CA file holds no certificate"),
    ] {
        let result = send(&mut guest, bad).await;
        assert!(matches!(&result, Err(Error::Unreachable(message)) if message.contains(why)), "{why}: {result:?}");
    }
    let insecure = grants(&["http:target", "http:insecure"]);
    let mut trusting = crate::testing::guest(&insecure, &address, true);
    assert_eq!(send(&mut trusting, tls(false, None, None)).await.unwrap().status, 200);
}
