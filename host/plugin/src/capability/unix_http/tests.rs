//! Requests on a socket in a temporary folder, and paths that are not what they seem.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;
use crate::testing::{grants, guest};

/// Answers every request with these bytes; keeps the request lines.
fn start(folder: &tempfile::TempDir, answer: &'static [u8]) -> (String, Arc<Mutex<Vec<String>>>) {
    let path = folder.path().join("d.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            heads.lock().unwrap().push(String::from_utf8(head).unwrap());
            stream.write_all(answer).await.unwrap();
        }
    });
    (path.to_str().unwrap().to_owned(), seen)
}

fn request(socket: &str, method: &str, path: &str) -> Request {
    Request {
        socket: socket.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ns: 0,
        max_body: 10,
    }
}

#[tokio::test]
async fn a_granted_request_is_answered_and_every_other_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, seen) = start(&folder, b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n[1, 2, 3, 4]");
    let words = [format!("unix-http:{socket}:GET /containers/json"), format!("unix-http:{socket}:GET /containers/*/stats")];
    let mut guest = guest(&grants(&words.each_ref().map(String::as_str)), "", true);
    let state = guest.state_mut();
    let response = Host::send(state, request(&socket, "GET", "/containers/json?all=1")).await.unwrap();
    assert_eq!((response.status, response.body.as_slice(), response.is_truncated), (200, &b"[1, 2, 3, "[..], true));
    assert_eq!(Host::send(state, request(&socket, "GET", "/containers/a1b2/stats?stream=0")).await.unwrap().status, 200);
    let heads = seen.lock().unwrap().clone();
    assert!(heads[0].starts_with("GET /containers/json?all=1 HTTP/1.1\r\n") && heads[0].contains("host: localhost\r\n"), "{}", heads[0]);
    for (method, path) in [
        ("POST", "/containers/json"),
        ("GET", "/containers/a/b/stats"),
        ("GET", "/containers/a1b2/json"),
        ("DELETE", "/containers/a1b2/stats"),
        ("GET", "/"),
    ] {
        let denied = Host::send(state, request(&socket, method, path)).await;
        let command = format!("'unix-http:{socket}:{method} {path}'");
        assert!(matches!(&denied, Err(Error::Denied(message)) if message.ends_with(&command)), "{denied:?}");
    }
    let elsewhere = Host::send(state, request("/run/other.sock", "GET", "/containers/json")).await;
    assert!(matches!(elsewhere, Err(Error::Denied(_))), "{elsewhere:?}");
    assert_eq!(seen.lock().unwrap().len(), 2, "nothing that was denied was sent");
}

#[tokio::test]
async fn a_path_that_could_mean_another_one_is_refused() {
    let mut guest = guest(&grants(&["unix-http:/run/d.sock:GET /containers/*"]), "", true);
    for path in [
        "/containers/../images/json",
        "/containers/./json",
        "/containers//json",
        "/containers/%2e%2e",
        "/containers/a%2Fb",
        "/containers/a%0d%0aX:%20y",
        "/containers/a%",
        "/containers/a%zz",
        "/containers/a b",
        "/containers/a\r\nX: y",
        "/containers/a\\b",
        "/containers/ä",
        "containers/json",
        "http://other/containers/json",
        "",
    ] {
        let result = Host::send(guest.state_mut(), request("/run/d.sock", "GET", path)).await;
        assert!(matches!(&result, Err(Error::Other(message)) if message.starts_with("cannot ask for path")), "{path}: {result:?}");
    }
}

#[tokio::test]
async fn what_could_become_another_protocol_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, _) = start(&folder, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: tcp\r\n\r\n");
    let mut guest = guest(&grants(&[&format!("unix-http:{socket}:POST /exec/*/start")]), "", true);
    let upgrade = Request { headers: vec![("Upgrade".to_owned(), b"tcp".to_vec())], ..request(&socket, "POST", "/exec/1/start") };
    let result = Host::send(guest.state_mut(), upgrade).await;
    assert!(matches!(&result, Err(Error::Other(message)) if message.contains("header")), "{result:?}");
    let result = Host::send(guest.state_mut(), request(&socket, "POST", "/exec/1/start")).await;
    assert!(matches!(&result, Err(Error::Protocol(_))), "{result:?}");
    let gone = Host::send(guest.state_mut(), request("/run/d.sock", "POST", "/exec/1/start")).await;
    assert!(matches!(gone, Err(Error::Denied(_))));
}

#[test]
fn patterns_name_a_socket_a_method_and_a_path() {
    for good in ["/run/d.sock:GET /containers/json", "/run/d.sock:POST /a/*/b", "/run/d.sock:GET /images/**"] {
        assert!(RequestPattern::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "/run/d.sock",
        "/run/d.sock:/containers",
        "run/d.sock:GET /a",
        "/run/*.sock:GET /a",
        "/run/d.sock:get /a",
        "/run/d.sock:CONNECT /a",
        "/run/d.sock:GET a",
        "/run/d.sock:GET /a/../b",
    ] {
        assert!(RequestPattern::parse(bad).is_err(), "{bad}");
    }
}
