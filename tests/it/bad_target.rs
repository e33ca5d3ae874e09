//! Targets that are down, slow, endless, garbage, huge, or that use the host's own names. Each gives a failed scrape that says why, and
//! a neighbour that is scraped all the while.

use cepmon_tests::{Answer, Host, PATIENCE, Target, closed_port, wait_until};
use std::time::Duration;

const GOOD: &str = "good_total 1\n";

#[test]
fn a_target_that_misbehaves_gives_a_failed_scrape_that_says_why() {
    let down = closed_port().to_string();
    let good = Target::page(GOOD);
    let misbehaving = [
        ("slow", Target::start(Answer::Slow(Duration::from_secs(5), GOOD.to_owned()))),
        ("silent", Target::start(Answer::Silent)),
        ("refuses", Target::start(Answer::Status(503))),
        ("garbage", Target::start(Answer::Garbage)),
        ("endless", Target::start(Answer::Endless)),
        ("text", Target::page("<html>this is no metrics page</html>\n")),
        ("torn", Target::page("good_total 1\nhalf_a_line{a=\"b")),
        ("twice", Target::page("good_total{a=\"1\",a=\"2\"} 1\n")),
    ];
    let mut config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - {{job_name: good, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: down, static_configs: [{{targets: ['{down}']}}]}}\n",
        good.address()
    );
    for (name, target) in &misbehaving {
        config.push_str(&format!("- {{job_name: {name}, static_configs: [{{targets: ['{}']}}]}}\n", target.address()));
    }
    let host = Host::with_config(&config);
    let jobs = misbehaving.len() as u64 + 2;
    let scraped_often = "SELECT count(*) FROM (SELECT job FROM scrapes GROUP BY job HAVING count(*) >= 3)";
    host.wait_for_count(scraped_often, jobs, PATIENCE);

    let explained = |job: &str, kind: &str, words: &[&str]| {
        let failures = host.sql(&format!("SELECT DISTINCT outcome, samples, error FROM scrapes WHERE job = '{job}'"));
        for failure in failures.lines() {
            assert!(failure.starts_with(&format!("{kind}|0|")), "{job}: {failure}");
            assert!(words.iter().any(|word| failure.contains(word)), "{job}: {failure}");
        }
        let up = host.sql(&format!("SELECT DISTINCT value FROM metrics.up WHERE job = '{job}'"));
        assert_eq!(up.column("value"), ["0"], "{job}");
    };
    explained("down", "guest", &["Connection refused"]);
    explained("slow", "deadline", &["time"]);
    explained("silent", "deadline", &["time"]);
    explained("refuses", "guest", &["503"]);
    explained("garbage", "guest", &["HTTP", "http"]);
    explained("text", "guest", &["line 1"]);
    explained("torn", "guest", &["line 2"]);
    explained("twice", "output", &["the same label twice"]);
    // Whichever comes first: the time of the scrape, or a limit of what is read.
    let endless = host.sql("SELECT DISTINCT outcome FROM scrapes WHERE job = 'endless'").column("outcome");
    assert!(endless.iter().all(|kind| ["deadline", "cpu", "guest", "memory"].contains(&kind.as_str())), "{endless:?}");

    assert_eq!(host.sql("SELECT DISTINCT outcome, error FROM scrapes WHERE job = 'good'").lines(), ["ok|"]);
    let kept = host.sql("SELECT DISTINCT metric FROM samples WHERE metric NOT LIKE 'scrape_%' ORDER BY metric");
    assert_eq!(kept.column("metric"), ["good_total", "up"], "nothing of a failed scrape is stored");

    // The one that was down comes back: the next scrape sees it.
    misbehaving[2].1.answer(Answer::Page(GOOD.to_owned()));
    wait_until("the target to be up again", PATIENCE, || {
        host.sql("SELECT health FROM targets WHERE job = 'refuses'").column("health") == ["up"]
    });
}

#[test]
fn a_million_series_fail_cleanly_and_so_does_a_page_over_its_limits() {
    let (million, long, many, good) =
        (Target::start(Answer::Series(1_000_000)), Target::start(Answer::Endless), Target::start(Answer::Series(500)), Target::page(GOOD));
    let host = Host::with_config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - {{job_name: good, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: million, scrape_interval: 10s, scrape_timeout: 10s, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: long, settings: {{body_size_limit: 100000}}, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: many, sample_limit: 499, static_configs: [{{targets: ['{}']}}]}}\n",
        good.address(),
        million.address(),
        long.address(),
        many.address()
    ));
    let scraped = "SELECT count(*) FROM (SELECT job FROM scrapes GROUP BY job HAVING count(*) >= 2)";
    host.wait_for_count(scraped, 4, PATIENCE);
    let failures = host.sql("SELECT DISTINCT job, outcome, samples, error FROM scrapes WHERE job <> 'good'").lines();
    for failure in &failures {
        // A million series break the limit of samples, or the CPU budget, which covers what the host does with an answer, too: a dev build
        // may spend it first.
        let is_clean = match failure.split('|').next().unwrap() {
            "long" => failure.starts_with("long|guest|0|") && failure.contains("larger than 100000 bytes"),
            "many" => failure == "many|output|0|the target gave more than 499 samples after relabelling; sample_limit is 499",
            _ if failure.starts_with("million|output|0|") => failure.contains("1000000 samples, the limit is 500000"),
            _ => failure == "million|cpu|0|the CPU budget of 1 s is spent",
        };
        assert!(is_clean, "{failures:?}");
    }
    assert_eq!(host.sql("SELECT DISTINCT outcome FROM scrapes WHERE job = 'good'").column("outcome"), ["ok"]);
    assert!(host.own_metric("cepmon_storage_head_series") < 100.0, "none of the million became a series");
    assert!(host.resident_bytes() < 1 << 30, "{} bytes", host.resident_bytes());
}

#[test]
fn a_metric_named_up_and_a_label_named_value_are_the_targets_own() {
    let target = Target::page(
        "up 7\nscrape_duration_seconds 8\ncepmon_build_info 9\n\
         odd{value=\"v\",ts=\"t\",labels=\"l\",job=\"j\",instance=\"i\",Upper=\"U\"} 1\n",
    );
    let host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: odd, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    ));
    host.wait_for_count("SELECT count(*) FROM metrics.odd", 2, PATIENCE);
    let one = |metric: &str| host.sql(&format!("SELECT DISTINCT value FROM metrics.{metric}")).column("value");
    assert_eq!(one("up"), ["1"], "`up` is what the host says");
    assert_eq!(
        (one("exported_up"), one("exported_scrape_duration_seconds"), one("exported_cepmon_build_info")),
        (vec!["7".to_owned()], vec!["8".to_owned()], vec!["9".to_owned()])
    );
    let odd = host.sql(
        "SELECT DISTINCT value, labels['value'], labels['ts'], labels['labels'], job, exported_job, exported_instance, Upper FROM metrics.odd",
    );
    assert_eq!(odd.lines(), ["1|v|t|l|odd|j|i|U"]);
}
