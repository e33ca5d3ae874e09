//! Streams to servers on loopback that answer what a test tells them.

use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::abi::wit::types::IpFamily;
use crate::guest::Guest;
use crate::testing::{grants, guest, tls_acceptor};

const AUTHORITY: &[u8] = include_bytes!("../http/tests/authority.pem");

fn plain() -> Options {
    Options { family: IpFamily::Any, tls: None, timeout_ns: 0 }
}

fn verified() -> TlsOptions {
    TlsOptions { server_name: None, verify: true, ca_pem: Some(AUTHORITY.to_vec()), certificate_pem: None, key_pem: None }
}

/// A server that greets, is asked for TLS with one line, and from then on sends back what it gets.
async fn start_upgrading() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tls_acceptor();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"hello\n").await.unwrap();
            let mut line = [0; 9];
            if stream.read_exact(&mut line).await.is_err() || &line != b"starttls\n" {
                continue;
            }
            stream.write_all(b"go\n").await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = [0; 64];
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                stream.write_all(&bytes[..length]).await.unwrap();
            }
        }
    });
    port
}

async fn open(guest: &mut Guest, host: &str, port: u16, options: Options) -> Result<u32, Error> {
    Ok(HostConnection::open(guest.state_mut(), host.to_owned(), port, options).await?.rep())
}

fn handle(number: u32) -> Resource<Connection> {
    Resource::new_own(number)
}

async fn read(guest: &mut Guest, number: u32) -> Result<String, Error> {
    let bytes = HostConnection::read(guest.state_mut(), handle(number), 64, 0).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

async fn write(guest: &mut Guest, number: u32, text: &str) -> Result<(), Error> {
    HostConnection::write(guest.state_mut(), handle(number), text.as_bytes().to_vec(), 0).await
}

#[tokio::test]
async fn a_plain_stream_becomes_tls_where_the_protocol_says_so() {
    let port = start_upgrading().await;
    let mut guest = guest(&grants(&["tcp:target"]), &format!("localhost:{port}"), true);
    let number = open(&mut guest, "localhost", port, plain()).await.unwrap();
    assert_eq!(read(&mut guest, number).await.unwrap(), "hello\n");
    write(&mut guest, number, "starttls\n").await.unwrap();
    assert_eq!(read(&mut guest, number).await.unwrap(), "go\n");
    assert!(guest.state_mut().tls(handle(number)).await.is_none());
    let info = guest.state_mut().start_tls(handle(number), verified(), 0).await.unwrap();
    assert_eq!((info.chain[0].subject.as_str(), info.version.as_str()), ("CN=localhost", "TLS 1.3"));
    write(&mut guest, number, "secret").await.unwrap();
    assert_eq!(read(&mut guest, number).await.unwrap(), "secret");
    assert!(guest.state_mut().phases(handle(number)).await.tls_ns > 0);
    let twice = guest.state_mut().start_tls(handle(number), verified(), 0).await;
    assert!(matches!(&twice, Err(Error::Other(message)) if message.contains("not plain")), "{twice:?}");
    assert_eq!(guest.state().context.counters.read().bytes_in, 6 + 3 + 6);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_ends_the_stream() {
    let port = start_upgrading().await;
    let mut guest = guest(&grants(&["tcp:target"]), &format!("localhost:{port}"), true);
    let number = open(&mut guest, "localhost", port, plain()).await.unwrap();
    assert_eq!(read(&mut guest, number).await.unwrap(), "hello\n");
    write(&mut guest, number, "starttls\n").await.unwrap();
    assert_eq!(read(&mut guest, number).await.unwrap(), "go\n");
    let untrusted = TlsOptions { ca_pem: None, ..verified() };
    let refused = guest.state_mut().start_tls(handle(number), untrusted, 0).await;
    assert!(matches!(&refused, Err(Error::Unreachable(message)) if message.contains("UnknownIssuer")), "{refused:?}");
    assert!(matches!(write(&mut guest, number, "x").await, Err(Error::Unreachable(_))), "nothing goes out in the clear afterwards");
    let blind = TlsOptions { verify: false, ..verified() };
    let denied = guest.state_mut().start_tls(handle(number), blind, 0).await;
    assert!(matches!(&denied, Err(Error::Denied(message)) if message.ends_with("cepmon plugin grant test tcp:insecure")), "{denied:?}");
}

#[tokio::test]
async fn only_what_is_granted_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let denied = |result: Result<u32, Error>, want: &str| {
        assert!(matches!(&result, Err(Error::Denied(message)) if message.contains(want)), "{want}: {result:?}");
    };
    let mut other = guest(&grants(&["tcp:target"]), "localhost:1", true);
    denied(open(&mut other, "localhost", port, plain()).await, &format!("cepmon plugin grant test tcp:localhost:{port}"));
    let mut anywhere = guest(&grants(&["tcp:*:*"]), "", true);
    denied(open(&mut anywhere, "localhost", port, plain()).await, "is a loopback or private address");
    denied(open(&mut anywhere, "169.254.169.254", 80, plain()).await, "cloud-metadata");
    let mut own = guest(&grants(&["tcp:target"]), &format!("tcp://127.0.0.1:{port}"), true);
    open(&mut own, "127.0.0.1", port, plain()).await.unwrap();
    let v6 = Options { family: IpFamily::V6, ..plain() };
    let result = open(&mut own, "127.0.0.1", port, v6).await;
    assert!(matches!(&result, Err(Error::Unreachable(message)) if message.contains("no IPv6 address")), "{result:?}");
}

#[tokio::test]
async fn streams_are_counted_and_end_with_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut guest = guest(&grants(&["tcp:target"]), &format!("127.0.0.1:{port}"), true);
    let mut accepted = Vec::new();
    for _ in 0..64 {
        open(&mut guest, "127.0.0.1", port, plain()).await.unwrap();
        accepted.push(listener.accept().await.unwrap().0);
    }
    let result = open(&mut guest, "127.0.0.1", port, plain()).await;
    assert!(matches!(&result, Err(Error::Other(message)) if message.contains("64 are open")), "{result:?}");
    HostConnection::drop(guest.state_mut(), handle(1)).await.unwrap();
    let number = open(&mut guest, "127.0.0.1", port, plain()).await.unwrap();
    guest.end();
    let mut byte = [0];
    assert_eq!(accepted[1].read(&mut byte).await.unwrap(), 0, "the other side sees the end");
    let stale = write(&mut guest, number, "x").await;
    assert!(matches!(&stale, Err(Error::Other(message)) if message.contains("ended with the call")), "{stale:?}");
}

