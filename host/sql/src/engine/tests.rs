//! Statements over a real storage, half flushed and half in the head. What keeps them within bounds is in `limits`.

mod limits;
mod promql;

use expect_test::{Expect, expect};

use crate::fixture::{Fixture, Line, START_MS};
use crate::{Parameter, QueryOptions, format};

async fn check(fixture: &Fixture, sql: &str, want: Expect) {
    want.assert_eq(&fixture.answer(sql).await);
}

#[tokio::test]
async fn values_take_their_places_and_are_never_sql() {
    let host = Fixture::host();
    let ask = async |sql: &str, parameters: &[Parameter]| {
        let options = QueryOptions { parameters: parameters.to_vec(), ..QueryOptions::default() };
        host.engine
            .query_with(sql, options)
            .await
            .map(|result| format::csv(&result).replace("\r\n", "\n"))
            .map_err(|error| error.to_string())
    };
    let text = |text: &str| Parameter::Text(text.to_owned());
    let by_place = "SELECT count(*) AS n FROM metrics.node_cpu_seconds_total WHERE mode = $1 AND ts >= $2 AND value >= $3";
    let by_text = "SELECT count(*) AS n FROM metrics.node_cpu_seconds_total \
                   WHERE mode = 'idle' AND ts >= '2026-01-01T00:00:15Z' AND value >= 10.5";
    let values = [text("idle"), text("2026-01-01T00:00:15Z"), Parameter::Float(10.5)];
    let answer = ask(by_place, &values).await.unwrap();
    assert_eq!(answer, ask(by_text, &[]).await.unwrap());
    assert_ne!(answer, "n\n0\n");
    let hostile = ask("SELECT count(*) AS n FROM metrics.up WHERE job = $1", &[text("' OR '1' = '1")]).await.unwrap();
    assert_eq!(hostile, "n\n0\n");
    assert_eq!(
        ask("SELECT $1 IS NULL AS a, $2 AS b, $3 AS c", &[Parameter::Null, Parameter::Bool(true), Parameter::Int(7)]).await.unwrap(),
        "a,b,c\ntrue,true,7\n"
    );
    let missing = ask(by_place, &values[..2]).await.unwrap_err();
    assert_eq!(missing, "cannot plan SQL: the place $3 has no value; values are for $1, $2 and so on, in their order");
    let left_over = ask("SELECT $1 AS a", &values[..2]).await.unwrap_err();
    assert_eq!(left_over, "cannot plan SQL: there are 2 values for parameters, but the statement has no place $2");
    assert!(ask("SELECT $name AS a", &values[..1]).await.is_err());
}

#[tokio::test]
async fn one_label_of_the_map_is_read_without_making_maps() {
    let host = Fixture::host();
    let by_mode =
        |label: &str, from: &str| format!("SELECT {label}['mode'] AS m, count(*) AS n, sum(value) AS v FROM {from} GROUP BY 1 ORDER BY 1");
    let of_map = host.answer(&by_mode("labels", "samples")).await;
    let of_series = host.answer(&by_mode("series.labels", "samples JOIN series USING (series_id)")).await;
    assert_eq!(of_map, of_series, "a label of each row, null where a series lacks it");
    assert!(of_map.contains("idle") && of_map.lines().count() > 4, "{of_map}");
    let plan = host.answer(&format!("EXPLAIN {}", by_mode("labels", "samples"))).await;
    let physical = plan.split("physical_plan").nth(1).unwrap();
    assert!(physical.contains("StorageScan") && !physical.contains("get_field"), "{physical}");
    // The name is no label of the map, whatever else a statement takes beside it.
    assert_eq!(
        host.answer(
            "SELECT count(labels['__name__']) AS names, count(labels['job']) AS jobs, count(DISTINCT metric) > 1 AS m FROM samples"
        )
        .await,
        host.answer("SELECT 0 AS names, count(*) AS jobs, true AS m FROM samples WHERE labels['job'] IS NOT NULL").await
    );
}

