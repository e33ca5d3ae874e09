//! Rule groups in virtual time: states, series, stale marks, batches, and what a rule file must not say.

use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{LabelSet, TimestampMs, is_stale};
use serde_json::json;

use crate::rule::{AlertSink, AlertState, CheckOptions, Context, GroupConfig, RuleFile, RuleGroup, RuleHealth, Scheduler, check_rule_file};
use crate::testing::{Answers, Memory, VirtualClock};

const SECOND: TimestampMs = 1_000;

struct World {
    memory: Arc<Memory>,
    answers: Arc<Answers>,
    context: Context,
}

impl World {
    fn new() -> Self {
        let (memory, answers) = (Arc::new(Memory::default()), Arc::new(Answers::default()));
        let context = Context {
            evaluate: Arc::<Answers>::clone(&answers),
            record: Arc::<Memory>::clone(&memory),
            clock: VirtualClock::at(0),
            external_labels: LabelSet::default(),
            external_url: "http://cepmon".to_owned(),
            resend_delay: Duration::from_secs(60),
            outage_tolerance: Duration::from_secs(3600),
            grace_period: Duration::from_secs(600),
        };
        Self { memory, answers, context }
    }

    /// Samples of the batches since the last call, one text a batch.
    fn batches(&self) -> Vec<String> {
        let batches = std::mem::take(&mut *self.memory.batches.lock().unwrap());
        let value = |value: f64| if is_stale(value) { "stale".to_owned() } else { value.to_string() };
        let mut texts = Vec::new();
        for mut batch in batches {
            batch.sort_by(|a, b| a.0.cmp(&b.0));
            let samples: Vec<String> = batch.iter().map(|(labels, at, sample)| format!("{labels} {} @{at}", value(*sample))).collect();
            texts.push(samples.join("; "));
        }
        texts
    }
}

