//! From a rule to a mail, in virtual time: only the mail server on loopback is real.

use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{Clock, LabelSet, TimestampMs};
use serde_json::json;

use super::notifier::send;
use super::{Notifier, NotifierOptions};
use crate::config::AlertmanagerFile;
use crate::rule::{AlertSink, AlertState, CheckOptions, Context, RuleFile, RuleGroup, Scheduler, check_rule_file};
use crate::testing::{Answers, MailServer, Memory, VirtualClock};
use crate::{Alert, AttemptStatus};

const MINUTE: TimestampMs = 60_000;
const START: TimestampMs = 1_700_000_000_000;

/// A rule, a route and a mail server, with everything that they leave behind.
struct World {
    clock: Arc<VirtualClock>,
    memory: Arc<Memory>,
    answers: Arc<Answers>,
    server: MailServer,
    notifier: Arc<Notifier>,
    group: RuleGroup,
    context: Context,
}

fn alertmanager(address: &str) -> serde_json::Value {
    json!({
        "global": {"smtp_smarthost": address, "smtp_from": "cepmon <alerts@example.org>", "smtp_require_tls": false},
        "route": {"receiver": "platform", "group_by": ["alertname"], "group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"},
        "receivers": [{"name": "platform", "email_configs": [{
            "to": "ops@example.org, Night <night@example.org>",
            "send_resolved": true,
            "headers": {"subject": "[CEP] {{ .GroupLabels.alertname }} is {{ .Status }}"},
        }]}],
    })
}

fn rules() -> serde_json::Value {
    json!({"groups": [{"name": "web", "interval": "15s", "rules": [{
        "alert": "ServiceDown",
        "expr": "up == 0",
        "for": "1m",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.instance }} of {{ $labels.job }} is <down> at {{ $value }}"},
    }]}]})
}

impl World {
    async fn new(change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let server = MailServer::start().await;
        let clock = VirtualClock::at(START);
        let memory = Arc::new(Memory::default());
        let answers = Arc::new(Answers::default());
        let mut file = alertmanager(&server.address);
        change(&mut file);
        let config = serde_json::from_value::<AlertmanagerFile>(file).unwrap().check(&[]).unwrap();
        let options = NotifierOptions { external_url: "http://cepmon:9090".to_owned(), max_alerts: 100 };
        let notifier = Notifier::new(config, options, Arc::<VirtualClock>::clone(&clock), Arc::<Memory>::clone(&memory)).unwrap();
        let context = context(&clock, &memory, &answers);
        Self { group: group(&answers), clock, memory, answers, server, notifier, context }
    }

    /// Evaluates every 15 s up to a time, and tells receivers whatever is due on the way.
    async fn run_until(&mut self, end: TimestampMs) {
        while self.clock.now() < end {
            self.clock.set(self.clock.now() + 15_000);
            let alerts = self.group.evaluate(self.clock.now(), &self.context);
            self.notifier.put_alerts(alerts);
            self.settle().await;
        }
    }

    async fn settle(&self) {
        loop {
            let (attempts, _) = self.notifier.take_due(usize::MAX);
            if attempts.is_empty() {
                return;
            }
            for attempt in attempts {
                let (attempt, result) = send(attempt).await;
                self.notifier.finish(&attempt, &result);
            }
        }
    }

    fn mails(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.server.mails.try_recv().ok()).collect()
    }

    fn down(&self, instances: &[&str]) {
        let samples: Vec<Vec<(&str, &str)>> =
            instances.iter().map(|instance| vec![("__name__", "up"), ("job", "node"), ("instance", *instance)]).collect();
        let samples: Vec<(&[(&str, &str)], f64)> = samples.iter().map(|labels| (labels.as_slice(), 0.0)).collect();
        self.answers.set("up == 0", &samples);
    }

    fn attempts(&self) -> Vec<(TimestampMs, AttemptStatus, u32, usize)> {
        let attempts = self.memory.attempts.lock().unwrap();
        attempts.iter().map(|attempt| (attempt.ts - START, attempt.status, attempt.attempt, attempt.alerts)).collect()
    }
}

