//! The table function `promql`, over somebody who answers every expression with twice the time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use expect_test::expect;

use super::check;
use crate::fixture::{ABANDONED, Fixture};

#[tokio::test]
async fn an_answer_of_promql_is_a_table_with_labels() {
    let fixture = Fixture::empty();
    check(
        &fixture,
        "SELECT ts, value, host, labels['value'] AS v FROM promql('x', '2026-01-01T00:00:00Z', 1767225630, '15s') WHERE value > 1",
        expect![[r#"
            ts                        value  host  v
            ------------------------  -----  ----  -
            2026-01-01T00:00:15.000Z     30  a     x
            2026-01-01T00:00:30.000Z     60  a     x
            (2 rows)
        "#]],
    )
    .await;
    check(
        &fixture,
        "SELECT count(*) AS n, max(ts) - min(ts) = INTERVAL '6 hours' AS six FROM promql('x', '6h', 'now', '1m')",
        expect![[r#"
              n  six
            ---  ----
            361  true
            (1 row)
        "#]],
    )
    .await;
    check(
        &fixture,
        "SELECT p.value + q.value AS sum FROM promql('x', TIMESTAMP '2026-01-01 00:00:15') p JOIN promql('y', 1767225615) q USING (ts, host)",
        expect![[r#"
            sum
            ---
             60
            (1 row)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_call_that_makes_no_sense_says_what_would() {
    let fixture = Fixture::empty();
    for (call, want) in [
        ("promql('nonsense')", "cannot plan SQL: not PromQL"),
        ("promql()", "an expression, or with it a time, or with it start, end and step"),
        ("promql(1)", "the first argument of promql is an expression in quotes"),
        ("promql('x', 'soon')", "promql cannot read the time"),
        ("promql('x', '1h', 'now', '0s')", "promql cannot read the step"),
    ] {
        let problem = fixture.failure(&format!("SELECT * FROM {call}")).await;
        assert!(problem.to_string().contains(want) && problem.is_user_error(), "{call}: {problem}");
    }
}

#[tokio::test]
async fn an_answer_over_the_memory_limit_is_refused() {
    let fixture = Fixture::with_limits(1 << 20, Duration::from_secs(60));
    let problem = fixture.failure("SELECT count(*) FROM promql('x', 0, 'now', '1s')").await;
    assert!(matches!(problem, crate::Error::Memory { .. }), "{problem}");
}

#[tokio::test]
async fn who_answers_learns_that_the_statement_has_ended() {
    let fixture = Fixture::with_limits(64 << 20, Duration::from_millis(50));
    let problem = fixture.failure("SELECT * FROM promql('endless')").await;
    assert!(matches!(problem, crate::Error::Timeout { .. }), "{problem}");
    for _ in 0..5_000 {
        if ABANDONED.load(Ordering::Relaxed) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the question was not given up");
}
