//! What of a filter reaches storage, seen in the plan.
use expect_test::{Expect, expect};

use crate::fixture::Fixture;

/// Filters as they reach the scan through the whole planner, and what DataFusion checks again.
async fn check(filter: &str, want: Expect) {
    let host = Fixture::empty();
    want.assert_eq(&host.scans(&format!("SELECT ts FROM metrics.m WHERE {filter}")).await);
}

#[tokio::test]
async fn equality_and_lists_are_matchers() {
    check("mode = 'idle'", expect![[r#""#]]).await;
    check("'idle' = mode", expect![[r#""#]]).await;
    check("mode <> 'idle'", expect![[r#""#]]).await;
    check("mode IN ('a.b', 'c')", expect![[r#""#]]).await;
    check("mode IN ('a', 'b', 'c', 'd', 'e')", expect![[r#""#]]).await;
    check("mode NOT IN ('a', 'b', 'c', 'd', 'e')", expect![[r#""#]]).await;
    check("mode IS NULL AND cpu IS NOT NULL", expect![[r#""#]]).await;
    check("labels['value'] = 'x'", expect![[r#""#]]).await;
}

#[tokio::test]
async fn patterns_are_matchers_and_are_checked_again() {
    check("mode LIKE 'id%'", expect![[r#""#]]).await;
    check("mode LIKE 'a\\_b_'", expect![[r#""#]]).await;
    check("mode ILIKE '%x'", expect![[r#""#]]).await;
    check("mode ~ '^a|b$'", expect![[r#""#]]).await;
    check("mode !~ 'a'", expect![[r#""#]]).await;
    check("mode ~* 'A'", expect![[r#""#]]).await;
}

#[tokio::test]
async fn times_are_a_range_of_milliseconds() {
    check("ts >= '2026-01-01T00:00:00Z' AND ts < '2026-01-01T00:01:00Z'", expect![[r#""#]]).await;
    check("ts > '2026-01-01T00:00:00.0005Z'", expect![[r#""#]]).await;
    check("ts BETWEEN timestamp '2026-01-01' AND timestamp '2026-01-02'", expect![[r#""#]]).await;
    check("ts = to_timestamp_millis(1767225600000)", expect![[r#""#]]).await;
    check("ts >= date '2026-01-01'", expect![[r#""#]]).await;
}

#[tokio::test]
async fn now_is_a_constant_of_the_statement() {
    let host = Fixture::empty();
    let scans = host.scans("SELECT ts FROM metrics.m WHERE ts > now() - interval '5 minutes' AND ts <= now()").await;
    let number = |name: &str| -> i64 {
        let digits = scans.split(name).nth(1).unwrap();
        digits.split(|character: char| !character.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert_eq!(number("until=") - number("from="), 5 * 60_000 - 1, "{scans}");
    assert!(!scans.contains("FilterExec"), "{scans}");
}

#[tokio::test]
async fn what_storage_cannot_say_stays_with_datafusion() {
    check("value > 1", expect![[r#""#]]).await;
    check("mode = ''", expect![[r#""#]]).await;
    check("mode = 'a' OR cpu = 'b'", expect![[r#""#]]).await;
    check("upper(mode) = 'A'", expect![[r#""#]]).await;
    check("date_trunc('hour', ts) = '2026-01-01T00:00:00Z'", expect![[r#""#]]).await;
    check("ts::date = date '2026-01-01'", expect![[r#""#]]).await;
}

#[tokio::test]
async fn limits_and_the_tables_of_all_metrics_are_handed_down_too() {
    let host = Fixture::empty();
    let check = async |sql: &str, want: Expect| want.assert_eq(&host.scans(sql).await);
    check("SELECT ts FROM metrics.m WHERE mode = 'x' LIMIT 3", expect![[r#""#]]).await;
    check("SELECT value FROM samples WHERE metric = 'up' AND labels['job'] = 'node'", expect![[r#""#]]).await;
    check("SELECT labels FROM series WHERE metric IN ('up', 'down')", expect![[r#""#]]).await;
    check("SELECT line FROM logs WHERE labels['job'] = 'node' AND ts >= '2026-01-01'", expect![[r#""#]]).await;
    check("SELECT * FROM scrapes WHERE ts >= '2026-01-01'", expect![[r#""#]]).await;
}
