//! What an `alertmanager.yml` may say, and the words for what it may not.

use serde_json::json;

use crate::config::AlertmanagerFile;

fn check(file: serde_json::Value) -> Result<crate::config::AlertmanagerConfig, Vec<String>> {
    let file: AlertmanagerFile = serde_json::from_value(file).map_err(|error| vec![error.to_string()])?;
    file.check(&[]).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn receiver(email: serde_json::Value) -> serde_json::Value {
    json!({"route": {"receiver": "r"}, "receivers": [{"name": "r", "email_configs": [email]}]})
}

#[test]
fn the_files_of_the_seed_are_taken() {
    let file = json!({
        "global": {
            "smtp_smarthost": "smtp.gmail.com:587", "smtp_from": "alerts@example.org", "smtp_auth_username": "u", "smtp_auth_password": "p",
            "resolve_timeout": "5m",
        },
        "route": {
            "receiver": "platform-team", "group_by": ["alertname", "cluster"], "group_wait": "10s", "repeat_interval": "12h",
            "routes": [
                {"match": {"severity": "critical"}, "receiver": "critical-alerts", "continue": true},
                {"match_re": {"category": "database|security"}, "receiver": "platform-team", "group_by": ["..."]},
            ],
        },
        "receivers": [
            {"name": "platform-team", "email_configs": [{"to": "platform@example.org"}]},
            {"name": "critical-alerts", "email_configs": [{"to": "a@example.org", "smarthost": "mail.example.org:465"}]},
        ],
        "inhibit_rules": [{"source_match": {"severity": "critical"}, "target_match": {"severity": "warning"}, "equal": ["alertname"]}],
    });
    let config = check(file).unwrap();
    let keys: Vec<&str> = config.routes.iter().map(|route| route.key.as_str()).collect();
    assert_eq!(keys, ["{}", "{}/{severity=\"critical\"}", "{}/{category=~\"^(?:database|security)$\"}"]);
    let labels = cepmon_model::LabelSet::from_pairs([("severity", "critical"), ("category", "database")]);
    let receivers: Vec<&str> = config.routes.matching(&labels).iter().map(|route| route.receiver.as_str()).collect();
    assert_eq!(receivers, ["critical-alerts", "platform-team"]);
    let root = config.routes.iter().next().unwrap();
    assert_eq!((root.group_wait_ms, root.group_interval_ms, root.repeat_interval_ms), (10_000, 300_000, 43_200_000));
}

#[test]
fn mistakes_are_named_with_their_places() {
    let f = |file: serde_json::Value, want: &str| {
        let problems = check(file).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(want)), "no {want:?} in {problems:#?}");
    };
    f(json!({}), "there is no route");
    f(json!({"rout": {}}), "unknown field `rout`");
    f(json!({"route": {}}), "route: the root route needs a receiver");
    f(json!({"route": {"receiver": "x"}}), "route.receiver: there is no receiver named \"x\"");
    let with_route = |route: serde_json::Value| json!({"route": route, "receivers": [{"name": "r"}]});
    f(with_route(json!({"receiver": "r", "match": {"a": "b"}})), "route: the root route takes every alert");
    f(with_route(json!({"receiver": "r", "group_interval": "0s"})), "route.group_interval: it must be more than zero");
    f(with_route(json!({"receiver": "r", "group_by": ["a", "..."]})), "route.group_by: \"...\" means all labels");
    f(with_route(json!({"receiver": "r", "routes": [{"matchers": ["a"]}]})), "route.routes[0].matchers[0]: cannot read the matchers \"a\"");
    f(with_route(json!({"receiver": "r", "routes": [{"mute_time_intervals": ["n"]}]})), "there is no time interval named \"n\"");
    f(
        json!({"route": {"receiver": "r"}, "receivers": [{"name": "r"}, {"name": "r"}]}),
        "receivers[1].name: the receiver name \"r\" is taken",
    );
    f(
        json!({"route": {"receiver": "r"}, "receivers": [{"name": "r", "sns_configs": [{"topic_arn": "a"}]}]}),
        "receivers[0].sns_configs: sns_configs is not served yet",
    );
    f(receiver(json!({"to": "a@example.org"})), "there is no mail server");
    f(receiver(json!({"to": "a@example.org", "smarthost": "mail"})), "\"mail\" is not host:port");
    f(receiver(json!({"smarthost": "mail:25", "from": "a@example.org"})), "there is no address");
    f(receiver(json!({"to": "a@b.c", "smarthost": "mail:25", "from": "a@b.c", "auth_username": "u"})), "auth_username has no password");
    f(receiver(json!({"to": "a@b.c", "smarthost": "mail:25", "from": "a@b.c", "html": "{{ nope }}"})), "function \"nope\" not defined");
    f(
        receiver(json!({"to": "a@b.c", "smarthost": "mail:25", "from": "a@b.c", "headers": {"Subject": "a", "subject": "b"}})),
        "stands there twice",
    );
}

#[test]
fn passwords_do_not_show() {
    let file = json!({"global": {"smtp_auth_password": "hunter2"}});
    let file: AlertmanagerFile = serde_json::from_value(file).unwrap();
    assert!(!format!("{file:?}").contains("hunter2"));
    assert_eq!(serde_json::to_string(&file.global.smtp_auth_password).unwrap(), "\"<secret>\"");
}
