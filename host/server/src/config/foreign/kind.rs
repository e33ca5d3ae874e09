//! Which keys each kind of service discovery has (Prometheus 2.48 and 3).

/// One kind.
pub(super) struct Kind {
    /// Its key in a job.
    pub(super) key: &'static str,
    /// Its own keys.
    pub(super) fields: &'static [Field],
    /// Whether the keys of an HTTP client may stand beside them.
    pub(super) has_http: bool,
    /// Keys that must not be empty.
    pub(super) required: &'static [&'static str],
}

/// A key.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
}

/// What a key holds.
pub(super) enum Shape {
    Text,
    Span,
    Number,
    Switch,
    Texts,
    TextMap,
    /// A mapping with keys of its own.
    Keys(&'static [Field]),
    /// A list of such mappings.
    List(&'static [Field]),
    /// A `tls_config` outside of an HTTP client.
    Tls,
}

impl Kind {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// `name: Shape` for single keys, in the order of Prometheus's documentation.
macro_rules! fields {
    ($($name:ident: $shape:expr),* $(,)?) => {
        &[$(Field { name: stringify!($name), shape: $shape }),*]
    };
}

macro_rules! kind {
    ($key:ident, http: $http:expr, required: $required:expr, $fields:expr) => {
        Kind { key: stringify!($key), fields: $fields, has_http: $http, required: &$required }
    };
}

use Shape::{Keys, List, Number, Span, Switch, Text, TextMap, Texts, Tls};

const FILTERS: Shape = List(fields! { name: Text, values: Texts });

/// All of them.
pub(super) const KINDS: &[Kind] = &[
    kind!(aws_sd_configs, http: true, required: ["role"], fields! {
        role: Text, endpoint: Text, region: Text, access_key: Text, secret_key: Text, profile: Text, role_arn: Text, external_id: Text,
        port: Number, filters: FILTERS, clusters: Texts, refresh_interval: Span, request_concurrency: Number,
    }),
    kind!(azure_sd_configs, http: true, required: ["subscription_id"], fields! {
        environment: Text, authentication_method: Text, subscription_id: Text, tenant_id: Text, client_id: Text, client_secret: Text,
        resource_group: Text, refresh_interval: Span, port: Number,
    }),
    kind!(consul_sd_configs, http: true, required: [], fields! {
        server: Text, path_prefix: Text, token: Text, datacenter: Text, namespace: Text, partition: Text, tag_separator: Text, scheme: Text,
        username: Text, password: Text, health_filter: Text, refresh_interval: Span, services: Texts, tags: Texts, node_meta: TextMap,
        allow_stale: Switch, filter: Text,
    }),
    kind!(digitalocean_sd_configs, http: true, required: [], fields! { port: Number, refresh_interval: Span }),
    kind!(dockerswarm_sd_configs, http: true, required: ["host", "role"], fields! {
        host: Text, role: Text, port: Number, filters: FILTERS, refresh_interval: Span,
    }),
    kind!(ec2_sd_configs, http: true, required: [], fields! {
        endpoint: Text, region: Text, access_key: Text, secret_key: Text, profile: Text, role_arn: Text, external_id: Text,
        refresh_interval: Span, port: Number, filters: FILTERS,
    }),
    kind!(ecs_sd_configs, http: true, required: [], fields! {
        endpoint: Text, region: Text, access_key: Text, secret_key: Text, profile: Text, role_arn: Text, external_id: Text, clusters: Texts,
        refresh_interval: Span, port: Number, request_concurrency: Number,
    }),
    kind!(eureka_sd_configs, http: true, required: ["server"], fields! { server: Text, refresh_interval: Span }),
    kind!(gce_sd_configs, http: false, required: ["project", "zone"], fields! {
        project: Text, zone: Text, filter: Text, refresh_interval: Span, port: Number, tag_separator: Text,
    }),
    kind!(hetzner_sd_configs, http: true, required: ["role"], fields! {
        role: Text, port: Number, refresh_interval: Span, label_selector: Text,
    }),
    kind!(ionos_sd_configs, http: true, required: ["datacenter_id"], fields! { datacenter_id: Text, port: Number, refresh_interval: Span }),
    kind!(kubernetes_sd_configs, http: true, required: ["role"], fields! {
        api_server: Text, role: Text, kubeconfig_file: Text, namespaces: Keys(fields! { own_namespace: Switch, names: Texts }),
        selectors: List(fields! { role: Text, label: Text, field: Text }),
        attach_metadata: Keys(fields! { node: Switch, namespace: Switch }),
    }),
    kind!(kuma_sd_configs, http: true, required: ["server"], fields! {
        server: Text, client_id: Text, refresh_interval: Span, fetch_timeout: Span,
    }),
    kind!(lightsail_sd_configs, http: true, required: [], fields! {
        endpoint: Text, region: Text, access_key: Text, secret_key: Text, profile: Text, role_arn: Text, external_id: Text,
        refresh_interval: Span, port: Number,
    }),
    kind!(linode_sd_configs, http: true, required: [], fields! { port: Number, tag_separator: Text, region: Text, refresh_interval: Span }),
    kind!(marathon_sd_configs, http: true, required: ["servers"], fields! {
        servers: Texts, auth_token: Text, auth_token_file: Text, refresh_interval: Span,
    }),
    kind!(nerve_sd_configs, http: false, required: ["servers", "paths"], fields! { servers: Texts, paths: Texts, timeout: Span }),
    kind!(nomad_sd_configs, http: true, required: [], fields! {
        allow_stale: Switch, namespace: Text, refresh_interval: Span, region: Text, server: Text, tag_separator: Text,
    }),
    kind!(openstack_sd_configs, http: false, required: ["role", "region"], fields! {
        identity_endpoint: Text, username: Text, userid: Text, password: Text, project_name: Text, project_id: Text, domain_name: Text,
        domain_id: Text, application_credential_name: Text, application_credential_id: Text, application_credential_secret: Text,
        role: Text, region: Text, refresh_interval: Span, port: Number, all_tenants: Switch, availability: Text, tls_config: Tls,
    }),
    kind!(outscale_sd_configs, http: true, required: ["region", "access_key"], fields! {
        region: Text, access_key: Text, secret_key: Text, secret_key_file: Text, endpoint: Text, port: Number, refresh_interval: Span,
    }),
    kind!(ovhcloud_sd_configs, http: false, required: ["endpoint", "application_key", "application_secret", "consumer_key", "service"], fields! {
        endpoint: Text, application_key: Text, application_secret: Text, consumer_key: Text, service: Text, refresh_interval: Span,
    }),
    kind!(puppetdb_sd_configs, http: true, required: ["url", "query"], fields! {
        url: Text, query: Text, include_parameters: Switch, port: Number, refresh_interval: Span,
    }),
    kind!(scaleway_sd_configs, http: true, required: ["role", "project_id", "access_key"], fields! {
        project_id: Text, role: Text, zone: Text, access_key: Text, secret_key: Text, secret_key_file: Text, name_filter: Text,
        tags_filter: Texts, api_url: Text, port: Number, refresh_interval: Span,
    }),
    kind!(serverset_sd_configs, http: false, required: ["servers", "paths"], fields! { servers: Texts, paths: Texts, timeout: Span }),
    kind!(stackit_sd_configs, http: true, required: [], fields! {
        project: Text, region: Text, endpoint: Text, port: Number, refresh_interval: Span, service_account_key: Text,
        service_account_key_path: Text, private_key: Text, private_key_path: Text, credentials_file_path: Text,
    }),
    kind!(triton_sd_configs, http: false, required: ["account", "dns_suffix", "endpoint"], fields! {
        account: Text, role: Text, dns_suffix: Text, endpoint: Text, groups: Texts, port: Number, refresh_interval: Span, version: Number,
        tls_config: Tls,
    }),
    kind!(uyuni_sd_configs, http: true, required: ["server", "username", "password"], fields! {
        server: Text, username: Text, password: Text, entitlement: Text, separator: Text, refresh_interval: Span,
    }),
    kind!(vultr_sd_configs, http: true, required: [], fields! { port: Number, refresh_interval: Span }),
];
