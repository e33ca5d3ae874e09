//! Targets from the containers of a Docker daemon: one for each network and published TCP port (Prometheus 2.48, `docker_sd_configs`). It
//! lists containers and networks and asks for nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cepmon_model::{LabelSet, LabelSetBuilder};
use cepmon_plugin::{HttpRequest, PluginHost};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::{ANSWER_TIME, DiscoveryError, MAX_ANSWER_BYTES};
use crate::config::DiscoveryConfig;
use crate::target::TargetGroup;
use crate::target::group::ADDRESS;

pub(super) async fn ask(plugins: &PluginHost, config: &DiscoveryConfig) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let DiscoveryConfig::Docker { filters, port, host_networking_host, match_first_network, .. } = config else { return Ok(Vec::new()) };
    let filters: BTreeMap<&str, &Vec<String>> = filters.iter().map(|(name, values)| (name.as_str(), values)).collect();
    let mut path = "/containers/json".to_owned();
    if !filters.is_empty() {
        let filters = serde_json::to_string(&filters).unwrap_or_default();
        path = format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).append_pair("filters", &filters).finish());
    }
    let containers: Vec<Container> = list(plugins, config, &path).await?;
    let networks: Vec<Network> = list(plugins, config, "/networks").await?;
    let view =
        View { containers: &containers, networks: &networks, port: *port, host: host_networking_host, first_only: *match_first_network };
    Ok(vec![TargetGroup { source: "Docker".to_owned(), labels: LabelSet::default(), targets: view.targets() }])
}

async fn list<T: DeserializeOwned>(plugins: &PluginHost, config: &DiscoveryConfig, path: &str) -> Result<T, DiscoveryError> {
    let DiscoveryConfig::Docker { host, http, .. } = config else { unreachable!("BUG: another discovery asks Docker") };
    let fail = |problem: String| DiscoveryError::Answer { from: host.clone(), problem };
    let (socket, base) = match host.strip_prefix("unix://") {
        Some(socket) => (Some(PathBuf::from(socket)), "http://docker".to_owned()),
        None => (None, host.replacen("tcp://", "http://", 1)),
    };
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let request = HttpRequest { socket, max_body_bytes: MAX_ANSWER_BYTES, timeout: ANSWER_TIME, ..HttpRequest::get(&url, &[]) };
    let answer = plugins.fetch(&request, http).await.map_err(|error| fail(error.to_string()))?;
    if answer.status != 200 {
        return Err(fail(format!("Docker answered \"{path}\" with status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|error| fail(format!("cannot read Docker's answer to \"{path}\": {error}")))
}

/// A container as Docker lists it; other keys do not matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<Port>>,
    host_config: HostConfig,
    network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    network_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "IPAddress")]
    ip: String,
    #[serde(rename = "NetworkID")]
    network: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Port {
    #[serde(rename = "IP")]
    ip: String,
    #[serde(rename = "PrivatePort")]
    private: u16,
    #[serde(rename = "PublicPort")]
    public: u16,
    #[serde(rename = "Type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Network {
    id: String,
    name: String,
    scope: String,
    internal: bool,
    ingress: bool,
    labels: Option<BTreeMap<String, String>>,
}

/// What Docker said and what the job wants of it.
struct View<'a> {
    containers: &'a [Container],
    networks: &'a [Network],
    port: u16,
    host: &'a str,
    first_only: bool,
}

impl View<'_> {
    fn targets(&self) -> Vec<LabelSet> {
        self.containers.iter().flat_map(|container| self.targets_of(container)).collect()
    }

    fn targets_of(&self, container: &Container) -> Vec<LabelSet> {
        let Some(name) = container.names.iter().flatten().next() else { return Vec::new() };
        let mode = &container.host_config.network_mode;
        let mut common = LabelSetBuilder::default();
        common.set("__meta_docker_container_id", &container.id);
        common.set("__meta_docker_container_name", name);
        common.set("__meta_docker_container_network_mode", mode);
        for (key, value) in container.labels.iter().flatten() {
            common.set(&format!("__meta_docker_container_label_{}", sanitized(key)), value);
        }
        let mut endpoints: Vec<&Endpoint> = self.endpoints(container, 0);
        if self.first_only {
            endpoints.truncate(1);
        }
        let mut targets = Vec::new();
        for endpoint in endpoints {
            let mut common = common.clone();
            common.set("__meta_docker_network_ip", &endpoint.ip);
            self.add_network(&endpoint.network, &mut common);
            let before = targets.len();
            for port in container.ports.iter().flatten().filter(|port| port.kind == "tcp") {
                let mut labels = common.clone();
                labels.set("__meta_docker_port_private", &port.private.to_string());
                if port.public > 0 {
                    labels.set("__meta_docker_port_public", &port.public.to_string());
                    labels.set("__meta_docker_port_public_ip", &port.ip);
                }
                labels.set(ADDRESS, &host_port(&endpoint.ip, port.private));
                targets.push(labels.build());
            }
            if targets.len() == before {
                let address = if mode == "host" { self.host.to_owned() } else { host_port(&endpoint.ip, self.port) };
                targets.push(common.set(ADDRESS, &address).build());
            }
        }
        targets
    }

    /// A container's networks by name; one that shares another container's network has that one's.
    fn endpoints<'a>(&'a self, container: &'a Container, depth: usize) -> Vec<&'a Endpoint> {
        let networks = container.network_settings.iter().flat_map(|settings| &settings.networks);
        let own: Vec<&Endpoint> = networks.flat_map(|networks| networks.values().flatten()).collect();
        let other =
            container.host_config.network_mode.strip_prefix("container:").filter(|_| own.is_empty() && depth < self.containers.len());
        match other.and_then(|id| self.containers.iter().find(|container| container.id == id)) {
            Some(other) => self.endpoints(other, depth + 1),
            None => own,
        }
    }

    fn add_network(&self, id: &str, labels: &mut LabelSetBuilder) {
        let Some(network) = self.networks.iter().find(|network| network.id == id) else { return };
        labels.set("__meta_docker_network_id", id);
        labels.set("__meta_docker_network_name", &network.name);
        labels.set("__meta_docker_network_scope", &network.scope);
        labels.set("__meta_docker_network_internal", &network.internal.to_string());
        labels.set("__meta_docker_network_ingress", &network.ingress.to_string());
        for (key, value) in network.labels.iter().flatten() {
            labels.set(&format!("__meta_docker_network_label_{}", sanitized(key)), value);
        }
    }
}

