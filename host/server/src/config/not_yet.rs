//! Keys of Prometheus's file that cepmon knows but does not serve yet. They are refused by name: to ignore one would silently
//! change what is stored.

use super::problem::Problem;
use super::yaml::{Node, Value};

const TOP: &[&str] = &["remote_write", "remote_read", "tracing", "scrape_config_files", "otlp", "runtime"];
const GLOBAL: &[&str] = &[
    "query_log_file",
    "body_size_limit",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "target_limit",
    "keep_dropped_targets",
    "rule_query_offset",
    "scrape_protocols",
    "metric_name_validation_scheme",
];
const SCRAPE: &[&str] = &[
    "relabel_configs",
    "metric_relabel_configs",
    "basic_auth",
    "authorization",
    "oauth2",
    "tls_config",
    "bearer_token",
    "bearer_token_file",
    "proxy_url",
    "proxy_from_environment",
    "no_proxy",
    "follow_redirects",
    "enable_http2",
    "enable_compression",
    "body_size_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "target_limit",
    "keep_dropped_targets",
    "scrape_classic_histograms",
    "native_histogram_bucket_limit",
    "track_timestamps_staleness",
    "scrape_protocols",
    "fallback_scrape_protocol",
    "http_headers",
    "file_sd_configs",
    "http_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "consul_sd_configs",
    "kubernetes_sd_configs",
    "ec2_sd_configs",
    "azure_sd_configs",
    "gce_sd_configs",
    "digitalocean_sd_configs",
    "eureka_sd_configs",
    "hetzner_sd_configs",
    "ionos_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "openstack_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
];
const ALERTING: &[&str] = &["alertmanagers", "alert_relabel_configs"];
const LOGS: &[&str] = &["config_file"];
const STORAGE: &[&str] = &["tsdb", "exemplars"];

/// Takes those keys out of the tree, each with a problem of its own.
pub(super) fn refuse(root: &mut Node, problems: &mut Vec<Problem>) {
    take(root, TOP, problems);
    let Value::Mapping(sections) = &mut root.value else { return };
    for (key, section) in sections {
        match key.text.as_str() {
            "global" => take(section, GLOBAL, problems),
            "alerting" => take(section, ALERTING, problems),
            "logs" => take(section, LOGS, problems),
            "storage" => take(section, STORAGE, problems),
            "scrape_configs" => {
                if let Value::Sequence(jobs) = &mut section.value {
                    jobs.iter_mut().for_each(|job| take(job, SCRAPE, problems));
                }
            }
            _ => {}
        }
    }
}

fn take(node: &mut Node, keys: &[&str], problems: &mut Vec<Problem>) {
    let Value::Mapping(entries) = &mut node.value else { return };
    entries.retain(|(key, _)| {
        let is_known = keys.contains(&key.text.as_str());
        if is_known {
            problems.push(Problem::new(key.position, format!("\"{}\" is not supported yet; remove it", key.text)));
        }
        !is_known
    });
}
