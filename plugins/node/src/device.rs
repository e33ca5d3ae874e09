//! Which devices a collector looks at: an exclude and an include pattern, of which only one may be set beside the other's default.

use cepmon_sdk::Error;
use regex_lite::Regex;

#[derive(Debug)]
pub(crate) struct DeviceFilter {
    exclude: Option<Regex>,
    include: Option<Regex>,
}

impl DeviceFilter {
    /// An include pattern replaces the exclude pattern, as in node_exporter, whose flags exclude each other.
    pub(crate) fn new(key: &str, exclude: &str, include: &str) -> Result<Self, Error> {
        let include = pattern(&format!("{key}_include"), include)?;
        let exclude = if include.is_some() { None } else { pattern(&format!("{key}_exclude"), exclude)? };
        Ok(Self { exclude, include })
    }

    pub(crate) fn takes(&self, device: &str) -> bool {
        let is_excluded = self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(device));
        let is_included = self.include.as_ref().is_none_or(|pattern| pattern.is_match(device));
        is_included && !is_excluded
    }
}

/// A pattern of the settings; an empty one is none.
pub(crate) fn pattern(key: &str, text: &str) -> Result<Option<Regex>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    match Regex::new(text) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) => Err(Error::Config(format!("cannot use setting {key} \"{text}\": {error}"))),
    }
}
