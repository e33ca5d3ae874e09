//! Every capability through a real guest: granted, used, counted, taken back.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use cepmon_tests::{Host, HostSettings, PATIENCE, guest};

/// Sends back what it gets, over TCP and UDP on one port.
fn start_echo() -> u16 {
    let (listener, socket) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // The other protocol's port of that number may be taken.
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            break (listener, socket);
        }
    };
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok((mut stream, _)) = listener.accept() {
            let Ok(length) = stream.read(&mut bytes) else { continue };
            stream.write_all(&bytes[..length]).ok();
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            socket.send_to(&bytes[..length], from).ok();
        }
    });
    port
}

/// Answers every request on a Unix socket with `fine`.
fn start_service(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
                head.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine").ok();
        }
    });
}

fn ok(host: &Host, since: &str) -> Vec<String> {
    host.sql(&format!("SELECT capability, min(value) FROM metrics.reach_ok WHERE ts > '{since}' GROUP BY capability ORDER BY capability"))
        .lines()
}

#[test]
fn every_capability_works_where_it_is_granted_and_only_there() {
    let settings = HostSettings::new().environment("REACH_TOKEN", "s3cret");
    let socket = settings.folder().join("service.sock");
    start_service(&socket);
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         plugins: {{secrets: {{reach-token: {{value: '${{REACH_TOKEN}}'}}, other: {{value: x}}}}}}\n\
         scrape_configs: [{{job_name: reach, plugin: reach, settings: {{socket: '{}'}}, \
         static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        socket.display(),
        start_echo()
    );
    let component = guest("reach");
    let request = format!("unix-http:{}:GET /info", socket.display());
    for arguments in
        [&["plugin", "install", component.to_str().unwrap(), "--accept-capabilities"][..], &["plugin", "grant", "reach", &request]]
    {
        let done = settings.run(arguments);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let mut host = settings.config(&config).start();
    host.wait_for_count("SELECT count(*) FROM metrics.reach_calls_total", 2, PATIENCE);
    assert_eq!(ok(&host, "1970-01-01"), ["dns|1", "icmp|1", "secrets|1", "tcp|1", "udp|1", "unix-http|1"], "{}", host.log());

    // What a plugin keeps is there after a crash.
    let calls = || host.value("SELECT max(value) FROM metrics.reach_calls_total").unwrap().parse::<f64>().unwrap();
    let before = calls();
    host.kill();
    host.start_again();
    let later = format!("SELECT count(*) FROM metrics.reach_calls_total WHERE value > {before}");
    host.wait_for_count(&later, 1, PATIENCE);
    let repeated = "SELECT count(*) - count(DISTINCT value) FROM metrics.reach_calls_total";
    assert_eq!(host.value(repeated).unwrap(), "0", "the count went on where it was");

    // One word less: the guest is told, the operator sees which command gives it back.
    let revoked = host.run(&["plugin", "revoke", "reach", &request]);
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    let since = host.value("SELECT max(ts) FROM metrics.reach_calls_total").unwrap();
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    host.wait_for_count(&format!("SELECT count(*) FROM metrics.reach_ok WHERE value = 0 AND ts > '{since}'"), 1, PATIENCE);
    let denied = host.sql("SELECT DISTINCT capability FROM metrics.reach_ok WHERE value = 0");
    assert_eq!(denied.column("capability"), ["unix-http"]);
    assert!(host.log().contains(&format!("run: cepmon plugin grant reach '{request}'")), "{}", host.log());
}

#[test]
fn a_recorded_call_is_replayed_without_any_of_what_it_reached() {
    let settings = HostSettings::new();
    let socket = settings.folder().join("service.sock");
    start_service(&socket);
    // What stands for a secret in a recording is not the secret, so the plugin has to get on with any.
    std::fs::write(settings.folder().join("token"), "another").unwrap();
    std::fs::copy(guest("reach"), settings.folder().join("reach.wasm")).unwrap();
    let (target, socket) = (format!("127.0.0.1:{}", start_echo()), socket.display());
    let (request, options) = (format!("unix-http:{socket}:GET /info"), format!("{{\"socket\": \"{socket}\"}}"));
    let arguments = ["--grant", &request, "--accept-capabilities", "--secret", "reach-token=token", "--record", "fixtures/all.json"];
    let run = [&["plugin", "run", "reach.wasm", "--target", &target, "--settings", &options], arguments.as_slice()].concat();
    let recorded = settings.run(&run);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    for (capability, works) in [("dns", 1), ("icmp", 1), ("secrets", 0), ("tcp", 1), ("udp", 1), ("unix-http", 1)] {
        let line = format!("reach_ok{{capability=\"{capability}\"}} {works}");
        assert!(recorded.stdout.lines().any(|found| found == line), "{line}: {}", recorded.stdout);
    }
    let fixture = std::fs::read_to_string(settings.folder().join("fixtures/all.json")).unwrap();
    assert!(!fixture.contains("another"), "a secret in a recording: {fixture}");

    // No service is there for this one, and nothing is granted.
    std::fs::remove_file(settings.folder().join("service.sock")).unwrap();
    let replayed = settings.run(&["plugin", "test", "reach.wasm"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
    std::fs::write(settings.folder().join("fixtures/all.json"), fixture.replace("fine", "else")).unwrap();
    let differs = settings.run(&["plugin", "test", "reach.wasm"]);
    assert_eq!(differs.code, Some(1), "{}", differs.stdout);
}

#[test]
fn audit_names_grants_that_were_never_used_and_wider_than_their_use() {
    let settings = HostSettings::new()
        .config("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: reader, plugin: ungranted}]\n");
    let component = guest("ungranted");
    for arguments in [
        &["plugin", "install", component.to_str().unwrap(), "--accept-capabilities"][..],
        &["plugin", "grant", "ungranted", "files:/etc/**", "files:/proc/stat"],
    ] {
        let done = settings.run(arguments);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let host = settings.start();
    host.wait_for_count("SELECT count(*) FROM metrics.ungranted_bytes", 2, PATIENCE);
    let uses = host.sql("SELECT capability, object, uses >= 2 FROM plugin_uses WHERE plugin = 'ungranted'");
    assert_eq!(uses.lines(), ["files|/etc/hostname|true"]);
    let audit = host.run(&["plugin", "audit", "--url", &format!("http://{}", host.address())]);
    assert_eq!(audit.code, Some(0), "{}", audit.stderr);
    let want = "since the server started\nungranted\n  \
                wider than its use: files:/etc/**; enough would be files:/etc/hostname\n  \
                never used: files:/proc/stat; to take it back: cepmon plugin revoke ungranted 'files:/proc/stat'\n";
    assert_eq!(audit.stdout, want);
}

#[test]
fn limits_of_one_plugin_are_the_operators() {
    let settings = HostSettings::new().plugin(&guest("sample"));
    let config = |limits: &str| {
        format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nplugins: {{limits: {{sample: {limits}}}}}\n\
             scrape_configs: [{{job_name: sample, plugin: sample, settings: {{samples: 100}}}}]\n"
        )
    };
    let host = settings.config(&config("{samples: 99}")).start();
    host.wait_for_count("SELECT count(*) FROM scrapes WHERE outcome = 'output'", 2, PATIENCE);
    assert_eq!(host.value("SELECT max(error) FROM scrapes").unwrap(), "the plugin's answer is invalid: 100 samples, the limit is 99");

    // A reload changes them; a budget of series keeps the first ones and says so.
    host.write_file("cepmon.yml", &config("{series: 40}"));
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    host.wait_for_count("SELECT dropped_samples FROM plugins WHERE name = 'sample'", 60, PATIENCE);
    assert_eq!(host.sql("SELECT series, failures_by_kind LIKE 'output=%' FROM plugins WHERE name = 'sample'").lines(), ["40|true"]);
    assert_eq!(host.value("SELECT max(value) FROM metrics.scrape_samples_post_metric_relabeling WHERE value > 0").unwrap(), "40");
    assert!(host.log().contains("plugin \"sample\" is over its budget of series"), "{}", host.log());

    host.write_file("cepmon.yml", &config("{memory: 64KB}"));
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    host.wait_for_count("SELECT count(*) FROM scrapes WHERE outcome = 'memory' OR outcome = 'load'", 1, PATIENCE);
    host.write_file("cepmon.yml", &config("{memory: 4GB}"));
    let refused = host.post("/-/reload", "", b"");
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("the guests of one plugin together have 256 MiB"), "{}", refused.text());
}
