//! Values that plugins keep, in storage's key-value part: one space per plugin. Quotas are the plugin host's.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use cepmon_plugin::StateStore;
use cepmon_storage::Storage;

/// Values of plugins, kept with the data.
#[derive(Debug)]
pub(crate) struct StoredState(Arc<Storage>);

impl StoredState {
    /// Over a storage.
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self(storage)
    }
}

impl StateStore for StoredState {
    fn load(&self, plugin: &str) -> BTreeMap<String, Vec<u8>> {
        self.0.kv_list(&space(plugin)).into_iter().collect()
    }

    fn put(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.kv_put(&space(plugin), key, value)?)
    }
}

fn space(plugin: &str) -> String {
    format!("plugin_state/{plugin}")
}
