//! The notification log: what each receiver was told last of each group. It survives restarts, so nothing is told twice.

use std::collections::{BTreeSet, HashMap};

use cepmon_model::TimestampMs;

use crate::notify::dedup::GroupState;
use crate::{BoxError, Fingerprint, Record};

/// The longest time that an entry is kept (Alertmanager's `--data.retention`).
const MAX_AGE_MS: i64 = 120 * 3_600_000;
/// Keys `group key\nreceiver\nintegration`, values `at expires_at firing,… resolved,…`.
const SPACE: &str = "notification-log";

/// What was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry {
    /// When.
    pub(crate) at: TimestampMs,
    /// When this is forgotten.
    pub(crate) expires_at: TimestampMs,
    /// Of which alerts.
    pub(crate) state: GroupState,
}

/// All entries, in memory and on disk.
#[derive(Debug, Default)]
pub(crate) struct NotificationLog {
    entries: HashMap<String, LogEntry>,
}

/// The key of an entry.
pub(crate) fn log_key(group_key: &str, receiver: &str, integration: &str) -> String {
    format!("{group_key}\n{receiver}\n{integration}")
}

impl NotificationLog {
    /// What an earlier process left; entries that cannot be read are left out, so at worst something is told again.
    pub(crate) fn load(record: &dyn Record) -> Result<Self, BoxError> {
        let entries = record.state_list(SPACE)?.into_iter().filter_map(|(key, value)| Some((key, decode(&value)?)));
        Ok(Self { entries: entries.collect() })
    }

    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&LogEntry> {
        self.entries.get(key)
    }

    /// Keeps what was told; it is on disk when this returns. If storing fails it is kept in memory all the same.
    pub(crate) fn put(
        &mut self,
        key: &str,
        state: GroupState,
        repeat_interval_ms: i64,
        now: TimestampMs,
        record: &dyn Record,
    ) -> Result<(), BoxError> {
        let expires_at = now + repeat_interval_ms.saturating_mul(2).min(MAX_AGE_MS);
        let entry = LogEntry { at: now, expires_at, state };
        let stored = record.state_put(SPACE, key, Some(encode(&entry).as_bytes()));
        self.entries.insert(key.to_owned(), entry);
        stored
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: TimestampMs, record: &dyn Record) -> Result<(), BoxError> {
        let expired: Vec<String> = self.entries.iter().filter(|(_, entry)| entry.expires_at < now).map(|(key, _)| key.clone()).collect();
        for key in expired {
            record.state_put(SPACE, &key, None)?;
            self.entries.remove(&key);
        }
        Ok(())
    }
}

fn encode(entry: &LogEntry) -> String {
    let list = |set: &BTreeSet<Fingerprint>| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!("{} {} {} {}", entry.at, entry.expires_at, list(&entry.state.firing), list(&entry.state.resolved))
}

fn decode(value: &[u8]) -> Option<LogEntry> {
    let mut parts = std::str::from_utf8(value).ok()?.split(' ');
    let at = parts.next()?.parse().ok()?;
    let expires_at = parts.next()?.parse().ok()?;
    let mut set = || -> Option<BTreeSet<Fingerprint>> {
        let list = parts.next()?.split(',').filter(|part| !part.is_empty());
        list.map(|part| u64::from_str_radix(part, 16).ok().map(Fingerprint)).collect()
    };
    Some(LogEntry { at, expires_at, state: GroupState { firing: set()?, resolved: set()? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back() {
        let state = GroupState { firing: [Fingerprint(1), Fingerprint(u64::MAX)].into(), resolved: BTreeSet::new() };
        let entry = LogEntry { at: 5, expires_at: 10, state };
        assert_eq!(decode(encode(&entry).as_bytes()), Some(entry));
        assert_eq!(decode(b"nonsense"), None);
    }
}
