//! The flags of Prometheus 2.48 and 3.x, and Go's kingpin syntax: `--name=value`, `--name value`, `--switch`, `--no-switch`.

use std::collections::BTreeMap;

use cepmon_model::parse_duration;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Switch,
    Text,
    Duration,
    Number,
    /// May be given more than once.
    List,
}

/// One flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Prometheus's default.
    pub(super) default: &'static str,
    /// Whether it does anything here.
    pub(super) has_effect: bool,
}

const fn flag(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag { name, kind, default, has_effect: true }
}

/// What there is nothing for in cepmon: Go's runtime, the layout of Prometheus's own files, its console pages.
const fn ignored(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag { name, kind, default, has_effect: false }
}

pub(super) const FLAGS: [Flag; 67] = [
    flag("config.file", Kind::Text, "prometheus.yml"),
    ignored("config.auto-reload-interval", Kind::Duration, "30s"),
    flag("web.listen-address", Kind::List, "0.0.0.0:9090"),
    flag("web.config.file", Kind::Text, ""),
    ignored("web.read-timeout", Kind::Duration, "5m"),
    ignored("web.max-connections", Kind::Number, "512"),
    ignored("web.max-notifications-subscribers", Kind::Number, "16"),
    flag("web.external-url", Kind::Text, ""),
    flag("web.route-prefix", Kind::Text, ""),
    ignored("web.user-assets", Kind::Text, ""),
    ignored("web.local-assets", Kind::Text, ""),
    flag("web.enable-lifecycle", Kind::Switch, "false"),
    flag("web.enable-admin-api", Kind::Switch, "false"),
    flag("web.enable-remote-write-receiver", Kind::Switch, "false"),
    ignored("web.remote-write-receiver.accepted-protobuf-messages", Kind::List, ""),
    ignored("web.enable-otlp-receiver", Kind::Switch, "false"),
    ignored("web.console.templates", Kind::Text, "consoles"),
    ignored("web.console.libraries", Kind::Text, "console_libraries"),
    ignored("web.page-title", Kind::Text, "Prometheus Time Series Collection and Processing Server"),
    ignored("web.cors.origin", Kind::Text, ".*"),
    flag("storage.tsdb.path", Kind::Text, "data/"),
    flag("storage.tsdb.retention", Kind::Duration, ""),
    flag("storage.tsdb.retention.time", Kind::Duration, ""),
    flag("storage.tsdb.retention.size", Kind::Text, ""),
    ignored("storage.tsdb.min-block-duration", Kind::Duration, "2h"),
    ignored("storage.tsdb.max-block-duration", Kind::Duration, ""),
    ignored("storage.tsdb.max-block-chunk-segment-size", Kind::Text, ""),
    ignored("storage.tsdb.wal-segment-size", Kind::Text, ""),
    ignored("storage.tsdb.no-lockfile", Kind::Switch, "false"),
    ignored("storage.tsdb.use-lockfile", Kind::Switch, "false"),
    ignored("storage.tsdb.allow-overlapping-blocks", Kind::Switch, "true"),
    ignored("storage.tsdb.allow-overlapping-compaction", Kind::Switch, "true"),
    ignored("storage.tsdb.wal-compression", Kind::Switch, "true"),
    ignored("storage.tsdb.wal-compression-type", Kind::Text, "snappy"),
    ignored("storage.tsdb.head-chunks-write-queue-size", Kind::Number, "0"),
    ignored("storage.tsdb.samples-per-chunk", Kind::Number, "120"),
    ignored("storage.tsdb.delayed-compaction.max-percent", Kind::Number, "10"),
    ignored("storage.agent.path", Kind::Text, "data-agent/"),
    ignored("storage.agent.wal-segment-size", Kind::Text, ""),
    ignored("storage.agent.wal-compression", Kind::Switch, "true"),
    ignored("storage.agent.wal-compression-type", Kind::Text, "snappy"),
    ignored("storage.agent.wal-truncate-frequency", Kind::Duration, ""),
    ignored("storage.agent.retention.min-time", Kind::Duration, ""),
    ignored("storage.agent.retention.max-time", Kind::Duration, ""),
    ignored("storage.agent.no-lockfile", Kind::Switch, "false"),
    ignored("storage.remote.flush-deadline", Kind::Duration, "1m"),
    ignored("storage.remote.read-sample-limit", Kind::Number, "5e7"),
    ignored("storage.remote.read-concurrent-limit", Kind::Number, "10"),
    ignored("storage.remote.read-max-bytes-in-frame", Kind::Number, "1048576"),
    flag("rules.alert.for-outage-tolerance", Kind::Duration, "1h"),
    flag("rules.alert.for-grace-period", Kind::Duration, "10m"),
    flag("rules.alert.resend-delay", Kind::Duration, "1m"),
    ignored("rules.max-concurrent-evals", Kind::Number, "4"),
    ignored("scrape.adjust-timestamps", Kind::Switch, "true"),
    ignored("scrape.timestamp-tolerance", Kind::Duration, "2ms"),
    ignored("scrape.discovery-reload-interval", Kind::Duration, "5s"),
    ignored("alertmanager.notification-queue-capacity", Kind::Number, "10000"),
    ignored("alertmanager.notification-batch-size", Kind::Number, "256"),
    ignored("alertmanager.drain-notification-queue-on-shutdown", Kind::Switch, "true"),
    ignored("alertmanager.timeout", Kind::Duration, ""),
    flag("query.lookback-delta", Kind::Duration, "5m"),
    flag("query.timeout", Kind::Duration, "2m"),
    flag("query.max-concurrency", Kind::Number, "20"),
    flag("query.max-samples", Kind::Number, "50000000"),
    flag("enable-feature", Kind::List, ""),
    flag("log.level", Kind::Text, "info"),
    flag("log.format", Kind::Text, "logfmt"),
];