fn context(clock: &Arc<VirtualClock>, memory: &Arc<Memory>, answers: &Arc<Answers>) -> Context {
    Context {
        evaluate: Arc::<Answers>::clone(answers),
        record: Arc::<Memory>::clone(memory),
        clock: Arc::<VirtualClock>::clone(clock),
        external_labels: LabelSet::from_pairs([("site", "vps")]),
        external_url: "http://cepmon:9090".to_owned(),
        resend_delay: Duration::from_secs(60),
        outage_tolerance: Duration::from_secs(3600),
        grace_period: Duration::from_secs(600),
    }
}

fn group(answers: &Answers) -> RuleGroup {
    let options =
        CheckOptions { file: "infra.yml".to_owned(), default_interval: Duration::from_secs(60), default_query_offset: Duration::ZERO };
    let file: RuleFile = serde_json::from_value(rules()).unwrap();
    RuleGroup::new(check_rule_file(&file, &options, answers).unwrap().remove(0))
}

#[tokio::test]
async fn a_mail_tells_of_firing_and_one_of_the_end() {
    let mut world = World::new(|_| {}).await;
    world.down(&["web-1"]);
    world.run_until(START + MINUTE).await;
    assert!(world.mails().is_empty(), "pending alerts are not told");
    world.run_until(START + 2 * MINUTE).await;
    let mails = world.mails();
    assert_eq!(mails.len(), 1, "one mail after `for` and group_wait");
    for part in [
        "RCPT TO:<ops@example.org>",
        "RCPT TO:<night@example.org>",
        "From: cepmon <alerts@example.org>",
        "Subject: [CEP] ServiceDown is firing",
        "Firing (1)",
        " - severity = critical",
        " - site = vps",
        " - summary = web-1 of node is <down> at 0",
        "<td>web-1 of node is &lt;down&gt; at 0</td>",
        "Source: http://cepmon:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    ] {
        assert!(mails[0].contains(part), "no {part:?} in\n{}", mails[0]);
    }
    world.run_until(START + 30 * MINUTE).await;
    assert!(world.mails().is_empty(), "an unchanged group is not told again before repeat_interval");
    world.down(&[]);
    world.run_until(START + 60 * MINUTE).await;
    let mails = world.mails();
    assert_eq!(mails.len(), 1, "one mail when it ends");
    assert!(mails[0].contains("Subject: [CEP] ServiceDown is resolved") && mails[0].contains("Resolved (1)"), "{}", mails[0]);
    let transitions = world.memory.transitions.lock().unwrap();
    let states: Vec<(AlertState, AlertState)> = transitions.iter().map(|transition| (transition.from, transition.to)).collect();
    use AlertState::{Firing, Inactive, Pending};
    assert_eq!(states, [(Inactive, Pending), (Pending, Firing), (Firing, Inactive)]);
    assert_eq!(transitions[1].ts - transitions[0].ts, MINUTE, "it fires when `for` is over");
    assert_eq!(transitions[1].group, "infra.yml;web");
    assert_eq!(transitions[1].annotations.get("summary"), Some("web-1 of node is <down> at 0"));
    drop(transitions);
    let [firing, resolved] = world.attempts()[..] else { panic!("{:?}", world.attempts()) };
    assert_eq!((firing.1, firing.2, firing.3), (AttemptStatus::Ok, 1, 1));
    assert_eq!(firing.0, 15_000 + MINUTE + 30_000, "first result, `for`, group_wait");
    assert_eq!(resolved.1, AttemptStatus::Ok);
    assert!(world.notifier.groups().is_empty() && world.notifier.alerts().is_empty());
}

#[tokio::test]
async fn changes_of_a_group_wait_for_its_interval() {
    let mut world = World::new(|_| {}).await;
    world.down(&["web-1"]);
    world.run_until(START + 2 * MINUTE).await;
    let first = world.attempts()[0].0;
    world.down(&["web-1", "web-2"]);
    world.run_until(START + 12 * MINUTE).await;
    let attempts = world.attempts();
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert_eq!((attempts[1].0 - first, attempts[1].3), (5 * MINUTE, 2), "both alerts, one group_interval later");
    world.down(&["web-1"]);
    world.run_until(START + 24 * MINUTE).await;
    assert_eq!(world.attempts().len(), 3, "send_resolved tells of the one that ended");
}

