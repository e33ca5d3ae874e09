//! The HTTP surface over loopback, with a real storage and SQL engine behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cepmon_alert::rule::GroupStatus;
use cepmon_model::LabelSet;
use cepmon_plugin::{Limits, Options, PluginHost};
use cepmon_sql::{SqlEngine, SqlOptions};
use cepmon_storage::{Storage, StorageOptions};
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::alerting::SentCounts;
use crate::schedule::{DroppedTarget, TargetStatus};

use super::{App, Control, HostPolicy, Running, ServerStats, WebOptions, router, serve};

/// A control without targets, whose reload fails on demand.
#[derive(Debug, Default)]
struct FakeControl {
    refusal: Mutex<Option<String>>,
}

impl Control for FakeControl {
    fn targets(&self) -> Vec<TargetStatus> {
        Vec::new()
    }

    fn dropped_targets(&self) -> (Vec<DroppedTarget>, BTreeMap<String, usize>) {
        Default::default()
    }

    fn rules(&self) -> Vec<GroupStatus> {
        Vec::new()
    }

    fn alertmanager_url(&self) -> Option<String> {
        None
    }

    fn sent_alerts(&self) -> BTreeMap<String, SentCounts> {
        BTreeMap::new()
    }

    fn alert_queue(&self) -> (usize, u64) {
        (0, 0)
    }

    fn external_labels(&self) -> LabelSet {
        LabelSet::default()
    }

    fn config_yaml(&self) -> String {
        "global: {}\n".to_owned()
    }

    fn retention(&self) -> String {
        "30d".to_owned()
    }

    fn quit(&self) {}

    fn reload(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>> {
        let refusal = self.refusal.lock().unwrap().clone();
        Box::pin(async move { refusal.map_or(Ok(()), |text| Err(text.into())) })
    }
}

struct Server {
    address: std::net::SocketAddr,
    app: Arc<App>,
    control: Arc<FakeControl>,
    data: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

struct Answer {
    status: StatusCode,
    headers: hyper::HeaderMap,
    text: String,
}

impl Server {
    /// A server that listens but has no storage yet.
    async fn starting() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Arc::new(App::new(Arc::new(ServerStats::default()), WebOptions::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, None, router(Arc::clone(&app), HostPolicy::new(["mon.example"])), stopped));
        Self { address, app, control: Arc::default(), data: tempfile::tempdir().unwrap(), stop, task }
    }

    async fn ready() -> Self {
        let server = Self::starting().await;
        let dir = server.data.path();
        let (storage, _) = Storage::open(StorageOptions::new(dir.join("data"))).unwrap();
        let storage = Arc::new(storage);
        let plugins = PluginHost::open(Options {
            plugins_dir: dir.join("plugins"),
            bundled_dir: None,
            cache_dir: dir.join("cache"),
            compiler: None,
            host_name: "test".to_owned(),
            external_labels: Vec::new(),
            limits: Limits::default(),
            overrides: Default::default(),
            state: Arc::new(cepmon_plugin::NoState),
        });
        let sql = SqlEngine::new(Arc::clone(&storage), Vec::new(), None, SqlOptions::new(dir.join("spill"))).unwrap();
        let control = Arc::clone(&server.control) as Arc<dyn Control>;
        let remote_write = crate::ingest::RemoteWrite::new(Arc::clone(&storage));
        server.app.start(Running { storage, plugins: Arc::new(plugins.unwrap()), sql: Arc::new(sql), remote_write, control });
        server
    }

