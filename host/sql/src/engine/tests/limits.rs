//! Time, memory, depth, turns, and what no statement may reach.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;

use crate::engine::MAX_CONCURRENT_STATEMENTS;
use crate::fixture::{Fixture, START_MS};
use crate::{Error, QueryOptions, SqlEngine, SqlOptions};

#[tokio::test]
async fn no_file_and_no_address_can_be_read() {
    let host = Fixture::empty();
    for sql in [
        "SELECT * FROM '/etc/passwd.parquet'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM 'https://example.org/x.parquet'",
    ] {
        let error = host.failure(sql).await;
        assert!(matches!(error, Error::Plan { .. } | Error::Syntax { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn functions_that_make_gigabytes_of_one_row_are_not_there() {
    let host = Fixture::empty();
    for sql in ["SELECT repeat('x', 2000000000)", "SELECT lpad('x', 2000000000)", "SELECT rpad('x', 2000000000)"] {
        assert!(matches!(host.failure(sql).await, Error::Plan { .. }), "{sql}");
    }
}

#[tokio::test]
async fn a_row_limit_truncates_and_says_so() {
    let host = Fixture::host();
    let options = QueryOptions { max_rows: Some(5), ..QueryOptions::default() };
    let result = host.engine.query_with("SELECT ts FROM samples", options.clone()).await.unwrap();
    assert_eq!((result.row_count(), result.truncated), (5, true));
    let result = host.engine.query_with("SELECT ts FROM samples LIMIT 5", options).await.unwrap();
    assert_eq!((result.row_count(), result.truncated), (5, false));
}

#[tokio::test]
async fn a_statement_without_end_is_stopped_in_time() {
    let host = Fixture::with_limits(64 << 20, Duration::from_millis(200));
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000) AS a";
    assert!(matches!(host.failure(endless).await, Error::Timeout { .. }));
    let recursive = "WITH RECURSIVE n AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    assert!(matches!(host.failure(recursive).await, Error::Timeout { .. }));
    let product = "SELECT count(*) FROM generate_series(1, 1000000) AS a CROSS JOIN generate_series(1, 1000000) AS b";
    assert!(matches!(host.failure(product).await, Error::Timeout { .. }));
    assert_eq!(host.query("SELECT 1").await.row_count(), 1);
}

#[tokio::test]
async fn a_join_holds_the_smaller_side_in_memory_whichever_way_it_is_written() {
    // Samples, half of them in a block, are several times what a statement may hold.
    let host = Fixture::with_limits(4 << 20, Duration::from_secs(60));
    for series in ["a", "b", "c", "d"] {
        let labels = [("__name__", "m"), ("job", series)];
        host.append(&labels, (0..100_000).map(|second| (START_MS + second * 1000, f64::from(second as u32))));
        if series == "b" {
            host.storage.flush().unwrap();
        }
    }
    for join in ["samples JOIN series", "series JOIN samples"] {
        let counted = format!(
            "SELECT series.labels['job'] AS job, count(*) AS n, max(samples.value) AS most FROM {join} USING (series_id) GROUP BY 1 ORDER BY 1"
        );
        let answer = host.query(&counted).await;
        assert_eq!(answer.row_count(), 4, "{join}");
    }
}

#[tokio::test]
async fn a_dropped_query_gives_its_turn_back() {
    let host = Fixture::empty();
    for _ in 0..2 {
        let endless = || host.engine.query("SELECT count(*) FROM generate_series(1, 1000000000000) AS a");
        let all_turns = futures::future::join_all((0..MAX_CONCURRENT_STATEMENTS).map(|_| endless()));
        assert!(tokio::time::timeout(Duration::from_millis(100), all_turns).await.is_err());
    }
    assert_eq!(host.query("SELECT 1").await.row_count(), 1);
}

#[tokio::test]
async fn the_longest_allowed_statements_are_planned_without_exhausting_the_stack() {
    let host = Fixture::empty();
    let check = async |sql: String, rows: usize| assert_eq!(host.query(&sql).await.row_count(), rows);
    check(format!("SELECT {}1", "1+".repeat(499)), 1).await;
    check(format!("SELECT name FROM plugins WHERE {}guests > 0", "guests <> 7 AND ".repeat(249)), 2).await;
    check(format!("SELECT name FROM plugins WHERE {}guests < 0", "guests = 7 OR ".repeat(249)), 0).await;
    check(format!("SELECT {}'x'", "name || ".repeat(499)) + " FROM plugins", 2).await;
    check(format!("{}SELECT 1", "SELECT 1 UNION ALL ".repeat(499)), 500).await;
}

#[tokio::test]
async fn memory_is_bounded_by_an_error() {
    let host = Fixture::with_limits(8 << 20, Duration::from_secs(60));
    let answer = host.failure("SELECT * FROM generate_series(1, 100000000)").await;
    assert!(matches!(answer, Error::Memory { limit_bytes: 8_388_608, .. }), "{answer:?}");
    let groups = host.failure("SELECT array_agg(value) FROM generate_series(1, 100000000)").await;
    assert!(matches!(groups, Error::Memory { .. }), "{groups:?}");
    assert_eq!(host.query("SELECT 1").await.row_count(), 1);
}

#[tokio::test]
async fn a_sort_over_the_memory_limit_spills_and_cleans_up() {
    let host = Fixture::with_limits(32 << 20, Duration::from_secs(300));
    let sql = "SELECT value FROM generate_series(1, 3000000) ORDER BY value % 1000, value DESC OFFSET 2999998";
    expect![[r#"
        value
        -----
         1999
          999
        (2 rows)
    "#]]
    .assert_eq(&host.answer(sql).await);
    let measured = host.answer(&format!("EXPLAIN ANALYZE {sql}")).await;
    assert!(measured.contains("spill_count=") && !measured.contains("spill_count=0"), "{measured}");
    let left: Vec<_> =
        std::fs::read_dir(host.spill_dir()).unwrap().flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_a_killed_process_left_in_the_spill_directory_is_removed() {
    let host = Fixture::empty();
    let spill_dir = host.spill_dir().join("other");
    std::fs::create_dir_all(spill_dir.join("datafusion-old")).unwrap();
    std::fs::create_dir_all(spill_dir.join("mine")).unwrap();
    let engine = SqlEngine::new(Arc::clone(&host.storage), Vec::new(), None, SqlOptions::new(&spill_dir)).unwrap();
    assert!(!spill_dir.join("datafusion-old").try_exists().unwrap());
    assert!(spill_dir.join("mine").try_exists().unwrap());
    drop(engine);
}

/// Without these points the caller is still answered in time, by the engine's grace; the statement would go on computing.
#[tokio::test]
async fn joins_have_points_at_which_they_can_be_stopped() {
    let host = Fixture::empty();
    for (join, operator) in [
        ("plugins AS a CROSS JOIN plugins AS b", "CrossJoinExec"),
        ("plugins AS a JOIN plugins AS b ON a.guests < b.guests + a.guests % 2", "NestedLoopJoinExec"),
        ("plugins AS a JOIN plugins AS b ON a.name = b.name", "HashJoinExec"),
    ] {
        let plan = host.answer(&format!("EXPLAIN FORMAT INDENT SELECT count(*) FROM {join}")).await;
        let physical = plan.split("physical_plan").nth(1).unwrap();
        let (before, _) = physical.split_once(operator).unwrap_or_else(|| panic!("no {operator}: {plan}"));
        // The table escapes line ends.
        assert!(before.replace("\\n", " ").trim_end().ends_with("CooperativeExec"), "{plan}");
    }
}