#[tokio::test]
async fn silence_and_floods_end_at_their_limits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut guest = guest(&grants(&["tcp:target"]), &format!("127.0.0.1:{port}"), true);
    let number = open(&mut guest, "127.0.0.1", port, plain()).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    let short = u64::try_from(Duration::from_millis(20).as_nanos()).unwrap();
    let silent = HostConnection::read(guest.state_mut(), handle(number), 64, short).await;
    assert!(matches!(silent, Err(Error::Timeout)), "{silent:?}");
    let flood = tokio::spawn(async move { while other.write_all(&[b'x'; 65_536]).await.is_ok() {} });
    let limit = 1 << 20;
    guest.state_mut().call.network_bytes_left = limit;
    let mut got = 0;
    let error = loop {
        match HostConnection::read(guest.state_mut(), handle(number), u32::MAX, 0).await {
            Ok(bytes) => got += bytes.len(),
            Err(error) => break error,
        }
    };
    assert!(got <= limit && matches!(&error, Error::Other(message) if message.contains("in one call")), "{got} {error:?}");
    flood.abort();
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = crate::testing::tls_acceptor_for_clients();
    let server = tokio::spawn(async move {
        let mut shown = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let accepted = acceptor.accept(stream).await;
            shown.push(accepted.ok().and_then(|stream| Some(stream.get_ref().1.peer_certificates()?.len())));
        }
        shown
    });
    let mut guest = guest(&grants(&["tcp:target"]), &format!("localhost:{port}"), true);
    let certificate = include_bytes!("tests/client.pem").to_vec();
    let key = include_bytes!("tests/client.key.pem").to_vec();
    let identity = TlsOptions { certificate_pem: Some(certificate.clone()), key_pem: Some(key), ..verified() };
    open(&mut guest, "localhost", port, Options { tls: Some(identity), ..plain() }).await.unwrap();
    // TLS 1.3 tells the client of a refusal only when it reads.
    let without = open(&mut guest, "localhost", port, Options { tls: Some(verified()), ..plain() }).await;
    if let Ok(number) = without {
        assert!(read(&mut guest, number).await.is_err());
    }
    assert_eq!(server.await.unwrap(), [Some(1), None]);
    let half = TlsOptions { certificate_pem: Some(certificate), ..verified() };
    let result = open(&mut guest, "localhost", port, Options { tls: Some(half), ..plain() }).await;
    assert!(matches!(&result, Err(Error::Config(message)) if message.contains("both")), "{result:?}");
}
