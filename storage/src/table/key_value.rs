//! A small durable key-value store for what is changed rather than appended: alert states, positions in log files. All of it is in
//! memory, in the log, and again at the start of the log that a flush leaves.

use std::collections::BTreeMap;

use crate::Error;

/// Bytes of all keys and values.
const MAX_TOTAL_BYTES: usize = 32 << 20;
/// Bytes of one value.
const MAX_VALUE_BYTES: usize = 1 << 20;

/// Spaces of keys with values.
#[derive(Debug, Default)]
pub(crate) struct KeyValues {
    spaces: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    bytes: usize,
}

impl KeyValues {
    /// Whether a change fits; ask before it goes to the log.
    pub(crate) fn check(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        let Some(value) = value else { return Ok(()) };
        let refuse = |problem: String| Err(Error::Refused { target: format!("{space}/{key}"), problem });
        if value.len() > MAX_VALUE_BYTES {
            return refuse(format!("a value of {} bytes; want at most {MAX_VALUE_BYTES}", value.len()));
        }
        if self.bytes + key.len() + value.len() > MAX_TOTAL_BYTES {
            return refuse(format!("all values together have more than {MAX_TOTAL_BYTES} bytes; remove old keys"));
        }
        Ok(())
    }

    /// Sets or removes a key.
    pub(crate) fn put(&mut self, space: &str, key: &str, value: Option<&[u8]>) {
        let old = match value {
            Some(value) => {
                self.bytes += key.len() + value.len();
                self.spaces.entry(space.to_owned()).or_default().insert(key.to_owned(), value.to_owned())
            }
            None => self.spaces.get_mut(space).and_then(|keys| keys.remove(key)),
        };
        if let Some(old) = old {
            self.bytes -= key.len() + old.len();
        }
    }

    /// Keys and values of a space, sorted by key.
    pub(crate) fn list(&self, space: &str) -> Vec<(String, Vec<u8>)> {
        let keys = self.spaces.get(space).into_iter().flatten();
        keys.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Everything: space, key, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &[u8])> {
        self.spaces.iter().flat_map(|(space, keys)| keys.iter().map(|(key, value)| (space.as_str(), key.as_str(), value.as_slice())))
    }
}