fn groups(rules: serde_json::Value) -> Result<Vec<GroupConfig>, Vec<String>> {
    let file: RuleFile = serde_json::from_value(rules).map_err(|error| vec![error.to_string()])?;
    let options =
        CheckOptions { file: "r.yml".to_owned(), default_interval: Duration::from_secs(15), default_query_offset: Duration::ZERO };
    check_rule_file(&file, &options, &Answers::default()).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn group(rules: serde_json::Value) -> RuleGroup {
    RuleGroup::new(groups(json!({"groups": [{"name": "g", "rules": rules}]})).unwrap().remove(0))
}

#[test]
fn recorded_series_end_with_a_stale_mark() {
    let world = World::new();
    let mut group = group(json!([{"record": "job:up:sum", "expr": "sum by (job) (up)", "labels": {"env": "test"}}]));
    world.answers.set("sum by (job) (up)", &[(&[("job", "a")], 1.0), (&[("job", "b")], 2.0)]);
    group.evaluate(15 * SECOND, &world.context);
    assert_eq!(world.batches(), [r#"job:up:sum{env="test", job="a"} 1 @15000; job:up:sum{env="test", job="b"} 2 @15000"#]);
    world.answers.set("sum by (job) (up)", &[(&[("job", "b")], 3.0)]);
    group.evaluate(30 * SECOND, &world.context);
    assert_eq!(world.batches(), [r#"job:up:sum{env="test", job="a"} stale @30000; job:up:sum{env="test", job="b"} 3 @30000"#]);
}

#[test]
fn alerts_are_series_too() {
    let world = World::new();
    let mut group = group(json!([{"alert": "Down", "expr": "up == 0", "for": "15s"}]));
    world.answers.set("up == 0", &[(&[("__name__", "up"), ("job", "a")], 0.0)]);
    group.evaluate(15 * SECOND, &world.context);
    assert_eq!(
        world.batches(),
        [r#"ALERTS{alertname="Down", alertstate="pending", job="a"} 1 @15000; ALERTS_FOR_STATE{alertname="Down", job="a"} 15 @15000"#]
    );
    group.evaluate(30 * SECOND, &world.context);
    assert_eq!(
        world.batches(),
        [[
            r#"ALERTS{alertname="Down", alertstate="firing", job="a"} 1 @30000"#,
            r#"ALERTS{alertname="Down", alertstate="pending", job="a"} stale @30000"#,
            r#"ALERTS_FOR_STATE{alertname="Down", job="a"} 15 @30000"#,
        ]
        .join("; ")]
    );
}

#[test]
fn a_group_is_one_batch_unless_a_later_rule_reads_an_earlier_one() {
    let world = World::new();
    world.answers.set("1", &[(&[], 1.0)]);
    world.answers.set("a:one * 2", &[(&[], 2.0)]);
    let mut apart = group(json!([{"record": "a:one", "expr": "1"}, {"record": "b:one", "expr": "1"}]));
    apart.evaluate(0, &world.context);
    assert_eq!(world.batches().len(), 1);
    let mut chained = group(json!([{"record": "a:one", "expr": "1"}, {"record": "b:two", "expr": "a:one * 2"}]));
    chained.evaluate(0, &world.context);
    assert_eq!(world.batches(), ["a:one 1 @0", "b:two 2 @0"]);
}

#[test]
fn keep_firing_for_bridges_gaps() {
    let world = World::new();
    let mut group = group(json!([{"alert": "Flaps", "expr": "x", "keep_firing_for": "1m"}]));
    let state = |group: &RuleGroup| group.status().rules[0].state();
    world.answers.set("x", &[(&[], 1.0)]);
    group.evaluate(0, &world.context);
    assert_eq!(state(&group), AlertState::Firing, "without `for` it fires at once");
    world.answers.set("x", &[]);
    group.evaluate(15 * SECOND, &world.context);
    group.evaluate(60 * SECOND, &world.context);
    assert_eq!(state(&group), AlertState::Firing);
    group.evaluate(75 * SECOND, &world.context);
    assert_eq!(state(&group), AlertState::Inactive);
}

#[test]
fn firing_alerts_are_reported_again_and_resolved_ones_for_fifteen_minutes() {
    let world = World::new();
    let mut group = group(json!([{"alert": "A", "expr": "x"}]));
    world.answers.set("x", &[(&[], 1.0)]);
    let sent: Vec<TimestampMs> =
        (0..10).map(|step| step * 15 * SECOND).filter(|at| !group.evaluate(*at, &world.context).is_empty()).collect();
    assert_eq!(sent, [0, 75_000], "a resend delay of one minute, on a beat of 15 s");
    world.answers.set("x", &[]);
    let mut reports = 0;
    for step in 10..100 {
        let alerts = group.evaluate(step * 15 * SECOND, &world.context);
        assert!(alerts.iter().all(|alert| alert.ends_at == 150_000), "the end does not move");
        reports += alerts.len();
    }
    assert_eq!(reports, 13, "at once, then every 75 s for 15 minutes");
}

#[test]
fn a_rule_that_fails_keeps_its_alerts_and_says_why() {
    let world = World::new();
    let mut group = group(json!([{"alert": "A", "expr": "x"}, {"record": "r", "expr": "1"}]));
    world.answers.set("x", &[(&[], 1.0)]);
    world.answers.set("1", &[(&[], 1.0)]);
    group.evaluate(0, &world.context);
    world.batches();
    world.answers.fail("x", "too many samples");
    group.evaluate(15 * SECOND, &world.context);
    let status = group.status();
    assert_eq!(status.rules[0].health, RuleHealth::Err);
    assert_eq!(status.rules[0].last_error, "cannot evaluate rule \"A\": too many samples");
    assert_eq!((status.rules[0].state(), status.rules[1].health), (AlertState::Firing, RuleHealth::Ok));
    assert_eq!(world.batches(), ["r 1 @15000"], "the other rules go on");
}

#[test]
fn results_beyond_the_limit_or_alike_are_an_error() {
    let world = World::new();
    let rules = json!([{"record": "r", "expr": "x", "labels": {"host": ""}}]);
    let limited = json!({"groups": [{"name": "g", "limit": 1, "rules": [{"alert": "A", "expr": "x"}]}]});
    let mut limited = RuleGroup::new(groups(limited).unwrap().remove(0));
    world.answers.set("x", &[(&[("host", "a")], 1.0), (&[("host", "b")], 1.0)]);
    limited.evaluate(0, &world.context);
    let error = limited.status().rules[0].last_error.clone();
    assert!(error.starts_with("cannot keep 2 results of rule \"A\": the limit of its group is 1"), "{error}");
    let mut alike = group(rules);
    alike.evaluate(0, &world.context);
    let error = alike.status().rules[0].last_error.clone();
    assert!(error.starts_with("cannot tell two results of rule \"r\" apart: both are r; "), "{error}");
}

#[test]
fn a_pending_alert_does_not_count_an_outage() {
    let world = World::new();
    let rules = || group(json!([{"alert": "A", "expr": "x", "for": "5m"}]));
    world.answers.set("x", &[(&[], 1.0)]);
    let mut before = rules();
    before.evaluate(0, &world.context);
    before.evaluate(120 * SECOND, &world.context);
    let mut after = rules();
    after.evaluate(600 * SECOND, &world.context);
    let status = after.status();
    assert_eq!(
        (status.rules[0].alerts[0].active_at, status.rules[0].state()),
        (480 * SECOND, AlertState::Pending),
        "two of five minutes are over"
    );
    after.evaluate(780 * SECOND, &world.context);
    assert_eq!(after.status().rules[0].state(), AlertState::Firing);
    let mut long_after = rules();
    long_after.evaluate(10_000 * SECOND, &world.context);
    assert_eq!(long_after.status().rules[0].alerts[0].active_at, 10_000 * SECOND, "after an hour it starts anew");
}

#[test]
fn a_reload_keeps_what_did_not_change() {
    let world = World::new();
    world.answers.set("x", &[(&[], 1.0)]);
    let mut group = group(json!([{"alert": "A", "expr": "x"}, {"record": "gone", "expr": "x"}]));
    group.evaluate(0, &world.context);
    let next = groups(json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "x > 0"}]}]})).unwrap().remove(0);
    let (group, gone) = group.replaced_by(next);
    assert_eq!(group.status().rules[0].state(), AlertState::Firing);
    assert_eq!(gone.iter().map(ToString::to_string).collect::<Vec<_>>(), ["gone"]);
}

