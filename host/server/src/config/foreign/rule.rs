//! What keys of one discovery mean together, as Prometheus checks it (2.48 and 3).

use url::Url;

use super::super::yaml::{Node, Value};
use super::kubernetes;

/// One discovery, read by its keys.
pub(super) struct Item<'a> {
    pub(super) node: &'a Node,
}

/// A key (empty = the discovery as a whole) and what is wrong with it.
pub(super) type Fault = (&'static str, String);

impl<'a> Item<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let Value::Mapping(entries) = &self.node.value else { return None };
        entries.iter().find(|(known, _)| known.text == key).map(|(_, value)| value)
    }

    /// A value that is there.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        match &self.get(key)?.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| !node.is_null()) && self.text(key) != Some("")
    }

    pub(super) fn list(&self, key: &str) -> &'a [Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::Sequence(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn items(&self, key: &str) -> impl Iterator<Item = Item<'a>> + use<'a> {
        self.list(key).iter().map(|node| Item { node })
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list(key).iter().filter_map(|node| match &node.value {
            Value::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }

    /// One of these words, if it is there.
    pub(super) fn one_of(&self, key: &'static str, words: &[&str]) -> Option<Fault> {
        let text = self.text(key)?;
        (!words.contains(&text)).then(|| (key, format!("wanted {}, got \"{text}\"", words.join(" or "))))
    }

    /// Not more than one of these keys.
    pub(super) fn at_most_one(&self, keys: &[&'static str]) -> Option<Fault> {
        let given: Vec<_> = keys.iter().filter(|key| self.has(key)).collect();
        (given.len() > 1).then(|| (*given[1], format!("only one of {} can be given", keys.join(", "))))
    }

    fn needs(&self, keys: &[&'static str]) -> Option<Fault> {
        keys.iter().find(|key| !self.has(key)).map(|key| ("", format!("it needs {key}")))
    }

    /// An `http://` or `https://` address with a host.
    fn web_address(&self, key: &'static str) -> Option<Fault> {
        let text = self.text(key)?;
        super::super::check::web_address_problem(text).map(|problem| (key, problem))
    }
}

/// What is wrong beyond single keys.
pub(super) fn check(kind: &str, item: &Item<'_>) -> Vec<Fault> {
    let mut faults: Vec<Option<Fault>> = Vec::new();
    match kind {
        "aws_sd_configs" => faults.push(item.one_of("role", &["ec2", "ecs", "lightsail", "msk", "elasticache", "rds"])),
        "azure_sd_configs" => {
            faults.push(item.one_of("authentication_method", &["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"]));
            if item.text("authentication_method").is_none_or(|method| method == "OAuth") {
                faults.push(item.needs(&["tenant_id", "client_id", "client_secret"]));
            }
        }
        "consul_sd_configs" => {
            let blank = item.text("server").is_some_and(|server| server.trim().is_empty());
            faults.push(blank.then(|| ("server", "it needs a server".to_owned())));
            faults.push(item.at_most_one(&["token", "authorization", "oauth2"]));
            faults.push(item.at_most_one(&["username", "basic_auth"]));
        }
        "dockerswarm_sd_configs" => faults.push(item.one_of("role", &["services", "tasks", "nodes"])),
        "ec2_sd_configs" => {
            let is_empty = item.items("filters").any(|filter| filter.list("values").is_empty());
            faults.push(is_empty.then(|| ("filters", "a filter needs values".to_owned())));
        }
        "eureka_sd_configs" | "kuma_sd_configs" => faults.push(item.web_address("server")),
        "hetzner_sd_configs" => faults.push(item.one_of("role", &["hcloud", "robot"])),
        "kubernetes_sd_configs" => faults.extend(kubernetes::check(item).map(Some)),
        "marathon_sd_configs" => {
            faults.push(item.at_most_one(&["auth_token", "auth_token_file"]));
            for token in ["auth_token", "auth_token_file"] {
                faults.push(item.at_most_one(&[token, "basic_auth"]));
                faults.push(item.at_most_one(&[token, "bearer_token"]));
                faults.push(item.at_most_one(&[token, "bearer_token_file"]));
                faults.push(item.at_most_one(&[token, "authorization"]));
            }
        }
        "nerve_sd_configs" | "serverset_sd_configs" => {
            let relative = item.texts("paths").find(|path| !path.starts_with('/'));
            faults.push(relative.map(|path| ("paths", format!("a path must begin with /, got \"{path}\""))));
        }
        "nomad_sd_configs" => {
            let blank = item.text("server").is_some_and(|server| server.trim().is_empty());
            faults.push(blank.then(|| ("server", "it needs a server".to_owned())));
        }
        "openstack_sd_configs" => {
            faults.push(item.one_of("role", &["instance", "hypervisor", "loadbalancer"]));
            faults.push(item.one_of("availability", &["public", "internal", "admin"]));
        }
        "outscale_sd_configs" | "scaleway_sd_configs" => {
            if kind == "scaleway_sd_configs" {
                faults.push(item.one_of("role", &["instance", "baremetal"]));
            }
            let has_none = !item.has("secret_key") && !item.has("secret_key_file");
            faults.push(has_none.then(|| ("", "it needs secret_key or secret_key_file".to_owned())));
            faults.push(item.at_most_one(&["secret_key", "secret_key_file"]));
        }
        "ovhcloud_sd_configs" => faults.push(item.one_of("service", &["vps", "dedicated_server"])),
        "puppetdb_sd_configs" => faults.push(item.web_address("url")),
        "stackit_sd_configs" => {
            let endpoint = item.text("endpoint").filter(|text| !text.is_empty());
            let invalid = endpoint.filter(|text| Url::parse(text).is_err());
            faults.push(invalid.map(|text| ("endpoint", format!("\"{text}\" is no address"))));
        }
        "triton_sd_configs" => faults.push(item.one_of("role", &["container", "cn"])),
        "uyuni_sd_configs" => {
            let invalid = item.text("server").filter(|text| text.contains(char::is_whitespace));
            faults.push(invalid.map(|text| ("server", format!("\"{text}\" is no address"))));
        }
        _ => {}
    }
    faults.into_iter().flatten().collect()
}