    async fn ask(&self, request: hyper::http::request::Builder, body: &str) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).header("host", "127.0.0.1"), "").await
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(Request::post(path).header("host", "127.0.0.1"), "").await
    }

    async fn sql(&self, accept: &str, statement: &str) -> Answer {
        let request = Request::post("/api/v1/sql").header("host", "localhost").header("content-type", "application/json");
        self.ask(request.header("accept", accept), &serde_json::json!({ "query": statement }).to_string()).await
    }
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_answered_in_the_form_that_was_asked_for() {
    let server = Server::ready().await;
    let answer = server.sql("*/*", "SELECT 1 AS one, 'x' AS letter").await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (StatusCode::OK, &"application/json".parse().unwrap()));
    assert_eq!(json(&answer)["rows"], serde_json::json!([[1, "x"]]));
    assert_eq!(json(&answer)["columns"][1]["name"], "letter");
    assert_eq!(server.sql("text/csv", "SELECT 1 AS one").await.text, "one\r\n1\r\n");
    assert!(server.sql("text/plain", "SELECT 1 AS one").await.text.contains("one"));
    assert!(server.sql("application/vnd.apache.parquet", "SELECT 1 AS one").await.text.starts_with("PAR1"));
    assert_eq!(server.sql("application/vnd.apache.arrow.stream", "SELECT 1").await.status, StatusCode::OK);
    assert_eq!(server.sql("image/png", "SELECT 1").await.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_statement_is_answered_with_its_place() {
    let server = Server::ready().await;
    let answer = server.sql("*/*", "SELECT 1\nFORM x y").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!((json(&answer)["error"]["kind"].clone(), json(&answer)["error"]["line"].clone()), ("syntax".into(), 2.into()));
    let answer = server.sql("*/*", "DROP TABLE logs").await;
    assert_eq!((answer.status, json(&answer)["error"]["kind"].clone()), (StatusCode::BAD_REQUEST, "read-only".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_of_a_bounded_size_is_read() {
    let server = Server::ready().await;
    let post = || Request::post("/api/v1/sql").header("host", "localhost");
    assert_eq!(server.ask(post(), "{\"query\": \"SELECT 1\"}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let as_form = post().header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(server.ask(as_form, "query=SELECT+1").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let as_json = || post().header("content-type", "application/json");
    assert_eq!(server.ask(as_json(), "{\"query\": 1}").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.ask(as_json(), "{").await.status, StatusCode::BAD_REQUEST);
    let long = format!("{{\"query\": \"{}\"}}", "x".repeat(super::sql::MAX_BODY_BYTES));
    let answer = server.ask(as_json(), &long).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(json(&answer)["error"]["kind"], "request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_name_or_page_is_refused() {
    let server = Server::ready().await;
    let get = |host: &str| Request::get("/api/v1/cepmon/state").header("host", host);
    for host in ["localhost:9090", "[::1]", "mon.example:9090"] {
        assert_eq!(server.ask(get(host), "").await.status, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "169.254.169.254"] {
        assert_eq!(server.ask(get(host), "").await.status, StatusCode::FORBIDDEN, "{host}");
    }
    assert!(server.ask(get("evil.example"), "").await.text.contains("web.hosts"));
    let foreign = Request::post("/-/reload").header("host", "127.0.0.1").header("origin", "https://evil.example");
    assert_eq!(server.ask(foreign, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_storage_is_open_only_health_metrics_and_the_page_answer() {
    let server = Server::starting().await;
    assert_eq!(server.get("/-/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.sql("*/*", "SELECT 1").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.post("/api/v1/admin/flush").await.status, StatusCode::SERVICE_UNAVAILABLE);
    for path in ["/-/healthy", "/metrics", "/", "/api/v1/cepmon/state"] {
        assert_eq!(server.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(json(&server.get("/api/v1/cepmon/state").await)["is_ready"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_server_shows_its_state_and_metrics() {
    let server = Server::ready().await;
    assert_eq!(server.get("/-/ready").await.status, StatusCode::OK);
    let state = json(&server.get("/api/v1/cepmon/state").await);
    assert_eq!((&state["is_ready"], &state["targets"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(state["storage"]["blocks"], 0);
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let counted = "\ncepmon_http_requests_total{code=\"200\"} 2\n";
    for expected in ["\ncepmon_storage_head_series 0\n", "\ncepmon_targets{health=\"up\"} 0\n", counted, "\nprocess_open_fds "] {
        assert!(metrics.text.contains(expected), "{expected} is missing in\n{}", metrics.text);
    }
    let flushed = server.post("/api/v1/admin/flush").await;
    assert_eq!((flushed.status, json(&flushed)["samples"].clone()), (StatusCode::OK, 0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reload_tells_the_reason() {
    let server = Server::ready().await;
    assert_eq!(server.post("/-/reload").await.status, StatusCode::OK);
    assert_eq!(server.get("/-/reload").await.status, StatusCode::METHOD_NOT_ALLOWED);
    *server.control.refusal.lock().unwrap() = Some("cepmon.yml:3:1: unknown key \"scrape\"".to_owned());
    let answer = server.post("/-/reload").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("cepmon.yml:3:1"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_fenced_in() {
    let server = Server::starting().await;
    for asset in &crate::ui::ASSETS {
        let answer = server.get(asset.path).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, asset.text), "{}", asset.path);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    let lost = server.get("/ui/../secret").await;
    assert_eq!((lost.status, json(&lost)["error"]["kind"].clone()), (StatusCode::NOT_FOUND, "path".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_when_it_is_told_to() {
    let server = Server::starting().await;
    assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
