//! Rules on labels, and rules that are refused.

use super::*;
use crate::LabelSet;

fn entry(keys: &[(&str, &str)]) -> RelabelEntry {
    let mut entry = RelabelEntry::default();
    for (key, value) in keys {
        let text = Some((*value).to_owned());
        match *key {
            "source" => entry.source_labels = Some(value.split(',').map(str::to_owned).collect()),
            "separator" => entry.separator = text,
            "regex" => entry.regex = text,
            "modulus" => entry.modulus = value.parse().ok(),
            "target" => entry.target_label = text,
            "replacement" => entry.replacement = text,
            "action" => entry.action = text,
            other => panic!("no key is called {other}"),
        }
    }
    entry
}

/// Labels as `a=1 b=2`, or `dropped`.
fn relabelled(labels: &str, rules: &[&[(&str, &str)]]) -> String {
    let pairs = labels.split_whitespace().filter_map(|pair| pair.split_once('='));
    let mut labels = LabelSet::from_pairs(pairs).to_builder();
    let rules: Vec<_> = rules.iter().map(|keys| entry(keys).check(NameScheme::Utf8).unwrap()).collect();
    if !relabel(&rules, &mut labels) {
        return "dropped".to_owned();
    }
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_action_does_what_its_name_says() {
    let f = |labels: &str, keys: &[(&str, &str)], want: &str| assert_eq!(relabelled(labels, &[keys]), want, "{keys:?}");
    f("a=x:1 b=y", &[("source", "a"), ("regex", "(.+):(.+)"), ("target", "port"), ("replacement", "$2")], "a=x:1 b=y port=1");
    f("a=1 b=2", &[("source", "a,b"), ("separator", "-"), ("target", "c")], "a=1 b=2 c=1-2");
    f("a=1", &[("source", "a"), ("regex", "2"), ("target", "b")], "a=1");
    f("a=1 b=2", &[("source", "a"), ("target", "b"), ("replacement", "")], "a=1");
    f("a=1", &[("target", "b"), ("replacement", "fixed")], "a=1 b=fixed");
    f("a=web", &[("source", "a"), ("regex", "(w)(.*)"), ("target", "${1}_$2"), ("replacement", "$1x-${1}x-$$")], "a=web w_eb=-wx-$");
    f("a=web", &[("source", "a"), ("regex", "(?P<first>.).*"), ("target", "b"), ("replacement", "${first}$second")], "a=web b=w");
    f("a=1", &[("source", "a"), ("regex", "1"), ("action", "keep")], "a=1");
    f("a=1", &[("source", "a"), ("regex", "2"), ("action", "keep")], "dropped");
    f("a=1", &[("source", "a"), ("regex", "1"), ("action", "Drop")], "dropped");
    f("a=1", &[("source", "b"), ("regex", ""), ("action", "drop")], "dropped");
    f("a=1 b=1", &[("source", "a"), ("target", "b"), ("action", "keepequal")], "a=1 b=1");
    f("a=1 b=1", &[("source", "a"), ("target", "b"), ("action", "dropequal")], "dropped");
    f("a=1 b=2", &[("source", "a"), ("target", "b"), ("action", "keepequal")], "dropped");
    f("__meta_x=1 a=2", &[("regex", "__meta_(.+)"), ("replacement", "m_$1"), ("action", "labelmap")], "__meta_x=1 a=2 m_x=1");
    f("aa=1 ab=2 b=3", &[("regex", "a."), ("action", "labeldrop")], "b=3");
    f("aa=1 ab=2 b=3", &[("regex", "a."), ("action", "labelkeep")], "aa=1 ab=2");
    f("a=WeB", &[("source", "a"), ("target", "b"), ("action", "lowercase")], "a=WeB b=web");
    f("a=WeB", &[("source", "a"), ("target", "a"), ("action", "uppercase")], "a=WEB");
    // echo -n 'foo;bar' | md5sum, its last 16 digits modulo 10.
    f("a=foo b=bar", &[("source", "a,b"), ("modulus", "10"), ("target", "c"), ("action", "hashmod")], "a=foo b=bar c=0");
}

#[test]
fn rules_see_what_those_before_them_did_and_end_with_a_drop() {
    let set = [("target", "b"), ("replacement", "2")];
    let keep = [("source", "b"), ("regex", "2"), ("action", "keep")];
    assert_eq!(relabelled("a=1", &[&set, &keep]), "a=1 b=2");
    assert_eq!(relabelled("a=1", &[&keep, &set]), "dropped");
}

#[test]
fn rules_that_cannot_work_are_refused_with_their_key() {
    let f = |scheme, keys: &[(&str, &str)], key: Option<&str>, want: &str| {
        let error = entry(keys).check(scheme).unwrap_err();
        assert_eq!((error.key(), error.to_string().as_str()), (key, want));
    };
    let utf8 = NameScheme::Utf8;
    f(
        utf8,
        &[("action", "keepp")],
        Some("action"),
        "unknown relabel action \"keepp\"; wanted replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase or uppercase",
    );
    f(utf8, &[("source", "a")], None, "the action replace needs a target_label");
    f(utf8, &[("action", "hashmod"), ("target", "a")], None, "the action hashmod needs a modulus above zero");
    f(utf8, &[("target", "a"), ("regex", "(")], Some("regex"), "cannot compile the regular expression \"(\"");
    f(
        utf8,
        &[("action", "lowercase"), ("target", "a"), ("replacement", "x")],
        Some("replacement"),
        "the action lowercase takes only source_labels, separator and target_label; remove replacement",
    );
    f(
        utf8,
        &[("action", "labeldrop"), ("source", "a")],
        Some("source_labels"),
        "the action labeldrop takes only regex; remove source_labels",
    );
    f(
        utf8,
        &[("action", "keepequal"), ("target", "a"), ("regex", "(.*)")],
        Some("regex"),
        "the action keepequal takes only source_labels and target_label; remove regex",
    );
    let legacy = NameScheme::Legacy;
    f(
        legacy,
        &[("target", "a.b")],
        Some("target_label"),
        "\"a.b\" cannot be the target_label of the action replace: no label has such a name",
    );
    f(
        legacy,
        &[("action", "labelmap"), ("replacement", "-$1")],
        Some("replacement"),
        "\"-$1\" cannot be the replacement of the action labelmap: no label has such a name",
    );
    assert!(entry(&[("target", "a.b")]).check(utf8).is_ok());
    assert!(entry(&[("target", "a_${1}_$x")]).check(legacy).is_ok());
    assert!(entry(&[("action", "labelkeep"), ("replacement", "$1"), ("separator", ";")]).check(utf8).is_ok());
}
