//! One discovered target through the rules of its job, as Prometheus does it (2.48): defaults of the job as labels, rules, address and
//! port, interval and time-out, `__meta_…` away, `instance`.

use std::collections::BTreeMap;
use std::time::Duration;

use cepmon_model::{LabelSet, LabelSetBuilder, format_duration, parse_duration, relabel};
use url::form_urlencoded;

use super::group::{ADDRESS, TargetGroup};
use crate::config::Job;

const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAMETER_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
/// Labels of this prefix are for rules and never stored.
const INTERNAL_PREFIX: &str = "__";

/// What becomes of a discovered target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// It is scraped.
    Target(Box<Target>),
    /// A rule dropped it.
    Dropped {
        /// What was discovered.
        discovered: LabelSet,
    },
    /// It cannot be scraped.
    Invalid {
        /// What was discovered.
        discovered: LabelSet,
        /// Why not.
        problem: String,
    },
}

/// A target, ready to be scraped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// `host:port`, or what the plugin takes as an address; empty = the host itself.
    pub(crate) address: String,
    /// What is fetched, of classic targets.
    pub(crate) url: Option<String>,
    /// Labels of its series.
    pub(crate) labels: LabelSet,
    /// Labels before the rules.
    pub(crate) discovered: LabelSet,
    /// Query parameters, of other targets.
    pub(crate) parameters: Vec<(String, String)>,
    /// Time between two scrapes.
    pub(crate) interval: Duration,
    /// Time a scrape may take.
    pub(crate) timeout: Duration,
    /// Whether the operator wrote the address down himself.
    pub(crate) is_static: bool,
}

/// What becomes of the targets of a group.
pub(crate) fn resolve(job: &Job, group: &TargetGroup, is_static: bool) -> Vec<Resolved> {
    group.targets.iter().map(|own| resolve_one(job, group, own, is_static)).collect()
}

fn resolve_one(job: &Job, group: &TargetGroup, own: &LabelSet, is_static: bool) -> Resolved {
    let discovered = discovered(job, group, own);
    let Relabelled { mut labels, interval, timeout } = match relabelled(job, &discovered) {
        Ok(Some(relabelled)) => relabelled,
        Ok(None) => return Resolved::Dropped { discovered },
        Err(problem) => return Resolved::Invalid { discovered, problem },
    };
    let get = |name| labels.get(name).unwrap_or_default();
    let (address, scheme) = (get(ADDRESS).to_owned(), get(SCHEME).to_owned());
    let parameters = parameters(job, labels.iter());
    let url = job.is_classic().then(|| scrape_url(&scheme, &address, get(METRICS_PATH), &parameters));
    labels.retain(|name| !name.starts_with(INTERNAL_PREFIX));
    let is_written = is_static || job.relabel.iter().any(|rule| rule.entry().replacement.as_ref() == Some(&address));
    let parameters = parameters.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    Resolved::Target(Box::new(Target {
        url,
        labels: labels.build(),
        parameters: if job.is_classic() { Vec::new() } else { parameters.collect() },
        interval,
        timeout,
        is_static: is_written,
        address,
        discovered,
    }))
}

/// A target's labels after the rules, those for the job among them (`__address__`, `__scheme__`, …).
#[derive(Debug)]
pub(crate) struct Relabelled {
    pub(crate) labels: LabelSetBuilder,
    interval: Duration,
    timeout: Duration,
}

