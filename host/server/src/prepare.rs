//! From configuration files to everything that a start or a reload needs, checked against the plugins that are there. It changes
//! nothing: what it returns is applied as a whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cepmon_alert::Evaluate;
use cepmon_model::nearest_name;
use cepmon_plugin::{PluginHost, PluginKind, Secrets};

use crate::alerting::{AlertingConfig, load_alerting};
use crate::config::{Config, ConfigErrors, SecretSource};

/// A configuration that can be applied.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The main file.
    pub config: Config,
    /// Settings of all plugins.
    pub settings: PluginSettings,
    /// Passwords and tokens that plugins may be granted.
    pub secrets: Secrets,
    /// Rules, routes and receivers.
    pub alerting: AlertingConfig,
    /// What is taken and has no effect, for people.
    pub warnings: Vec<String>,
}

/// What the plugins that are there make of the settings in a configuration.
#[derive(Debug, Default)]
pub(crate) struct PluginSettings {
    /// Settings per job, as its plugin takes them.
    pub jobs: Vec<Arc<str>>,
    /// Settings per log source, as its parser takes them.
    pub logs: Vec<Arc<str>>,
}

/// Checks settings against the manifests of plugins; mistakes come with the paths of their keys.
pub(crate) fn prepare_settings(config: &Config, plugins: &PluginHost) -> (PluginSettings, Vec<(String, String)>) {
    let (mut settings, mut problems) = (PluginSettings::default(), Vec::new());
    for job in &config.jobs {
        let kinds = &[PluginKind::Exporter, PluginKind::Probe];
        let wanted = Wanted { path: job.path.clone(), plugin: &job.plugin, kinds };
        let mut found = Vec::new();
        settings.jobs.push(wanted.check(plugins, &job.settings, &mut found));
        // A job of another file has no place in the main one but the list of files.
        problems.extend(found.into_iter().map(|(key, message)| match &job.file {
            None => (key, message),
            Some(file) => ("scrape_config_files".to_owned(), format!("{}: {key}: {message}", file.display())),
        }));
    }
    for (index, source) in config.log_sources.iter().enumerate() {
        let path = format!("logs.sources[{index}]");
        settings.logs.push(match &source.plugin {
            Some(plugin) => Wanted { path, plugin, kinds: &[PluginKind::LogParser] }.check(plugins, &source.settings, &mut problems),
            None => Arc::from("{}"),
        });
    }
    (settings, problems)
}

/// Reads and checks all files; every mistake of every file is reported.
pub(crate) fn prepare(path: Option<&Path>, plugins: &PluginHost, evaluate: &dyn Evaluate) -> Result<Prepared, ConfigErrors> {
    let document = crate::config::load(path)?;
    let config = &document.file;
    let (settings, mut problems) = prepare_settings(config, plugins);
    let secrets = read_secrets(&config.secrets, &mut problems);
    let alerting = load_alerting(config, evaluate);
    match (alerting, problems.is_empty()) {
        (Ok(alerting), true) => Ok(Prepared { config: document.file, settings, alerting, secrets, warnings: document.warnings }),
        (alerting, _) => {
            let mut errors = Vec::new();
            if !problems.is_empty() {
                errors.push(document.problems(problems));
            }
            errors.extend(alerting.err().into_iter().flat_map(|errors| errors.0));
            Err(ConfigErrors(errors))
        }
    }
}

/// The secrets themselves; a file's last line end is not part of its secret.
fn read_secrets(sources: &BTreeMap<String, SecretSource>, problems: &mut Vec<(String, String)>) -> Secrets {
    let mut secrets = BTreeMap::new();
    for (name, source) in sources {
        match source {
            SecretSource::Value(value) => drop(secrets.insert(name.clone(), value.reveal().to_owned())),
            SecretSource::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => drop(secrets.insert(name.clone(), text.trim_end_matches(['\n', '\r']).to_owned())),
                Err(error) => {
                    problems.push((format!("plugins.secrets.{name}.file"), format!("cannot read \"{}\": {error}", path.display())));
                }
            },
        }
    }
    Secrets::new(secrets)
}

/// A plugin that a part of the configuration names.
struct Wanted<'a> {
    path: String,
    plugin: &'a str,
    kinds: &'a [PluginKind],
}

impl Wanted<'_> {
    /// The settings with the plugin's defaults filled in. A plugin that is there but refused (not granted, broken) is no mistake of
    /// the configuration: its scrapes fail and say why.
    fn check(&self, plugins: &PluginHost, settings: &serde_json::Value, problems: &mut Vec<(String, String)>) -> Arc<str> {
        let known = plugins.plugins();
        let Some(status) = known.iter().find(|status| status.name == self.plugin) else {
            let way_out = match nearest_name(self.plugin, known.iter().map(|status| status.name.as_str())) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => "install it: cepmon plugin install FILE".to_owned(),
            };
            problems.push((format!("{}.plugin", self.path), format!("no plugin is called \"{}\"; {way_out}", self.plugin)));
            return Arc::from("{}");
        };
        if let Some(kind) = status.kind.filter(|kind| !self.kinds.contains(kind)) {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            let message = format!("the plugin \"{}\" is of the kind {}; wanted here: {}", self.plugin, kind.as_str(), kinds.join(" or "));
            problems.push((format!("{}.plugin", self.path), message));
        }
        match plugins.check_settings(self.plugin, settings) {
            Ok(settings) => Arc::from(settings),
            Err(error) => {
                let key = error.key().map_or_else(String::new, |key| format!(".{key}"));
                problems.push((format!("{}.settings{key}", self.path), error.to_string()));
                Arc::from("{}")
            }
        }
    }
}
