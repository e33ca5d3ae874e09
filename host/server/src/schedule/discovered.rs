//! A target as Prometheus's pages show it: the labels that it was found with, and the address that is asked.

use cepmon_model::{LabelSet, format_duration};

use crate::config::{CLASSIC_PLUGIN, Job, TargetConfig};

/// The labels of the file and those that Prometheus adds before relabelling.
pub(super) fn discovered_labels(job: &Job, target: &TargetConfig) -> LabelSet {
    let mut labels = target.labels.to_builder();
    labels.set("job", &job.name).set("__address__", &target.address);
    labels.set("__scrape_interval__", &format_duration(job.interval).to_string());
    labels.set("__scrape_timeout__", &format_duration(job.timeout).to_string());
    if job.plugin == CLASSIC_PLUGIN {
        labels.set("__scheme__", scheme(job)).set("__metrics_path__", path(job));
    }
    for (name, value) in &job.parameters {
        labels.set(&format!("__param_{name}"), value);
    }
    labels.build()
}

/// What is asked.
pub(super) fn scrape_url(job: &Job, address: &str) -> String {
    if job.plugin != CLASSIC_PLUGIN {
        return format!("plugin://{}/{address}", job.plugin);
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(&job.parameters).finish();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}://{address}{}{separator}{query}", scheme(job), path(job))
}

fn scheme(job: &Job) -> &str {
    job.settings["scheme"].as_str().unwrap_or("http")
}

fn path(job: &Job) -> &str {
    job.settings["metrics_path"].as_str().unwrap_or("/metrics")
}
