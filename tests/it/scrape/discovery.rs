//! Targets from files, from a web service, from Docker; changes touch the targets that changed and no others.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cepmon_tests::{HostSettings, PATIENCE, Reply, Target, wait_until};

fn instances(host: &cepmon_tests::Host, job: &str) -> Vec<String> {
    host.sql(&format!("SELECT instance FROM targets WHERE job = '{job}' ORDER BY instance")).column("instance")
}

#[test]
fn files_are_watched_and_a_broken_one_changes_nothing() {
    let [first, second] = [Target::page("m 1\n"), Target::page("m 2\n")];
    let list = |targets: &[&Target]| {
        let addresses: Vec<_> = targets.iter().map(|target| format!("\"{}\"", target.address())).collect();
        format!("[{{\"targets\": [{}], \"labels\": {{\"zone\": \"a\"}}}}]", addresses.join(", "))
    };
    let host = HostSettings::new()
        .config("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: files, file_sd_configs: [{files: [sd/*.json]}]}]\n")
        .file("sd/a.json", &list(&[&first]))
        .start();
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE zone = 'a'", 1, PATIENCE);
    let scrapes = host.sql("SELECT scrapes FROM targets WHERE job = 'files'").lines();
    host.write_file("sd/a.json", &list(&[&first, &second]));
    wait_until("the second target", PATIENCE, || instances(&host, "files").len() == 2 && second.requests() > 1);
    // The first one went on: its count of scrapes did not begin anew.
    let now = host.sql(&format!("SELECT scrapes FROM targets WHERE instance = '{}'", first.address())).lines();
    assert!(now[0].parse::<u64>().unwrap() > scrapes[0].parse::<u64>().unwrap(), "{now:?} after {scrapes:?}");

    host.write_file("sd/a.json", "[{\"targets\": \"none\"}]");
    wait_until("the broken file to be told of", PATIENCE, || host.log().contains("it holds no list of targets"));
    assert_eq!(instances(&host, "files").len(), 2);

    host.write_file("sd/a.json", &list(&[&second]));
    wait_until("the first target to go", PATIENCE, || instances(&host, "files") == [second.address()]);
    let requests = first.requests();
    let seen = second.requests();
    wait_until("two more scrapes", PATIENCE, || second.requests() > seen + 1);
    assert_eq!(first.requests(), requests, "a target that is gone is not asked");
}

#[test]
fn a_web_service_gives_targets_and_keeps_them_when_it_fails() {
    let target = Target::page("m 1\n");
    let address = target.address();
    let service = Target::replying(move |head| {
        if !head.contains("Basic YW5uOmh1bnRlcjI=") {
            return Reply::new("text/plain", "who are you?").status(401);
        }
        Reply::new("application/json; charset=utf-8", format!("[{{\"targets\": [\"{address}\"], \"labels\": {{\"__meta_team\": \"x\"}}}}]"))
    });
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: web
  http_sd_configs: [{{url: 'http://{}/list', refresh_interval: 1s, basic_auth: {{username: ann, password: hunter2}}}}]
  relabel_configs: [{{source_labels: [__meta_team], target_label: team}}, {{source_labels: [__meta_url], target_label: found_at}}]
",
        service.address()
    );
    let host = HostSettings::new().config(&config).start();
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE team = 'x' AND found_at LIKE 'http://%/list'", 1, PATIENCE);
    assert!(service.last_head().contains("x-prometheus-refresh-interval-seconds: 1"), "{}", service.last_head());
    let list = format!("[{{\"targets\": [\"{}\"]}}]", target.address());
    service.answer(cepmon_tests::Answer::Reply(Arc::new(move |_| Reply::new("text/html", list.clone()))));
    wait_until("the wrong type to be told of", PATIENCE, || host.log().contains("wanted the content type application/json, got"));
    assert_eq!(instances(&host, "web"), [target.address()]);
    assert!(!host.log().contains("hunter2"));
}

/// A Docker daemon on a Unix socket, as far as its lists go; remembers what it was asked.
fn docker(path: &std::path::Path, containers: String, asked: Arc<Mutex<Vec<String>>>, is_gone: Arc<AtomicBool>) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if is_gone.load(Ordering::Relaxed) {
                return;
            }
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let body = if line.contains("/networks") { "[]".to_owned() } else { containers.clone() };
            asked.lock().unwrap().push(line);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok();
        }
    });
}

#[test]
fn containers_of_docker_are_targets_and_nothing_else_is_asked_of_it() {
    let target = Target::page("m 1\n");
    let port = target.address().rsplit_once(':').unwrap().1.to_owned();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let containers = format!(
        r#"[{{"Id": "c1", "Names": ["/web"], "Labels": {{"team": "x"}}, "HostConfig": {{"NetworkMode": "bridge"}},
            "Ports": [{{"PrivatePort": {port}, "Type": "tcp"}}],
            "NetworkSettings": {{"Networks": {{"bridge": {{"IPAddress": "127.0.0.1", "NetworkID": "n1"}}}}}}}}]"#
    );
    let (asked, is_gone) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    docker(&socket, containers, Arc::clone(&asked), Arc::clone(&is_gone));
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: docker
  docker_sd_configs: [{{host: 'unix://{}', refresh_interval: 1s, filters: [{{name: status, values: [running]}}]}}]
  relabel_configs: [{{source_labels: [__meta_docker_container_name], regex: '/(.*)', target_label: container}}]
",
        socket.display()
    );
    let host = HostSettings::new().config(&config).start();
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE container = 'web'", 1, PATIENCE);
    drop(host);
    is_gone.store(true, Ordering::Relaxed);
    let asked = asked.lock().unwrap();
    let listing = ["GET /containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D HTTP/1.1", "GET /networks HTTP/1.1"];
    assert!(asked.iter().all(|line| listing.contains(&line.as_str())), "{asked:?}");
}

#[test]
fn an_address_of_the_cloud_is_refused_when_a_discovery_gives_it() {
    let host = HostSettings::new()
        .config("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: files, file_sd_configs: [{files: [sd.json]}]}]\n")
        .file("sd.json", "[{\"targets\": [\"169.254.169.254:80\"]}]")
        .start();
    host.wait_for_count("SELECT count(*) FROM scrapes WHERE outcome = 'denied'", 1, PATIENCE);
    let error = host.value("SELECT DISTINCT error FROM scrapes").unwrap();
    assert!(error.contains("169.254.169.254 is a link-local or cloud-metadata address"), "{error}");
}

#[test]
fn dropped_targets_are_not_asked_and_two_that_become_one_are_asked_once() {
    let target = Target::page("m 1\n");
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: a
  static_configs: [{{targets: ['one:1', 'two:1', 'drop:1']}}]
  relabel_configs:
  - {{source_labels: [__address__], regex: 'drop:.*', action: drop}}
  - {{target_label: __address__, replacement: '{}'}}
",
        target.address()
    );
    let host = HostSettings::new().config(&config).start();
    host.wait_for_count("SELECT count(*) FROM metrics.m", 2, PATIENCE);
    assert_eq!(instances(&host, "a"), [target.address()]);
}
