//! `plugins:` of the file: where plugins come from, what single ones may take, their secrets.

use std::path::{Path, PathBuf};

use cepmon_model::Secret;
use cepmon_plugin::{LimitOverrides, Limits, TrustedKey};

use super::Checker;
use crate::config::file::{Bytes, PluginLimitsSection, PluginsSection, SecretSection};

/// What one plugin may take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PluginLimits {
    /// Of its calls.
    pub calls: LimitOverrides,
    /// Living series over all its targets.
    pub series: Option<u64>,
}

/// Where plugins may come from; for the command line, the server downloads nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PluginSources {
    /// The index of names, a path or a URL.
    pub index: Option<String>,
    /// Whose signatures count.
    pub trusted_keys: Vec<TrustedKey>,
    /// Authorities beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where a secret of plugins comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretSource {
    /// The configuration itself.
    Value(Secret),
    /// A file, read at start and at each reload.
    File(PathBuf),
}

impl Checker<'_> {
    pub(super) fn plugin_sources(&mut self, section: &PluginsSection, base_dir: &Path) -> PluginSources {
        let mut trusted_keys = Vec::new();
        for (index, text) in section.trusted_keys.iter().enumerate() {
            match TrustedKey::parse(text) {
                Ok(key) => trusted_keys.push(key),
                Err(error) => self.problem(&format!("plugins.trusted_keys[{index}]"), &error.to_string()),
            }
        }
        let index = section.index.as_ref().map(|index| match index.contains("://") {
            true => index.clone(),
            false => base_dir.join(index).display().to_string(),
        });
        PluginSources { index, trusted_keys, ca_file: section.ca_file.as_ref().map(|path| base_dir.join(path)) }
    }

    pub(super) fn plugin_limits(&mut self, name: &str, section: &PluginLimitsSection) -> PluginLimits {
        let path = format!("plugins.limits.{name}");
        let size = |bytes: Option<Bytes>| bytes.map(|bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX));
        let count = |count: Option<u64>| count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let memory_bytes = size(section.memory);
        let largest = Limits::default().plugin_memory_bytes();
        if memory_bytes.is_some_and(|bytes| bytes > largest) {
            self.problem(
                &format!("{path}.memory"),
                &format!("the guests of one plugin together have {} MiB; no single one can have more", largest >> 20),
            );
        }
        if let Some(cpu) = section.cpu {
            self.positive(cpu.0, &format!("{path}.cpu"));
        }
        if section.guests == Some(0) {
            self.problem(&format!("{path}.guests"), "must be at least 1");
        }
        let calls = LimitOverrides {
            memory_bytes,
            cpu: section.cpu.map(|span| span.0),
            samples: count(section.samples),
            series_bytes: size(section.series_bytes),
            log_bytes: size(section.log),
            body_bytes: size(section.body),
            network_bytes: size(section.network),
            guests: count(section.guests),
        };
        PluginLimits { calls, series: section.series }
    }

    pub(super) fn secret(&mut self, name: &str, section: &SecretSection, base_dir: &Path) -> Option<(String, SecretSource)> {
        let path = format!("plugins.secrets.{name}");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            self.problem(&path, &format!("\"{name}\" cannot be a secret's name; wanted letters, digits, - and _"));
        }
        let source = match (&section.value, &section.file) {
            (Some(value), None) => SecretSource::Value(value.clone()),
            (None, Some(file)) => SecretSource::File(base_dir.join(file)),
            _ => {
                self.problem(&path, "a secret needs either a value or a file");
                return None;
            }
        };
        Some((name.to_owned(), source))
    }
}
