//! Log files to rows: lines are followed over rotation, truncation and restarts, each is stored once, its fields are there, and a line
//! that nobody can parse is not lost.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cepmon_tests::{Host, HostSettings, PATIENCE, wait_until};

/// Appends to a log file, as nginx does.
struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self { path: path.to_owned(), file }
    }

    /// Lines in the combined format; each has its number in its path.
    fn requests(&mut self, numbers: Range<u32>) {
        for number in numbers {
            let status = if number % 10 == 0 { 503 } else { 200 };
            writeln!(
                self.file,
                "203.0.113.{} - - [22/Nov/2026:10:00:{:02} +0000] \"GET /item/{number} HTTP/1.1\" {status} {} \"-\" \"curl/8.5\"",
                number % 200,
                number % 60,
                1000 + number
            )
            .unwrap();
        }
    }

    /// Renames the file and goes on in a new one, as logrotate has nginx do.
    fn rotate(&mut self) {
        fs::rename(&self.path, self.path.with_extension("log.1")).unwrap();
        *self = Self::open(&self.path);
    }
}

const ALL: &str = "SELECT count(*) FROM logs WHERE labels['job'] = 'nginx'";
const DIFFERENT: &str = "SELECT count(DISTINCT fields['path']) FROM logs WHERE labels['job'] = 'nginx'";

fn wait_for_lines(host: &Host, count: u64) {
    wait_until(&format!("line {count}"), PATIENCE, || host.count(DIFFERENT) >= count);
    assert_eq!((host.count(ALL), host.count(DIFFERENT)), (count, count), "every line exactly once");
}

fn nginx() -> (HostSettings, Writer) {
    let settings = HostSettings::new();
    let path = settings.folder().join("access.log");
    let config = format!("logs: {{sources: [{{job_name: nginx, paths: ['{}'], plugin: nginx-log}}]}}\n", path.display());
    (settings.config(&config), Writer::open(&path))
}

#[test]
fn every_line_is_stored_once_over_rotation_truncation_and_a_restart() {
    let (settings, mut log) = nginx();
    log.requests(0..100);
    let mut host = settings.start();
    wait_for_lines(&host, 100);

    log.requests(100..200);
    wait_for_lines(&host, 200);

    // Rotated while cepmon reads: what was written last into the old file comes too.
    log.requests(200..250);
    log.rotate();
    log.requests(250..300);
    wait_for_lines(&host, 300);

    // Truncated in place, as with logrotate's copytruncate.
    log.file.set_len(0).unwrap();
    log.requests(300..310);
    wait_for_lines(&host, 310);

    // Rotated while cepmon is away.
    assert!(host.stop().success());
    log.requests(310..350);
    log.rotate();
    log.requests(350..400);
    host.start_again();
    wait_for_lines(&host, 400);

    // In Parquet it is the same.
    host.flush();
    wait_for_lines(&host, 400);
    assert_eq!(host.own_metric("cepmon_unparsed_log_lines_total"), 0.0);
}

#[test]
fn a_file_is_the_same_under_every_name_that_a_glob_finds() {
    let settings = HostSettings::new();
    let path = settings.folder().join("access.log");
    let config = format!("logs: {{sources: [{{job_name: nginx, paths: ['{}*'], plugin: nginx-log}}]}}\n", path.display());
    let mut log = Writer::open(&path);
    log.requests(0..100);
    let mut host = settings.config(&config).start();
    wait_for_lines(&host, 100);

    // nginx writes into the renamed file until it is told to open a new one.
    fs::rename(&path, path.with_extension("log.1")).unwrap();
    File::create(&path).unwrap();
    log.requests(100..150);
    wait_for_lines(&host, 150);
    log = Writer::open(&path);
    log.requests(150..200);
    wait_for_lines(&host, 200);

    // A second round: each file moves one name further, one of them while cepmon is away.
    assert!(host.stop().success());
    log.requests(200..210);
    fs::rename(path.with_extension("log.1"), path.with_extension("log.2")).unwrap();
    log.rotate();
    log.requests(210..250);
    host.start_again();
    wait_for_lines(&host, 250);
    let names = host.sql("SELECT DISTINCT labels['filename'] AS name FROM logs");
    assert_eq!(names.column("name"), [path.to_str().unwrap()], "a line keeps the name under which its file was found");

    // Looked for again several times since, and still every line once.
    std::thread::sleep(std::time::Duration::from_secs(6));
    wait_for_lines(&host, 250);
}

