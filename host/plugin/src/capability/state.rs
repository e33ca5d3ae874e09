//! `state`: a few values per plugin that outlive its guests. Quotas are kept here; keeping the values is the [`StateStore`]'s, for
//! only storage writes data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::abi::wit::state::Host;
use crate::abi::wit::types::Error;
use crate::grant::Capability;
use crate::guest::GuestState;

/// Where values of plugins are kept. Calls block for as long as a write to disk takes.
pub trait StateStore: fmt::Debug + Send + Sync {
    /// All keys of a plugin with their values.
    fn load(&self, plugin: &str) -> BTreeMap<String, Vec<u8>>;
    /// Sets a value, or removes it. When it returns, a crash no longer loses the change.
    fn put(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Keeps nothing: for a host that only looks at plugins.
#[derive(Debug, Clone, Copy)]
pub struct NoState;

impl StateStore for NoState {
    fn load(&self, _: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::new()
    }

    fn put(&self, _: &str, _: &str, _: Option<&[u8]>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("there is no server to keep it".into())
    }
}

/// Bytes of a key.
const MAX_KEY_BYTES: usize = 256;
/// Bytes of a value.
const MAX_VALUE_BYTES: usize = 64 << 10;
/// Keys of a plugin.
const MAX_KEYS: usize = 1_000;

/// The values of one plugin in memory; a plugin without the grant never has any.
#[derive(Debug, Default)]
pub(crate) struct Values(Mutex<Option<BTreeMap<String, Vec<u8>>>>);

impl Values {
    /// Works on the values, which are read from the store the first time.
    fn with<R>(&self, store: &dyn StateStore, plugin: &str, work: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> R) -> R {
        work(crate::lock_mutex(&self.0).get_or_insert_with(|| store.load(plugin)))
    }
}

impl Host for GuestState {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Error> {
        self.with_state(move |values, _| Ok(values.get(&key).cloned())).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Error> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Error::Other(format!("cannot keep a value under a key of {} bytes: expected 1 to {MAX_KEY_BYTES}", key.len())));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(Error::Other(format!("cannot keep {} bytes under \"{key}\": the limit is {MAX_VALUE_BYTES}", value.len())));
        }
        let quota = self.context.access.state_bytes;
        // One call may write as much as the plugin may keep: the log of the store has to hold every write for a while.
        let size = key.len() + value.len();
        let Some(left) = quota.checked_sub(self.call.state_bytes_written + size) else {
            return Err(Error::Other(format!("cannot keep \"{key}\": this call has written all of its {quota} bytes")));
        };
        self.call.state_bytes_written = quota - left;
        self.with_state(move |values, put| {
            let others = values.iter().filter(|(other, _)| **other != key);
            let (count, used) = others.fold((0, 0), |(count, used), (key, value)| (count + 1, used + key.len() + value.len()));
            if count == MAX_KEYS || used + size > quota {
                let problem = format!("cannot keep {size} bytes under \"{key}\": {count} keys and {used} of {quota} bytes are in use");
                return Err(Error::Other(problem));
            }
            put(&key, Some(&value))?;
            values.insert(key, value);
            Ok(())
        })
        .await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.with_state(move |values, put| {
            if values.contains_key(&key) {
                put(&key, None)?;
                values.remove(&key);
            }
            Ok(())
        })
        .await
    }

    async fn keys(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        self.with_state(move |values, _| Ok(values.keys().filter(|key| key.starts_with(&prefix)).cloned().collect())).await
    }
}

/// Writes one change through to the store.
type Put<'a> = dyn Fn(&str, Option<&[u8]>) -> Result<(), Error> + 'a;

impl GuestState {
    async fn with_state<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut BTreeMap<String, Vec<u8>>, &Put<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.used(Capability::State, "state");
        let context = Arc::clone(&self.context);
        let done = tokio::task::spawn_blocking(move || {
            let (store, plugin) = (&*context.shared.state, context.name.as_str());
            let put = |key: &str, value: Option<&[u8]>| {
                store.put(plugin, key, value).map_err(|error| Error::Other(format!("cannot keep the value of \"{key}\": {error}")))
            };
            context.state.with(store, plugin, |values| work(values, &put))
        });
        done.await.unwrap_or_else(|error| Err(Error::Other(format!("cannot reach the plugin's values: {error}"))))
    }
}

#[cfg(test)]
mod tests;
