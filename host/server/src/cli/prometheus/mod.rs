//! `cepmon prometheus`, or a link to cepmon by the name `prometheus`: the server with the command line of Prometheus 2.48 and 3.x, so that
//! the `command:` of a compose file can stay. What has no meaning here is taken, and one line says so.

mod flag;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use cepmon_model::parse_duration;
use cepmon_query::EngineOptions;
use tracing::level_filters::LevelFilter;

use super::{Failure, LogFormat, ServeArgs};
use crate::alerting::AlertTimes;
use crate::config::{Retention, WebFile, parse_size};
use crate::overrides::Overrides;
use crate::web::{PromqlOptions, WebOptions};
use flag::{Asked, Flags};

/// Prometheus's, when no flag says anything about retention.
const DEFAULT_RETENTION: Duration = Duration::from_secs(15 * 86_400);
/// Prometheus listens everywhere; a server without users does not.
const DEFAULT_ADDRESS: &str = "127.0.0.1:9090";

/// Runs a command line without the program's name.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    match flag::parse(&arguments) {
        Ok(Asked::Help) => print(&flag::help()),
        Ok(Asked::Version) => print(&version("prometheus")),
        Ok(Asked::Serve(flags)) => serve(&flags),
        Err(problem) => {
            complain(&format!("Error parsing commandline arguments: {problem}\nprometheus: error: {problem}, try --help"));
            ExitCode::from(2)
        }
    }
}

/// The first line of `--version`, as Prometheus prints it, with who it really is.
pub(super) fn version(program: &str) -> String {
    format!("{program}, version 2.48.0 (branch: HEAD, revision: cepmon-{})\n", env!("CARGO_PKG_VERSION"))
}

fn print(text: &str) -> ExitCode {
    // Whoever closed standard output does not want to know.
    io::stdout().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}