#[test]
fn kill_9_loses_no_line_and_doubles_none() {
    let (settings, mut log) = nginx();
    let mut host = settings.start();
    for round in 0..5 {
        log.requests(round * 500..(round + 1) * 500);
        let seen = u64::from(round * 500);
        wait_until("some of the lines", PATIENCE, || host.count(DIFFERENT) > seen);
        host.kill();
        host.start_again();
    }
    wait_until("all lines", PATIENCE, || host.count(DIFFERENT) == 2_500);
    assert_eq!(host.count(ALL), 2_500, "a line and how far its file was read are one write");
}

#[test]
fn fields_and_severity_come_from_the_parser_and_can_be_asked_for() {
    let (settings, mut log) = nginx();
    log.requests(0..100);
    writeln!(log.file, "this is no access log").unwrap();
    let host = settings.start();
    wait_until("all lines", PATIENCE, || host.count(ALL) == 101);
    let one = host.sql(
        "SELECT ts, level, fields['remote_addr'], fields['method'], fields['status'], fields['body_bytes_sent'], fields['user_agent'], line \
         FROM logs WHERE fields['path'] = '/item/40'",
    );
    let line = "203.0.113.40 - - [22/Nov/2026:10:00:40 +0000] \"GET /item/40 HTTP/1.1\" 503 1040 \"-\" \"curl/8.5\"";
    let time = one.column("ts").remove(0);
    assert!(time.starts_with("2026-11-22T10:00:40"), "the time is the line's own: {time}");
    assert_eq!(one.lines(), [format!("{time}|error|203.0.113.40|GET|503|1040|curl/8.5|{line}")]);
    let by_status =
        host.sql("SELECT fields['status'] AS status, count(*) AS n FROM logs WHERE fields['status'] IS NOT NULL GROUP BY 1 ORDER BY 1");
    assert_eq!(by_status.lines(), ["200|90", "503|10"]);
    let streams = host.sql("SELECT DISTINCT labels['job'], labels['filename'] FROM logs");
    assert_eq!(streams.lines(), [format!("nginx|{}", log.path.display())]);
    let foreign = host.sql("SELECT line FROM logs WHERE fields['path'] IS NULL");
    assert_eq!(foreign.column("line"), ["this is no access log"], "a line that is no access log is a row as well");
}

#[test]
fn lines_of_a_source_without_a_parser_are_stored_as_they_are() {
    let settings = HostSettings::new();
    let pattern = settings.folder().join("app-*.log");
    let config = format!("logs: {{sources: [{{job_name: raw, paths: ['{}'], labels: {{tier: back}}}}]}}\n", pattern.display());
    let host = settings.file("app-1.log", "first\nsecond \\ \"third\"\n\n").file("app-2.log", "other\nunfinished").config(&config).start();
    wait_until("three lines", PATIENCE, || host.count("SELECT count(*) FROM logs") >= 3);
    let lines = host.sql("SELECT line, level, labels['job'], labels['tier'] FROM logs ORDER BY line");
    assert_eq!(lines.lines(), ["first||raw|back", "other||raw|back", "second \\ \"third\"||raw|back"]);
    // A file that comes later is found; a line counts when it is complete.
    host.write_file("app-3.log", "late\n");
    host.write_file("app-2.log", "other\nunfinished business\n");
    wait_until("two more lines", PATIENCE, || host.count("SELECT count(*) FROM logs") >= 5);
    let lines = host.sql("SELECT line FROM logs WHERE labels['filename'] NOT LIKE '%app-1.log' ORDER BY line");
    assert_eq!(lines.column("line"), ["late", "other", "unfinished business"]);
}
