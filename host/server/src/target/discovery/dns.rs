//! Targets from DNS: a group for each name (Prometheus 2.48, `dns_sd_configs`). A name that cannot be looked up keeps its targets.

use cepmon_model::LabelSet;
use cepmon_plugin::{DnsAnswer, DnsQuestion, look_up};

use super::{ANSWER_TIME, DiscoveryError};
use crate::config::DnsRecord;
use crate::target::TargetGroup;
use crate::target::group::ADDRESS;

pub(super) async fn ask(names: &[String], record: DnsRecord, port: u16, last: &[TargetGroup]) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let question = match record {
        DnsRecord::A => DnsQuestion::A,
        DnsRecord::Aaaa => DnsQuestion::Aaaa,
        DnsRecord::Srv => DnsQuestion::Srv,
        DnsRecord::Mx => DnsQuestion::Mx,
        DnsRecord::Ns => DnsQuestion::Ns,
    };
    let mut groups = Vec::new();
    let mut error = None;
    for name in names {
        match look_up(name, question, ANSWER_TIME).await {
            Ok(answers) => groups.push(group(name, &answers, port)),
            Err(problem) => {
                groups.extend(last.iter().find(|group| group.source == *name).cloned());
                error = Some(DiscoveryError::Answer { from: name.clone(), problem: problem.to_string() });
            }
        }
    }
    match error {
        // The names that do answer count; the others are told of when none does.
        Some(error) if groups.is_empty() => Err(error),
        Some(error) => {
            tracing::warn!(%error, "a name was not looked up; its targets from before stay");
            Ok(groups)
        }
        None => Ok(groups),
    }
}

fn group(name: &str, answers: &[DnsAnswer], port: u16) -> TargetGroup {
    let target = |answer: &DnsAnswer| {
        let mut labels = LabelSet::from_pairs([("__meta_dns_name", name)]).to_builder();
        let port_text;
        let address = match answer {
            DnsAnswer::Address(ip) => host_port(&ip.to_string(), port),
            DnsAnswer::Srv { host, port } => {
                port_text = port.to_string();
                labels.set("__meta_dns_srv_record_target", host).set("__meta_dns_srv_record_port", &port_text);
                host_port(host, *port)
            }
            DnsAnswer::Mx(host) => {
                labels.set("__meta_dns_mx_record_target", host);
                host_port(host, port)
            }
            DnsAnswer::Ns(host) => {
                labels.set("__meta_dns_ns_record_target", host);
                host_port(host, port)
            }
        };
        labels.set(ADDRESS, &address);
        labels.build()
    };
    TargetGroup { source: name.to_owned(), labels: LabelSet::default(), targets: answers.iter().map(target).collect() }
}

fn host_port(host: &str, port: u16) -> String {
    let host = host.trim_end_matches('.');
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_addresses_and_labels() {
        let answers = [
            DnsAnswer::Srv { host: "db.example.".into(), port: 9100 },
            DnsAnswer::Address("::1".parse().unwrap()),
            DnsAnswer::Mx("mx.example.".into()),
            DnsAnswer::Ns("ns.example.".into()),
        ];
        let group = group("_db._tcp.example", &answers, 80);
        let labels: Vec<String> = group.targets.iter().map(LabelSet::to_string).collect();
        assert_eq!(
            labels,
            [
                r#"{__address__="db.example:9100", __meta_dns_name="_db._tcp.example", __meta_dns_srv_record_port="9100", __meta_dns_srv_record_target="db.example."}"#,
                r#"{__address__="[::1]:80", __meta_dns_name="_db._tcp.example"}"#,
                r#"{__address__="mx.example:80", __meta_dns_mx_record_target="mx.example.", __meta_dns_name="_db._tcp.example"}"#,
                r#"{__address__="ns.example:80", __meta_dns_name="_db._tcp.example", __meta_dns_ns_record_target="ns.example."}"#,
            ]
        );
    }
}