/// The labels that rules make of discovered ones; nothing if they drop the target, and what is wrong with it if it cannot be scraped.
pub(crate) fn relabelled(job: &Job, discovered: &LabelSet) -> Result<Option<Relabelled>, String> {
    let mut labels = discovered.to_builder();
    if !relabel(&job.relabel, &mut labels) {
        return Ok(None);
    }
    let mut address = labels.get(ADDRESS).unwrap_or_default().to_owned();
    let scheme = labels.get(SCHEME).unwrap_or_default().to_owned();
    if job.is_classic() {
        if address.is_empty() {
            return Err("it has no address".to_owned());
        }
        if address.contains('/') {
            return Err(format!("\"{address}\" is no host; wanted host:port"));
        }
        if !has_port(&address) {
            match scheme.as_str() {
                "http" | "" => address.push_str(":80"),
                "https" => address.push_str(":443"),
                other => return Err(format!("the scheme \"{other}\" is neither http nor https")),
            }
            labels.set(ADDRESS, &address);
        }
    }
    let span = |name| labels.get(name).unwrap_or_default();
    let (interval, timeout) = match (parse_duration(span(INTERVAL)), parse_duration(span(TIMEOUT))) {
        (Ok(interval), Ok(timeout)) => (interval, timeout),
        (Err(error), _) | (_, Err(error)) => return Err(error.to_string()),
    };
    if interval.is_zero() || timeout.is_zero() {
        return Err("its interval and its time-out must be longer than zero".to_owned());
    }
    if timeout > interval {
        return Err(format!("its time-out {} is longer than its interval {}", format_duration(timeout), format_duration(interval)));
    }
    labels.retain(|name| !name.starts_with(META_PREFIX));
    if labels.get("instance").is_none() && !address.is_empty() {
        labels.set("instance", &address);
    }
    let stored = labels.iter().map(|(name, _)| name).filter(|name| !name.starts_with(INTERNAL_PREFIX));
    if let Some(name) = stored.into_iter().find(|name| !job.names.is_label_name(name)) {
        return Err(format!("\"{name}\" cannot be a label's name"));
    }
    Ok(Some(Relabelled { labels, interval, timeout }))
}

/// Labels before the rules: what the discovery says, then what the job says.
pub(crate) fn discovered(job: &Job, group: &TargetGroup, own: &LabelSet) -> LabelSet {
    let mut labels = group.labels.to_builder();
    for (name, value) in own.iter() {
        labels.set(name, value);
    }
    let (interval, timeout) = (format_duration(job.interval).to_string(), format_duration(job.timeout).to_string());
    let mut defaults = vec![("job", job.name.as_str()), (INTERVAL, &interval), (TIMEOUT, &timeout)];
    if job.is_classic() {
        defaults.extend([(SCHEME, job.scheme.as_str()), (METRICS_PATH, job.metrics_path.as_str())]);
    }
    for (name, value) in defaults {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    }
    for (name, values) in &job.parameters {
        let label = format!("{PARAMETER_PREFIX}{name}");
        if let Some(first) = values.first()
            && labels.get(&label).is_none()
        {
            labels.set(&label, first);
        }
    }
    labels.build()
}

/// The job's parameters; a label `__param_…` takes the place of the first value.
fn parameters<'a>(job: &Job, labels: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Vec<String>> {
    let mut parameters = job.parameters.clone();
    for (name, value) in labels {
        let Some(name) = name.strip_prefix(PARAMETER_PREFIX) else { continue };
        let values = parameters.entry(name.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    parameters
}

fn scrape_url(scheme: &str, address: &str, path: &str, parameters: &BTreeMap<String, Vec<String>>) -> String {
    let scheme = if scheme.is_empty() { "http" } else { scheme };
    let (path, own_query) = path.split_once('?').unwrap_or((path, ""));
    let mut query = form_urlencoded::Serializer::new(String::new());
    let own = form_urlencoded::parse(own_query.as_bytes()).filter(|(name, _)| !parameters.contains_key(name.as_ref()));
    let mut pairs: Vec<_> = own.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    pairs.extend(parameters.iter().flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone()))));
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    let query = query.extend_pairs(pairs).finish();
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{address}{slash}{path}{}{query}", if query.is_empty() { "" } else { "?" })
}

/// Whether an address ends with a port, as Go's `net.SplitHostPort` sees it.
fn has_port(address: &str) -> bool {
    match address.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_none_or(|(_, tail)| !tail.is_empty()),
        None => address.contains(':'),
    }
}