/// Flags of Go's runtime, which are taken and not shown.
const RUNTIME: [Flag; 4] = [
    ignored("auto-gomaxprocs", Kind::Switch, "true"),
    ignored("auto-gomemlimit", Kind::Switch, "true"),
    ignored("auto-gomemlimit.ratio", Kind::Number, "0.9"),
    flag("agent", Kind::Switch, "false"),
];

/// What a command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Values of the flags that were given, the last one of those that take one.
    given: BTreeMap<&'static str, Vec<String>>,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Serve(Flags),
    Help,
    Version,
}

/// Reads arguments; the error is in kingpin's words.
pub(super) fn parse(arguments: &[String]) -> Result<Asked, String> {
    let mut flags = Flags::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(long) = argument.strip_prefix("--") else {
            return match argument.as_str() {
                "-h" => Ok(Asked::Help),
                short if short.starts_with('-') => Err(format!("unknown short flag '{short}'")),
                other => Err(format!("unexpected {other}")),
            };
        };
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
        match name {
            "help" | "help-long" | "help-man" => return Ok(Asked::Help),
            "version" => return Ok(Asked::Version),
            _ => {}
        }
        let unknown = || format!("unknown long flag '--{name}'");
        let is_switch = |flag: &&Flag| flag.kind == Kind::Switch;
        if let Some(flag) = find(name) {
            let value = match (flag.kind, value) {
                (Kind::Switch, None) => "true".to_owned(),
                // Newer versions of kingpin take it.
                (Kind::Switch, Some(value)) if matches!(value.as_str(), "true" | "false") => value,
                (Kind::Switch, Some(value)) => return Err(format!("unexpected value \"{value}\" of the switch '--{name}'")),
                (_, Some(value)) => value,
                (_, None) => rest.next().cloned().ok_or_else(|| format!("expected argument for flag '--{name}'"))?,
            };
            flags.set(flag, value)?;
        } else {
            let negated = name.strip_prefix("no-").and_then(find);
            let flag = negated.filter(|flag| is_switch(flag) && value.is_none()).ok_or_else(unknown)?;
            flags.set(flag, "false".to_owned())?;
        }
    }
    Ok(Asked::Serve(flags))
}

fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().chain(&RUNTIME).find(|flag| flag.name == name)
}