fn complain(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

fn serve(flags: &Flags) -> ExitCode {
    for name in flags.without_effect() {
        complain(&format!("cepmon: --{name} has no effect here"));
    }
    let done = decide(flags).map_err(Failure::Usage).and_then(|(args, overrides)| crate::serve::run(args, overrides));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            complain(&format!("cepmon: {error:#}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(error)) => {
            complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// From flags to what `cepmon serve` takes and what goes beyond it.
fn decide(flags: &Flags) -> anyhow::Result<(ServeArgs, Overrides)> {
    let features = flags.all("enable-feature").iter().flat_map(|list| list.split(','));
    if flags.is_on("agent") || features.clone().any(|feature| feature == "agent") {
        bail!("cannot run as an agent: cepmon always stores what it scrapes; leave the flag out");
    }
    let web_file = match flags.value("web.config.file") {
        "" => WebFile::default(),
        path => WebFile::load(path.as_ref()).map_err(|problem| anyhow!("cannot use --web.config.file: {problem}"))?,
    };
    let listen = listen_address(flags, &web_file)?;
    let external_url = external_url(flags.value("web.external-url"))?;
    let prefix = flags.given("web.route-prefix").map(str::to_owned).or_else(|| external_url.as_ref().map(|url| url.path().to_owned()));
    let prefix = prefix.unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    let args = ServeArgs {
        config: Some(PathBuf::from(flags.value("config.file"))),
        data_dir: PathBuf::from(flags.value("storage.tsdb.path")),
        listen: Some(listen),
        log_format: match flags.value("log.format") {
            "json" => LogFormat::Json,
            "logfmt" => LogFormat::Text,
            other => bail!("unrecognized log format {other}"),
        },
        ..super::serve_args_of_environment()?
    };
    let overrides = Overrides {
        metrics_retention: retention(flags)?,
        default_metrics_retention: Some(Retention { time: Some(DEFAULT_RETENTION), bytes: None }),
        external_url: external_url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        route_prefix: if prefix.is_empty() { String::new() } else { format!("/{prefix}") },
        web_file,
        log_level: Some(log_level(flags.value("log.level"))?),
        alert_times: AlertTimes {
            resend_delay: duration(flags, "rules.alert.resend-delay")?,
            outage_tolerance: duration(flags, "rules.alert.for-outage-tolerance")?,
            grace_period: duration(flags, "rules.alert.for-grace-period")?,
        },
        web: WebOptions {
            promql: PromqlOptions {
                engine: EngineOptions {
                    lookback_ms: i64::try_from(duration(flags, "query.lookback-delta")?.as_millis())?,
                    max_samples: number(flags, "query.max-samples")?,
                    timeout: duration(flags, "query.timeout")?,
                    drops_names_late: features.clone().any(|feature| feature == "promql-delayed-name-removal"),
                    ..EngineOptions::default()
                },
                max_concurrency: number(flags, "query.max-concurrency")?,
            },
            is_lifecycle_enabled: flags.is_on("web.enable-lifecycle"),
            is_admin_enabled: flags.is_on("web.enable-admin-api"),
            is_remote_write_enabled: flags.is_on("web.enable-remote-write-receiver")
                || features.clone().any(|feature| feature == "remote-write-receiver"),
            ..WebOptions::default()
        },
        flags: flags.shown(),
    };
    Ok((args, overrides))
}

/// What `--storage.tsdb.retention.*` decide; nothing without them.
fn retention(flags: &Flags) -> anyhow::Result<Option<Retention>> {
    let time = flags.given("storage.tsdb.retention.time").or_else(|| flags.given("storage.tsdb.retention"));
    let size = flags.given("storage.tsdb.retention.size");
    // Zero is no limit, as in Prometheus.
    let time = time.map(parse_duration).transpose()?.filter(|time| !time.is_zero());
    let bytes = size
        .map(parse_size)
        .transpose()
        .map_err(|problem| anyhow!("cannot use --storage.tsdb.retention.size: {problem}"))?
        .filter(|bytes| *bytes > 0);
    Ok((time.is_some() || bytes.is_some()).then_some(Retention { time, bytes }))
}

/// The address to listen on, as IP and port.
fn listen_address(flags: &Flags, web_file: &WebFile) -> anyhow::Result<String> {
    let given = flags.all("web.listen-address");
    let Some(text) = given.first() else {
        let is_protected = !web_file.basic_auth_users.is_empty();
        if !is_protected {
            complain(&format!(
                "cepmon: listens on {DEFAULT_ADDRESS} and not everywhere, because it knows no users; see --web.config.file and web.insecure"
            ));
        }
        return Ok(if is_protected { flags.value("web.listen-address") } else { DEFAULT_ADDRESS }.to_owned());
    };
    if given.len() > 1 {
        complain(&format!("cepmon: listens on {text} only; more than one --web.listen-address is not supported"));
    }
    // As in Go, no host is every one of this machine's addresses.
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.clone() };
    let found: Option<SocketAddr> = full.to_socket_addrs().with_context(|| format!("cannot read the address \"{text}\""))?.next();
    Ok(found.with_context(|| format!("cannot find the address \"{text}\""))?.to_string())
}

fn external_url(text: &str) -> anyhow::Result<Option<url::Url>> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        bail!("URL must not begin or end with quotes: {text}");
    }
    let url = url::Url::parse(text).with_context(|| format!("cannot read --web.external-url \"{text}\""))?;
    Ok(Some(url))
}

fn log_level(text: &str) -> anyhow::Result<LevelFilter> {
    match text {
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warn" => Ok(LevelFilter::WARN),
        "error" => Ok(LevelFilter::ERROR),
        other => bail!("unrecognized log level {other}"),
    }
}

fn duration(flags: &Flags, name: &str) -> anyhow::Result<Duration> {
    parse_duration(flags.value(name)).with_context(|| format!("cannot use --{name}"))
}

fn number(flags: &Flags, name: &str) -> anyhow::Result<usize> {
    let text = flags.value(name);
    text.parse().map_err(|_| anyhow!("cannot use --{name} \"{text}\": want a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(arguments: &[&str]) -> Result<(ServeArgs, Overrides), String> {
        match flag::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())? {
            Asked::Serve(flags) => decide(&flags).map_err(|error| format!("{error:#}")),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn retention_is_what_is_reached_first_and_fifteen_days_if_nobody_says_it() {
        let kept = |arguments: &[&str], configured: Retention| decided(arguments).unwrap().1.metrics_retention(&configured);
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let by_file = Retention { time: days(3), bytes: None };
        let both = ["--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=10GB"];
        assert_eq!(kept(&both, by_file), Retention { time: days(30), bytes: Some(10 << 30) });
        assert_eq!(kept(&["--storage.tsdb.retention.size=512MB"], by_file), Retention { time: None, bytes: Some(512 << 20) });
        assert_eq!(kept(&["--storage.tsdb.retention=1w"], by_file).time, days(7));
        assert_eq!(kept(&[], by_file), by_file);
        assert_eq!(kept(&[], Retention::default()), Retention { time: days(15), bytes: None });
    }

    #[test]
    fn addresses_and_prefixes_are_read_as_in_go() {
        let (args, overrides) = decided(&["--web.listen-address=:9091", "--web.external-url=http://mon.example/a/b/"]).unwrap();
        assert_eq!(args.listen.as_deref(), Some("0.0.0.0:9091"));
        assert_eq!((overrides.route_prefix.as_str(), overrides.external_url.as_deref()), ("/a/b", Some("http://mon.example/a/b")));
        let (args, overrides) = decided(&["--web.external-url=http://mon.example/a", "--web.route-prefix=/"]).unwrap();
        assert_eq!((args.listen.as_deref(), overrides.route_prefix.as_str()), (Some("127.0.0.1:9090"), ""));
        assert!(decided(&["--web.listen-address=9090"]).unwrap_err().contains("\"9090\""));
        assert!(decided(&["--web.external-url='http://x'"]).unwrap_err().contains("quotes"));
    }
}