#[tokio::test]
async fn a_metric_is_a_table_with_its_labels_as_columns() {
    let host = Fixture::host();
    check(
        &host,
        "SELECT mode, avg(value) FROM metrics.node_cpu_seconds_total GROUP BY mode ORDER BY mode",
        expect![[r#"
        mode  avg(metrics.node_cpu_seconds_total.value)
        ----  -----------------------------------------
        idle                                       31.5
        user                                       10.5
        (2 rows)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT * FROM metrics.node_cpu_seconds_total WHERE cpu = '0' ORDER BY mode, ts LIMIT 3",
        expect![[r#"
        ts                        value  labels                                  cpu  job   mode
        ------------------------  -----  --------------------------------------  ---  ----  ----
        2026-01-01T00:00:00.000Z      0  {"cpu":"0","job":"node","mode":"idle"}  0    node  idle
        2026-01-01T00:00:15.000Z     10  {"cpu":"0","job":"node","mode":"idle"}  0    node  idle
        2026-01-01T00:00:30.000Z     20  {"cpu":"0","job":"node","mode":"idle"}  0    node  idle
        (3 rows)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT count(*) FROM metrics.node_cpu_seconds_total",
        expect![[r#"
        count(*)
        --------
              32
        (1 row)
    "#]],
    )
    .await;
    check(
        &host,
        "DESCRIBE metrics.node_cpu_seconds_total",
        expect![[r#"
        column_name  data_type                                                                           is_nullable
        -----------  ----------------------------------------------------------------------------------  -----------
        ts           Timestamp(ms)                                                                       NO
        value        Float64                                                                             NO
        labels       Map("entries": non-null Struct("key": non-null Utf8, "value": Utf8View), unsorted)  NO
        cpu          Utf8View                                                                            YES
        job          Utf8View                                                                            YES
        mode         Utf8View                                                                            YES
        (6 rows)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn names_are_not_folded_and_keywords_are_names_too() {
    let host = Fixture::host();
    check(
        &host,
        "SELECT value FROM metrics.node_memory_MemTotal_bytes",
        expect![[r#"
             value
        ----------
        8000000000
        (1 row)
    "#]],
    )
    .await;
    check(
        &host,
        "select value from metrics.select",
        expect![[r#"
        value
        -----
          1.5
        (1 row)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT COUNT(*) AS n, Max(value) AS \"most\" FROM metrics.\"select\"",
        expect![[r#"
        n  most
        -  ----
        1   1.5
        (1 row)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_label_called_value_is_reached_through_the_map_and_stale_marks_are_no_rows() {
    let host = Fixture::host();
    check(
        &host,
        "SELECT ts, value, job, labels['value'] AS said FROM metrics.up",
        expect![[r#"
        ts                        value  job   said
        ------------------------  -----  ----  ----
        2026-01-01T00:00:00.000Z      1  node  yes
        (1 row)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT count(*) FROM metrics.up WHERE labels['value'] = 'yes'",
        expect![[r#"
        count(*)
        --------
               1
        (1 row)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn samples_and_series_hold_all_metrics() {
    let host = Fixture::host();
    check(
        &host,
        "SELECT metric, count(*) AS n, min(ts), max(ts) FROM samples GROUP BY metric ORDER BY metric",
        expect![[r#"
        metric                       n  min(samples.ts)           max(samples.ts)
        --------------------------  --  ------------------------  ------------------------
        node_cpu_seconds_total      32  2026-01-01T00:00:00.000Z  2026-01-01T00:01:45.000Z
        node_memory_MemTotal_bytes   1  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.000Z
        odd                          2  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.001Z
        select                       1  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.000Z
        up                           1  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.000Z
        (5 rows)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT metric, labels, type, unit, help, first_ts, last_ts FROM series ORDER BY metric, labels['cpu'], labels['mode']",
        expect![[r#"
            metric                      labels                                  type     unit     help       first_ts                  last_ts
            --------------------------  --------------------------------------  -------  -------  ---------  ------------------------  ------------------------
            node_cpu_seconds_total      {"cpu":"0","job":"node","mode":"idle"}  counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:01:45.000Z
            node_cpu_seconds_total      {"cpu":"0","job":"node","mode":"user"}  counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:01:45.000Z
            node_cpu_seconds_total      {"cpu":"1","job":"node","mode":"idle"}  counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:01:45.000Z
            node_cpu_seconds_total      {"cpu":"1","job":"node","mode":"user"}  counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:01:45.000Z
            node_memory_MemTotal_bytes  {"job":"node"}                          counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.000Z
            odd                         {"kind":"nan"}                          counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.001Z
            select                      {"job":"words"}                         counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:00:00.000Z
            up                          {"job":"node","value":"yes"}            counter  seconds  for tests  2026-01-01T00:00:00.000Z  2026-01-01T00:00:15.000Z
            (8 rows)
        "#]],
    )
    .await;
    check(
        &host,
        "SELECT count(*) AS n FROM samples JOIN series USING (series_id) WHERE series.metric = 'node_cpu_seconds_total'",
        expect![[r#"
             n
            --
            32
            (1 row)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn logs_are_a_table_with_fields_and_labels() {
    let host = Fixture::empty();
    let access = [
        Line { level: "info", line: "GET / 200", fields: &[("status", "200"), ("path", "/")] },
        Line { level: "error", line: "GET /x 500", fields: &[("status", "500"), ("path", "/x")] },
        Line { level: "", line: "no fields", fields: &[] },
    ];
    host.append_lines(&[("job", "nginx"), ("file", "access.log")], &access);
    host.append_lines(&[("job", "app")], &[Line { level: "warn", line: "slow", fields: &[] }]);
    let all = "SELECT ts, labels['job'] AS job, level, line, fields['status'] AS status FROM logs ORDER BY ts, job";
    let in_head = host.answer(all).await;
    expect![[r#"
        ts                              job    level  line        status
        ------------------------------  -----  -----  ----------  ------
        2026-01-01T00:00:00.000000000Z  app    warn   slow
        2026-01-01T00:00:00.000000000Z  nginx  info   GET / 200   200
        2026-01-01T00:00:01.000000000Z  nginx  error  GET /x 500  500
        2026-01-01T00:00:02.000000000Z  nginx         no fields
        (4 rows)
    "#]]
    .assert_eq(&in_head);
    let some = "SELECT count(*) AS n FROM logs WHERE labels['job'] = 'nginx' AND line LIKE '%500%'";
    assert_eq!(format::csv(&host.query(some).await), "n\r\n1\r\n");
    host.storage.flush().unwrap();
    assert_eq!(host.answer(all).await, in_head);
    assert_eq!(format::csv(&host.query(some).await), "n\r\n1\r\n");
    check(
        &host,
        "SELECT status, count(*) FROM logs WHERE status IS NOT NULL GROUP BY status ORDER BY status",
        expect![[r#"
        status  count(*)
        ------  --------
        200            1
        500            1
        (2 rows)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn typed_and_live_tables_are_there() {
    let host = Fixture::empty();
    host.append_scrapes(&[START_MS, START_MS + 1000, START_MS + 2000]);
    check(
        &host,
        "SELECT ts FROM scrapes WHERE ts > '2026-01-01T00:00:00Z' ORDER BY ts",
        expect![[r#"
            ts
            ------------------------
            2026-01-01T00:00:01.000Z
            2026-01-01T00:00:02.000Z
            (2 rows)
        "#]],
    )
    .await;
    check(
        &host,
        "SELECT name, guests * 2 AS twice FROM plugins ORDER BY name",
        expect![[r#"
        name        twice
        ----------  -----
        node            2
        prometheus      6
        (2 rows)
    "#]],
    )
    .await;
    check(
        &host,
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema <> 'information_schema' ORDER BY 1, 2",
        expect![[r#"
            table_schema  table_name
            ------------  -------------
            public        alerts
            public        audit
            public        exemplars
            public        histograms
            public        logs
            public        notifications
            public        plugins
            public        probes
            public        samples
            public        scrapes
            public        series
            (11 rows)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn unknown_names_give_near_ones_and_a_place() {
    let host = Fixture::host();
    let check = async |sql: &str, want: Expect| want.assert_eq(&host.failure(sql).await.to_string());
    check("SELECT * FROM metrics.node_cpu_secnds_total", expect![[r#"cannot plan SQL: line 1, column 15: unknown table "metrics.node_cpu_secnds_total"; did you mean metrics.node_cpu_seconds_total?"#]]).await;
    check("SELECT 1,\n  * FROM up", expect![[r#"cannot plan SQL: line 2, column 10: unknown table "up"; did you mean metrics.up?"#]]).await;
    check("SELECT * FROM sample", expect![[r#"cannot plan SQL: line 1, column 15: unknown table "sample"; did you mean samples?"#]]).await;
    check("SELECT * FROM nothing_like_it", expect![[r#"cannot plan SQL: line 1, column 15: unknown table "nothing_like_it"; there are: alerts, audit, exemplars, histograms, logs, notifications, plugins, probes, samples, scrapes, series, and metrics.<name> for each metric"#]]).await;
    check(
        "SELECT mod FROM metrics.node_cpu_seconds_total",
        expect![[r#"cannot plan SQL: line 1, column 8: unknown column "mod"; did you mean mode?"#]],
    )
    .await;
    check(
        "SELECT zzz FROM metrics.up",
        expect![[r#"cannot plan SQL: line 1, column 8: unknown column "zzz"; there are: ts, value, labels, job"#]],
    )
    .await;
    check(
        "SELECT avrage(value) FROM metrics.up",
        expect![[r#"cannot plan SQL: line 1, column 8: unknown function "avrage"; did you mean avg?"#]],
    )
    .await;
    check("SELECT value + labels FROM metrics.up", expect![[r#"cannot plan SQL: line 1, column 8: cannot coerce arithmetic expression Float64 + Map("entries": non-null Struct("key": non-null Utf8, "value": Utf8View), unsorted) to valid types"#]]).await;
    check("SELECT job FROM metrics.up GROUP BY value", expect![[r#"cannot plan SQL: line 1, column 8: column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column "metrics.up.job" must appear in the GROUP BY clause or must be part of an aggregate function, currently only "metrics.up.value" appears in the SELECT clause satisfies this requirement"#]]).await;
    check(
        "SELECT job FROM metrics.up AS a JOIN metrics.select AS b ON a.ts = b.ts",
        expect![[r#"cannot plan SQL: line 1, column 8: column "job" is in more than one table; write table.job"#]],
    )
    .await;
    check("SELECT 1 / 0", expect!["cannot compute the answer: divide by zero error"]).await;
    check("SELECT CAST('x' AS int)", expect!["cannot compute the answer: cast error: Cannot cast string 'x' to value of Int32 type"]).await;
}

#[tokio::test]
async fn mathematics_is_there() {
    let host = Fixture::empty();
    check(
        &host,
        "SELECT round(2.345, 2) AS a, abs(-3) AS b, floor(2.7) AS c, power(2, 10) AS d, sqrt(2) AS e, isnan('NaN'::double) AS f",
        expect![[r#"
               a  b  c     d                   e  f
            ----  -  -  ----  ------------------  ----
            2.35  3  2  1024  1.4142135623730951  true
            (1 row)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn in_rules_an_unseen_metric_is_an_empty_table() {
    let host = Fixture::host();
    let options = QueryOptions { unseen_is_empty: true, ..QueryOptions::default() };
    let sql = "SELECT instance, avg(value) AS v FROM metrics.not_yet WHERE mode = 'idle' GROUP BY instance";
    let result = host.engine.query_with(sql, options.clone()).await.unwrap();
    assert_eq!(result.row_count(), 0);
    assert_eq!(result.warnings, ["table \"metrics.not_yet\" is unseen and taken as empty"]);
    let seen = host.engine.query_with("SELECT value FROM metrics.up", options).await.unwrap();
    assert!(seen.warnings.is_empty());
}

#[tokio::test]
async fn a_statement_sees_one_moment() {
    let host = Fixture::host();
    let sql = "SELECT (SELECT count(*) FROM samples) - (SELECT count(*) FROM samples) AS difference";
    assert_eq!(format::csv(&host.query(sql).await), "difference\r\n0\r\n");
}