impl Flags {
    fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        let is_fine = match flag.kind {
            Kind::Duration => parse_duration(&value).is_ok(),
            Kind::Number => value.parse::<f64>().is_ok(),
            Kind::Switch | Kind::Text | Kind::List => true,
        };
        if !is_fine {
            let wanted = if flag.kind == Kind::Duration { "not a valid duration string" } else { "not a valid number" };
            return Err(format!("{wanted}: \"{value}\" (flag '--{}')", flag.name));
        }
        let values = self.given.entry(flag.name).or_default();
        if flag.kind != Kind::List && !values.is_empty() {
            return Err(format!("flag '{}' cannot be repeated", flag.name));
        }
        values.push(value);
        Ok(())
    }

    /// The value of a flag, if it was given.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.last().map(String::as_str)
    }

    /// All values of a flag that may be repeated; of one that was not given, none.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a flag, or Prometheus's default.
    pub(super) fn value(&self, name: &str) -> &str {
        self.given(name).unwrap_or_else(|| find(name).map_or("", |flag| flag.default))
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    /// Flags that were given and do nothing here.
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        self.given.keys().copied().filter(|name| find(name).is_some_and(|flag| !flag.has_effect)).collect()
    }

    /// All flags with their values, as `/api/v1/status/flags` shows them.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        FLAGS.iter().map(|flag| (flag.name.to_owned(), self.shown_value(flag.name))).collect()
    }

    fn shown_value(&self, name: &str) -> String {
        match self.all(name) {
            [] => self.value(name).to_owned(),
            values => values.join(","),
        }
    }
}

/// The text of `--help`.
pub(super) fn help() -> String {
    let mut text = String::from(
        "usage: prometheus [<flags>]\n\ncepmon with the command line of the Prometheus monitoring server.\n\nFlags:\n  -h, --help\n      --version\n",
    );
    for flag in &FLAGS {
        let value = match flag.kind {
            Kind::Switch => String::new(),
            _ if flag.default.is_empty() => "=…".to_owned(),
            _ => format!("={:?}", flag.default),
        };
        let note = if flag.has_effect { "" } else { "  (taken, without effect)" };
        text.push_str(&format!("      --{}{value}{note}\n", flag.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Flags, String> {
        match parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())? {
            Asked::Serve(flags) => Ok(flags),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn both_forms_of_a_value_and_of_a_switch_are_read() {
        let flags =
            read(&["--storage.tsdb.path=/data", "--config.file", "p.yml", "--web.enable-lifecycle", "--no-scrape.adjust-timestamps"])
                .unwrap();
        assert_eq!((flags.value("storage.tsdb.path"), flags.value("config.file")), ("/data", "p.yml"));
        assert!(flags.is_on("web.enable-lifecycle") && !flags.is_on("scrape.adjust-timestamps") && !flags.is_on("web.enable-admin-api"));
        assert_eq!((flags.value("query.timeout"), flags.given("query.timeout")), ("2m", None));
        assert_eq!(flags.without_effect(), ["scrape.adjust-timestamps"]);
        assert_eq!(flags.shown()["web.enable-lifecycle"], "true");
        let flags =
            read(&["--enable-feature=a,b", "--enable-feature=c", "--storage.tsdb.no-lockfile", "--no-storage.tsdb.wal-compression"])
                .unwrap();
        assert_eq!(flags.all("enable-feature"), ["a,b", "c"]);
        assert!(flags.is_on("storage.tsdb.no-lockfile") && !flags.is_on("storage.tsdb.wal-compression"));
    }

    #[test]
    fn mistakes_are_named_as_kingpin_names_them() {
        let f = |arguments: &[&str], want: &str| assert_eq!(read(arguments).unwrap_err(), want);
        f(&["--foo"], "unknown long flag '--foo'");
        f(&["--no-config.file"], "unknown long flag '--no-config.file'");
        f(&["-x"], "unknown short flag '-x'");
        f(&["serve"], "unexpected serve");
        f(&["--config.file"], "expected argument for flag '--config.file'");
        f(&["--config.file=a", "--config.file=b"], "flag 'config.file' cannot be repeated");
        f(&["--query.timeout=2x"], "not a valid duration string: \"2x\" (flag '--query.timeout')");
        f(&["--version"], "Version");
    }
}
