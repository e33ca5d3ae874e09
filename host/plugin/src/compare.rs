//! What changes for the operator when one plugin takes the place of another: what it asks for, its limits, its settings, the metrics
//! that it declares, who signed it. It compares manifests; what the code does differently it cannot know.

use std::fmt;
use std::sync::Arc;

use crate::grant::Grants;
use crate::manifest::{Manifest, Metric, Setting};
use crate::package::Package;
use crate::source::Candidate;

/// The difference of two plugins; its `Display` is what the operator reads.
#[derive(Debug, Clone)]
pub struct Changes {
    old: Arc<Manifest>,
    new: Arc<Manifest>,
    is_same_file: bool,
    signers: [Option<String>; 2],
}

impl Changes {
    pub(crate) fn new(old: &Package, old_signer: Option<String>, candidate: &Candidate) -> Self {
        Self {
            old: Arc::clone(&old.manifest),
            new: Arc::clone(&candidate.package.manifest),
            is_same_file: old.digest == candidate.package.digest,
            signers: [old_signer, candidate.signer.clone()],
        }
    }

    /// Whether a metric of that name is declared by the old plugin and by the new one no more.
    pub fn loses(&self, metric: &str) -> bool {
        declares(&self.old, metric) && !declares(&self.new, metric)
    }

    /// Names and patterns of metrics that are declared no more.
    pub fn lost_metrics(&self) -> Vec<&str> {
        let lost = self.old.metrics.iter().filter(|old| !self.new.metrics.iter().any(|new| covers(new, old)));
        lost.map(|metric| metric.name.as_str()).collect()
    }

    pub(crate) fn is_same_file(&self) -> bool {
        self.is_same_file
    }

    /// One line for each difference, sorted by what it is about.
    fn lines(&self) -> Vec<String> {
        let (old, new) = (&*self.old, &*self.new);
        let mut lines = Vec::new();
        if old.version != new.version {
            lines.push(format!("version: {} -> {}", old.version, new.version));
        }
        if old.kind != new.kind {
            lines.push(format!("kind: {} -> {}", old.kind, new.kind));
        }
        if self.signers[0] != self.signers[1] {
            let [before, after] = self.signers.each_ref().map(|signer| signer.as_deref().unwrap_or("nobody"));
            lines.push(format!("signer: {before} -> {after}"));
        }
        let (asked_before, asked_after) = (Grants::asked(&old.capabilities), Grants::asked(&new.capabilities));
        lines.extend(asked_after.without(&asked_before).words().into_iter().map(|word| format!("capability: + {word}")));
        lines.extend(asked_before.without(&asked_after).words().into_iter().map(|word| format!("capability: - {word}")));
        let memory = |manifest: &Manifest| manifest.limits.memory.clone().unwrap_or_else(|| "default".to_owned());
        if old.limits.memory_bytes() != new.limits.memory_bytes() {
            lines.push(format!("limit: memory {} -> {}", memory(old), memory(new)));
        }
        if old.reuse != new.reuse {
            lines.push(format!("limit: reuse {} -> {}", old.reuse, new.reuse));
        }
        lines.extend(setting_lines(old, new));
        lines.extend(self.metric_lines());
        lines
    }

    fn metric_lines(&self) -> Vec<String> {
        let (old, new) = (&self.old.metrics, &self.new.metrics);
        let added = new.iter().filter(|new| !old.iter().any(|old| covers(old, new)));
        let mut lines: Vec<String> = added.map(|metric| format!("metric: + {} ({})", metric.name, metric.kind)).collect();
        lines.extend(self.lost_metrics().into_iter().map(|name| format!("metric: - {name}")));
        for metric in new {
            let before = old.iter().find(|old| old.name == metric.name).filter(|old| old.kind != metric.kind);
            lines.extend(before.map(|before| format!("metric: {} is a {}, was a {}", metric.name, metric.kind, before.kind)));
        }
        lines
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        match (lines.is_empty(), self.is_same_file) {
            (true, true) => writeln!(f, "it is the very file that is installed"),
            (true, false) => writeln!(f, "nothing changes but its code"),
            (false, _) => {
                writeln!(f, "what changes")?;
                lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
            }
        }
    }
}

fn setting_lines(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut lines = Vec::new();
    let default = |setting: &Setting| setting.default.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    for (key, setting) in &new.settings {
        let required = if setting.required { ", required" } else { "" };
        match old.settings.get(key) {
            None => lines.push(format!("setting: + {key} ({}{required})", setting.kind.as_str())),
            Some(before) => {
                if before.kind != setting.kind {
                    lines.push(format!("setting: {key} is {}, was {}", setting.kind.as_str(), before.kind.as_str()));
                }
                if before.required != setting.required {
                    let now = if setting.required { "has to be given now" } else { "may be left out now" };
                    lines.push(format!("setting: {key} {now}"));
                }
                if before.default != setting.default {
                    lines.push(format!("setting: {key} defaults to {}, did to {}", default(setting), default(before)));
                }
            }
        }
    }
    lines.extend(old.settings.keys().filter(|key| !new.settings.contains_key(*key)).map(|key| format!("setting: - {key}")));
    lines
}

/// Whether a manifest declares a metric of that name: as it stands, by a last `*`, or as a part of a histogram or summary.
fn declares(manifest: &Manifest, metric: &str) -> bool {
    let parts: &[&str] = &["_bucket", "_sum", "_count", "_created"];
    manifest.metrics.iter().any(|declared| match declared.name.strip_suffix('*') {
        Some(prefix) => metric.starts_with(prefix),
        None => {
            let has_parts = matches!(declared.kind.as_str(), "histogram" | "summary" | "gaugehistogram");
            let part = metric.strip_prefix(declared.name.as_str());
            part.is_some_and(|part| part.is_empty() || has_parts && parts.contains(&part))
        }
    })
}

/// Whether every name that `narrow` stands for is one that `wide` stands for.
fn covers(wide: &Metric, narrow: &Metric) -> bool {
    match wide.name.strip_suffix('*') {
        Some(prefix) => narrow.name.trim_end_matches('*').starts_with(prefix),
        None => wide.name == narrow.name,
    }
}

#[cfg(test)]
mod tests;
