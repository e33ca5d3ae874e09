//! What passes the gate and what does not.
use super::check;
use crate::Error;

fn failure(sql: &str) -> String {
    check(sql).unwrap_err().to_string()
}

#[test]
fn reading_statements_pass() {
    for sql in [
        "SELECT 1",
        "select * from metrics.up;",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a UNION ALL SELECT 2",
        "SELECT * FROM (VALUES (1), (2)) AS t(x)",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SHOW TABLES",
        "SHOW COLUMNS FROM samples",
        "SHOW ALL",
        "DESCRIBE metrics.up",
        "SELECT metric FROM samples WHERE labels['job'] ~ 'no.e' AND ts > now() - interval '5 minutes'",
    ] {
        assert!(check(sql).is_ok(), "{sql}: {:?}", check(sql));
    }
}

#[test]
fn whatever_writes_or_changes_something_is_refused() {
    let refuse = |sql: &str, want: &str| match check(sql).unwrap_err() {
        Error::ReadOnly { statement } => assert_eq!(statement, want, "{sql}"),
        other => panic!("{sql}: {other}"),
    };
    refuse("CREATE TABLE t (x int)", "CREATE TABLE");
    refuse("CREATE TABLE t AS SELECT 1", "CREATE TABLE");
    refuse("CREATE VIEW v AS SELECT 1", "CREATE VIEW");
    refuse("CREATE SCHEMA s", "CREATE SCHEMA");
    refuse("CREATE DATABASE d", "CREATE DATABASE");
    refuse("CREATE FUNCTION f() RETURNS int RETURN 1", "CREATE FUNCTION");
    refuse("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "CREATE EXTERNAL TABLE");
    refuse("COPY (SELECT 1) TO '/tmp/x.csv'", "COPY");
    refuse("COPY samples TO 'x.parquet' STORED AS PARQUET", "COPY");
    refuse("INSERT INTO samples VALUES (1)", "INSERT INTO");
    refuse("UPDATE samples SET value = 1", "UPDATE");
    refuse("DELETE FROM samples", "DELETE FROM");
    refuse("TRUNCATE TABLE samples", "TRUNCATE TABLE");
    refuse("DROP TABLE samples", "DROP TABLE");
    refuse("ALTER TABLE samples ADD COLUMN x int", "ALTER TABLE");
    refuse("SET datafusion.execution.batch_size = 1", "SET");
    refuse("RESET datafusion.execution.batch_size", "RESET");
    refuse("PREPARE p AS SELECT 1", "PREPARE");
    refuse("EXECUTE p", "EXECUTE");
    refuse("BEGIN", "BEGIN");
    refuse("SELECT 1 INTO t", "SELECT INTO");
    refuse("SELECT * FROM samples FOR UPDATE", "SELECT with a lock");
}

#[test]
fn writing_is_found_wherever_it_hides() {
    for sql in [
        "EXPLAIN INSERT INTO samples VALUES (1)",
        "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
        "EXPLAIN COPY (SELECT 1) TO '/tmp/x.csv'",
        "WITH a AS (INSERT INTO samples VALUES (1) RETURNING x) SELECT * FROM a",
        "WITH a AS (DELETE FROM samples RETURNING x) SELECT * FROM a",
        "SELECT * FROM (SELECT 1 INTO t) AS x",
        "SELECT (SELECT 1 INTO t)",
    ] {
        let error = check(sql).unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. } | Error::Syntax { .. }), "{sql}: {error}");
    }
}

#[test]
fn a_mistake_is_named_with_its_place() {
    assert_eq!(failure("SELEC 1"), "cannot parse SQL: line 1, column 1: expected: an SQL statement, found: SELEC");
    assert_eq!(failure("SELECT 1\nFROM up up up"), "cannot parse SQL: line 2, column 12: expected: end of statement, found: up");
    assert_eq!(failure("SELECT 'open"), "cannot parse SQL: line 1, column 8: unterminated string literal");
    assert_eq!(failure(" ; "), "cannot parse SQL: the statement is empty");
    assert_eq!(failure("SELECT 1; SELECT 2"), "cannot parse SQL: more than one statement; send them one by one");
}

#[test]
fn statements_that_would_exhaust_the_stack_are_refused() {
    let sum = format!("SELECT {}1", "1+".repeat(100_000));
    assert_eq!(failure(&sum), "cannot plan SQL of 100000 operators: at most 500 are allowed; split the statement");
    let nested = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(matches!(check(&nested), Err(Error::Syntax { .. })));
    let long = format!("SELECT '{}'", "x".repeat(1 << 20));
    assert!(matches!(check(&long), Err(Error::TooLong { unit: "bytes", .. })));
}