/// A label's name that may hold anything, as part of a name of the classic data model.
fn sanitized(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERS: &str = r#"[
        {"Id": "c1", "Names": ["/web"], "Labels": {"com.docker.compose.service": "web"}, "HostConfig": {"NetworkMode": "app"},
         "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
         "NetworkSettings": {"Networks": {"zoo": {"IPAddress": "10.1.0.2", "NetworkID": "n2"}, "app": {"IPAddress": "10.0.0.2", "NetworkID": "n1"}}}},
        {"Id": "c2", "Names": ["/sidecar"], "HostConfig": {"NetworkMode": "container:c1"}, "Ports": [], "NetworkSettings": {"Networks": {}}},
        {"Id": "c3", "Names": ["/agent"], "HostConfig": {"NetworkMode": "host"}, "NetworkSettings": {"Networks": {"host": {"IPAddress": "", "NetworkID": "n3"}}}},
        {"Id": "c4", "Names": [], "HostConfig": {"NetworkMode": "app"}}]"#;
    const NETWORKS: &str =
        r#"[{"Id": "n1", "Name": "app", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"a.b": "c"}}]"#;

    fn targets(first_only: bool) -> Vec<LabelSet> {
        let containers: Vec<Container> = serde_json::from_str(CONTAINERS).unwrap();
        let networks: Vec<Network> = serde_json::from_str(NETWORKS).unwrap();
        View { containers: &containers, networks: &networks, port: 9100, host: "localhost", first_only }.targets()
    }

    #[test]
    fn containers_become_targets_with_prometheus_labels() {
        let targets = targets(true);
        let address = |index: usize| targets[index].get("__address__").unwrap();
        assert_eq!((address(0), address(1), address(2), targets.len()), ("10.0.0.2:80", "10.0.0.2:9100", "localhost", 3));
        expect_test::expect![[r#"{__address__="10.0.0.2:80", __meta_docker_container_id="c1", __meta_docker_container_label_com_docker_compose_service="web", __meta_docker_container_name="/web", __meta_docker_container_network_mode="app", __meta_docker_network_id="n1", __meta_docker_network_ingress="false", __meta_docker_network_internal="false", __meta_docker_network_ip="10.0.0.2", __meta_docker_network_label_a_b="c", __meta_docker_network_name="app", __meta_docker_network_scope="local", __meta_docker_port_private="80", __meta_docker_port_public="8080", __meta_docker_port_public_ip="0.0.0.0"}"#]]
        .assert_eq(&targets[0].to_string());
    }

    #[test]
    fn all_networks_count_when_the_first_is_not_enough() {
        let targets = targets(false);
        let addresses: Vec<_> = targets.iter().filter_map(|labels| labels.get("__address__")).collect();
        assert_eq!(addresses, ["10.0.0.2:80", "10.1.0.2:80", "10.0.0.2:9100", "10.1.0.2:9100", "localhost"]);
    }
}