#[tokio::test]
async fn an_unchanged_group_is_told_again_after_repeat_interval() {
    let mut world = World::new(|file| file["route"]["repeat_interval"] = json!("30m")).await;
    world.down(&["web-1"]);
    world.run_until(START + 70 * MINUTE).await;
    let times: Vec<TimestampMs> = world.attempts().iter().map(|attempt| attempt.0).collect();
    // Alertmanager, too, repeats at the first flush *after* the interval: 30m is over at the flush 35m later.
    assert_eq!(times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>(), [35 * MINUTE]);
}

#[tokio::test]
async fn a_failing_server_is_tried_again_and_every_attempt_is_recorded() {
    let mut world = World::new(|_| {}).await;
    world.server.refuse("451 busy, come back");
    world.down(&["web-1"]);
    world.run_until(START + 3 * MINUTE).await;
    let attempts = world.attempts();
    assert!(attempts.len() >= 3 && attempts.iter().all(|attempt| attempt.1 == AttemptStatus::Retry), "{attempts:?}");
    assert_eq!(attempts.iter().map(|attempt| attempt.2).collect::<Vec<_>>(), (1..=attempts.len() as u32).collect::<Vec<_>>());
    assert!(world.memory.attempts.lock().unwrap()[0].error.contains("busy, come back"));
    world.server.refuse("");
    world.run_until(START + 5 * MINUTE).await;
    assert_eq!(world.attempts().last().unwrap().1, AttemptStatus::Ok);
    assert_eq!(world.mails().len(), 1, "what failed is told once");
}