#[test]
fn a_removed_group_leaves_stale_marks_and_no_memory() {
    #[derive(Debug)]
    struct Nobody;
    impl AlertSink for Nobody {
        fn put_alerts(&self, _: Vec<crate::Alert>) {}
    }
    let world = World::new();
    world.answers.set("x", &[(&[], 1.0)]);
    let config = || groups(json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "x"}]}]})).unwrap();
    group(json!([{"alert": "A", "expr": "x"}, {"alert": "Old", "expr": "x"}])).evaluate(0, &world.context);
    let keys = || -> Vec<String> { world.memory.state.lock().unwrap().keys().map(|(_, key)| key.clone()).collect() };
    assert_eq!(keys().len(), 3, "two alerts and the time of the evaluation");
    let scheduler = Scheduler::new(world.context.clone(), Arc::new(Nobody));
    scheduler.apply(config());
    assert_eq!(keys().len(), 2, "the alert of the rule that is gone is forgotten");
    world.batches();
    let mut restored = RuleGroup::new(config().remove(0));
    restored.evaluate(15 * SECOND, &world.context);
    assert_eq!(world.batches(), [r#"ALERTS{alertname="A", alertstate="firing"} 1 @15000; ALERTS_FOR_STATE{alertname="A"} 0 @15000"#]);
    let (_, gone) = restored.replaced_by(GroupConfig { rules: Vec::new(), ..config().remove(0) });
    assert_eq!(gone.len(), 2);
    scheduler.apply(Vec::new());
    assert!(keys().is_empty());
}

#[test]
fn mistakes_in_a_rule_file_are_all_reported_with_their_places() {
    let rules = json!({"groups": [
        {"name": "a", "interval": "1x", "rules": [
            {"record": "r", "alert": "A", "expr": "1"},
            {"expr": "1"},
            {"alert": "A"},
            {"alert": "A", "expr": "syntax error"},
            {"record": "bad-name", "expr": "1", "for": "1m"},
            {"alert": "A", "expr": "1", "annotations": {"summary": "{{ $labels.a * 2 }}"}, "labels": {"__name__": "x"}},
        ]},
        {"name": "a", "rules": []},
    ]});
    let problems = groups(rules).unwrap_err();
    let want = [
        "groups[0].interval: cannot read the duration \"1x\"",
        "groups[0].rules[0]: only one of 'record' and 'alert' must be set",
        "groups[0].rules[1]: one of 'record' or 'alert' must be set",
        "groups[0].rules[2]: field 'expr' must be set in rule",
        "groups[0].rules[3].expr: could not parse expression: unexpected \"error\"",
        "groups[0].rules[4].for: invalid field 'for' in recording rule",
        "groups[0].rules[4].record: invalid recording rule name: bad-name",
        "groups[0].rules[5].labels.__name__: invalid label name: __name__",
        "groups[0].rules[5].annotations.summary: annotation \"summary\": template: __alert_A:1: unexpected '*'",
        "groups[1]: groupname: \"a\" is repeated in the same file",
    ];
    assert_eq!(problems.len(), want.len(), "{problems:#?}");
    for want in want {
        assert!(problems.iter().any(|problem| problem.starts_with(want)), "no {want:?} in {problems:#?}");
    }
    assert!(groups(json!({"groups": [{"name": "a", "rules": [{"alert": "A", "expr": "1", "annotation": {}}]}]})).is_err(), "unknown key");
}
