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
    check("mode = 'idle'", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode="idle"]"#]]).await;
    check("'idle' = mode", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode="idle"]"#]]).await;
    check("mode <> 'idle'", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode!="idle", mode!=""]"#]]).await;
    check("mode IN ('a.b', 'c')", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode=~"a\\.b|c"]"#]]).await;
    check("mode IN ('a', 'b', 'c', 'd', 'e')", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode=~"a|b|c|d|e"]"#]]).await;
    check(
        "mode NOT IN ('a', 'b', 'c', 'd', 'e')",
        expect![[r#"StorageScan: samples, matchers=[__name__="m", mode!~"a|b|c|d|e", mode!=""]"#]],
    )
    .await;
    check("mode IS NULL AND cpu IS NOT NULL", expect![[r#"StorageScan: samples, matchers=[__name__="m", mode="", cpu!=""]"#]]).await;
    check("labels['value'] = 'x'", expect![[r#"StorageScan: samples, matchers=[__name__="m", value="x"]"#]]).await;
}

#[tokio::test]
async fn patterns_are_matchers_and_are_checked_again() {
    check(
        "mode LIKE 'id%'",
        expect![[r#"
        FilterExec: mode@1 LIKE id%, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m", mode=~"(?s)id.*", mode!=""]"#]],
    )
    .await;
    check(
        "mode LIKE 'a\\_b_'",
        expect![[r#"
        FilterExec: mode@1 LIKE a\_b_, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m", mode=~"(?s)a_b.", mode!=""]"#]],
    )
    .await;
    check(
        "mode ILIKE '%x'",
        expect![[r#"
        FilterExec: mode@1 ILIKE %x, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m", mode=~"(?is).*x", mode!=""]"#]],
    )
    .await;
    check(
        "mode ~ '^a|b$'",
        expect![[r#"
        FilterExec: mode@1 LIKE a% OR mode@1 LIKE %b, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "mode !~ 'a'",
        expect![[r#"
            FilterExec: mode@1 NOT LIKE %a%, projection=[ts@0]
            StorageScan: samples, matchers=[__name__="m", mode!~"(?s).*a.*", mode!=""]"#]],
    )
    .await;
    check(
        "mode ~* 'A'",
        expect![[r#"
        FilterExec: mode@1 ILIKE %A%, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m", mode=~"(?is).*A.*", mode!=""]"#]],
    )
    .await;
}

#[tokio::test]
async fn times_are_a_range_of_milliseconds() {
    check(
        "ts >= '2026-01-01T00:00:00Z' AND ts < '2026-01-01T00:01:00Z'",
        expect![[r#"StorageScan: samples, matchers=[__name__="m"], from=1767225600000, until=1767225659999"#]],
    )
    .await;
    check("ts > '2026-01-01T00:00:00.0005Z'", expect![[r#"StorageScan: samples, matchers=[__name__="m"], from=1767225600001"#]]).await;
    check(
        "ts BETWEEN timestamp '2026-01-01' AND timestamp '2026-01-02'",
        expect![[r#"StorageScan: samples, matchers=[__name__="m"], from=1767225600000, until=1767312000000"#]],
    )
    .await;
    check(
        "ts = to_timestamp_millis(1767225600000)",
        expect![[r#"StorageScan: samples, matchers=[__name__="m"], from=1767225600000, until=1767225600000"#]],
    )
    .await;
    check("ts >= date '2026-01-01'", expect![[r#"StorageScan: samples, matchers=[__name__="m"], from=1767225600000"#]]).await;
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
    check(
        "labels['__name__'] = 'm'",
        expect![[r#"
        FilterExec: __datafusion_extracted_1@0 = m, projection=[ts@1]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "value > 1",
        expect![[r#"
        FilterExec: value@1 > 1, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "mode = ''",
        expect![[r#"
        FilterExec: mode@1 = , projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "mode = 'a' OR cpu = 'b'",
        expect![[r#"
        FilterExec: mode@2 = a OR cpu@1 = b, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "upper(mode) = 'A'",
        expect![[r#"
        FilterExec: upper(mode@1) = A, projection=[ts@0]
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "date_trunc('hour', ts) = '2026-01-01T00:00:00Z'",
        expect![[r#"
        FilterExec: date_trunc(hour, ts@0) = 1767225600000
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
    check(
        "ts::date = date '2026-01-01'",
        expect![[r#"
        FilterExec: CAST(ts@0 AS Date32) = 2026-01-01
        StorageScan: samples, matchers=[__name__="m"]"#]],
    )
    .await;
}

#[tokio::test]
async fn limits_and_the_tables_of_all_metrics_are_handed_down_too() {
    let host = Fixture::empty();
    let check = async |sql: &str, want: Expect| want.assert_eq(&host.scans(sql).await);
    check(
        "SELECT ts FROM metrics.m WHERE mode = 'x' LIMIT 3",
        expect![[r#"StorageScan: samples, matchers=[__name__="m", mode="x"], limit=3"#]],
    )
    .await;
    check(
        "SELECT value FROM samples WHERE metric = 'up' AND labels['job'] = 'node'",
        expect![[r#"StorageScan: samples, matchers=[__name__="up", job="node"]"#]],
    )
    .await;
    check("SELECT labels FROM series WHERE metric IN ('up', 'down')", expect![[r#"StorageScan: series, matchers=[__name__=~"up|down"]"#]])
        .await;
    check(
        "SELECT line FROM logs WHERE labels['job'] = 'node' AND ts >= '2026-01-01'",
        expect![[r#"StorageScan: logs, matchers=[job="node"], from=1767225600000"#]],
    )
    .await;
    check("SELECT * FROM scrapes WHERE ts >= '2026-01-01'", expect!["StorageScan: scrapes, matchers=[], from=1767225600000"]).await;
}