#[tokio::test]
async fn a_notification_is_given_up_with_a_record_and_the_next_flush_starts_anew() {
    let mut world = World::new(|_| {}).await;
    world.server.refuse("451 busy");
    world.down(&["web-1"]);
    world.run_until(START + 8 * MINUTE).await;
    let failed = world.attempts().iter().filter(|attempt| attempt.1 == AttemptStatus::Failed).count();
    assert_eq!(failed, 1, "{:?}", world.attempts());
    world.server.refuse("");
    world.run_until(START + 15 * MINUTE).await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_refused_mail_is_not_tried_again_before_the_next_flush() {
    let mut world = World::new(|_| {}).await;
    world.server.refuse("550 no such sender");
    world.down(&["web-1"]);
    world.run_until(START + 6 * MINUTE).await;
    assert_eq!(world.attempts().iter().map(|attempt| (attempt.1, attempt.2)).collect::<Vec<_>>(), [(AttemptStatus::Failed, 1)]);
}

#[tokio::test]
async fn a_restart_forgets_neither_alerts_nor_what_was_told() {
    let mut world = World::new(|_| {}).await;
    world.down(&["web-1"]);
    world.run_until(START + 3 * MINUTE).await;
    assert_eq!(world.mails().len(), 1);
    // A new process over the same record, two minutes later.
    world.clock.set(START + 5 * MINUTE);
    let config = serde_json::from_value::<AlertmanagerFile>(alertmanager(&world.server.address)).unwrap().check(&[]).unwrap();
    let options = NotifierOptions { external_url: String::new(), max_alerts: 100 };
    world.notifier = Notifier::new(config, options, Arc::<VirtualClock>::clone(&world.clock), Arc::<Memory>::clone(&world.memory)).unwrap();
    world.group = group(&world.answers);
    world.run_until(START + 20 * MINUTE).await;
    assert!(world.mails().is_empty(), "it still fires, and that is known");
    let transitions = world.memory.transitions.lock().unwrap().len();
    assert_eq!(transitions, 2, "the restored alert did not go through pending again");
    // And another one, during which it ends.
    world.group = group(&world.answers);
    world.down(&[]);
    world.run_until(START + 30 * MINUTE).await;
    let mails = world.mails();
    assert!(mails.len() == 1 && mails[0].contains("is resolved") && mails[0].contains("summary = web-1 of node"), "{mails:?}");
}

#[tokio::test]
async fn inhibited_and_muted_alerts_are_not_told() {
    let mut world = World::new(|file| {
        file["inhibit_rules"] =
            json!([{"source_matchers": ["alertname=HostDown"], "target_matchers": ["severity=critical"], "equal": ["job"]}]);
    })
    .await;
    world.down(&["web-1"]);
    let source = Alert {
        labels: LabelSet::from_pairs([("alertname", "HostDown"), ("job", "node")]),
        annotations: LabelSet::default(),
        starts_at: START,
        ends_at: START + 60 * MINUTE,
        generator_url: String::new(),
        updated_at: START,
        is_timeout: false,
    };
    world.notifier.put_alerts(vec![source]);
    world.run_until(START + 10 * MINUTE).await;
    let mails = world.mails();
    assert!(mails.len() == 1 && mails[0].contains("HostDown is firing"), "{mails:?}");
    assert!(world.notifier.alerts().iter().any(|view| view.is_inhibited));

    let mut world = World::new(|file| {
        file["time_intervals"] = json!([{"name": "always", "time_intervals": [{"years": ["2000:2100"]}]}]);
        file["route"]["routes"] = json!([{"matchers": ["severity=critical"], "mute_time_intervals": ["always"]}]);
    })
    .await;
    world.down(&["web-1"]);
    world.run_until(START + 10 * MINUTE).await;
    assert!(world.mails().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_set_back_delays_nothing_by_more_than_an_interval() {
    let mut world = World::new(|_| {}).await;
    world.down(&["web-1"]);
    world.run_until(START + 3 * MINUTE).await;
    assert_eq!(world.mails().len(), 1);
    world.clock.set(START - 600 * MINUTE);
    world.notifier.take_due(usize::MAX);
    let latest = world.notifier.groups()[0].next_flush_at;
    assert_eq!(latest, world.clock.now() + 5 * MINUTE);
}

#[tokio::test]
async fn too_many_alerts_are_refused_and_counted() {
    let world = World::new(|_| {}).await;
    let alert = |number: usize| Alert {
        labels: LabelSet::from_pairs([("alertname", "Flood"), ("number", &number.to_string())]),
        annotations: LabelSet::default(),
        starts_at: START,
        ends_at: START + MINUTE,
        generator_url: String::new(),
        updated_at: START,
        is_timeout: false,
    };
    world.notifier.put_alerts((0..120).map(alert).collect());
    assert_eq!((world.notifier.alerts().len(), world.notifier.refused_alerts()), (100, 20));
}

/// The same way with both loops running: nothing but the clock moves them.
#[tokio::test]
async fn the_loops_bring_a_mail_by_the_clock_alone() {
    let mut world = World::new(|_| {}).await;
    world.down(&["web-1"]);
    let scheduler = Scheduler::new(world.context.clone(), Arc::<Notifier>::clone(&world.notifier));
    scheduler.apply(vec![world.group.config().clone()]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let wait = |mut stopped: tokio::sync::watch::Receiver<bool>| async move { drop(stopped.wait_for(|stop| *stop).await) };
    let rules = tokio::spawn(Arc::clone(&scheduler).run(wait(stopped.clone())));
    let notifications = tokio::spawn(Arc::clone(&world.notifier).run(wait(stopped)));
    let mail = loop {
        if let Ok(mail) = world.server.mails.try_recv() {
            break mail;
        }
        assert!(world.clock.now() < START + 10 * MINUTE, "no mail in ten minutes of virtual time");
        world.clock.set(world.clock.now() + 1_000);
        // Real time, so that the other threads and the sockets get their turn; correctness does not depend on its length.
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(mail.contains("Subject: [CEP] ServiceDown is firing"), "{mail}");
    assert!(scheduler.counts().0 >= 5);
    assert_eq!(scheduler.groups()[0].rules[0].alerts[0].state, AlertState::Firing);
    stop.send_replace(true);
    rules.await.unwrap();
    notifications.await.unwrap();
}
