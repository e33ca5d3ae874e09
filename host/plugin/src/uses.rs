//! What a plugin really used of its grants since the host started: the ground on which `cepmon plugin audit` names grants that could
//! go, or be narrower.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::grant::Capability;

/// Different things remembered of one plugin and capability; further ones are only counted as such.
const MAX_DIFFERENT: usize = 500;

/// Uses of one plugin, by capability and object.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<BTreeMap<Capability, BTreeMap<String, u64>>>);

/// What stands for the objects beyond [`MAX_DIFFERENT`].
pub(crate) const OTHERS: &str = "(others)";

impl Uses {
    /// Counts one use of a file, a host and port, a request, a secret or a flag such as `target`.
    pub(crate) fn record(&self, capability: Capability, object: &str) {
        let mut uses = crate::lock_mutex(&self.0);
        let objects = uses.entry(capability).or_default();
        // Looked up before an entry is made of it: a use seen before costs no allocation.
        if let Some(count) = objects.get_mut(object) {
            *count += 1;
            return;
        }
        let object = if objects.len() < MAX_DIFFERENT { object } else { OTHERS };
        *objects.entry(object.to_owned()).or_default() += 1;
    }

    /// All of them: capability, object, times.
    pub(crate) fn read(&self) -> Vec<(Capability, String, u64)> {
        let uses = crate::lock_mutex(&self.0);
        let objects =
            uses.iter().flat_map(|(capability, objects)| objects.iter().map(|(object, count)| (*capability, object.clone(), *count)));
        objects.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_counted_and_bounded() {
        let uses = Uses::default();
        for _ in 0..3 {
            uses.record(Capability::Files, "/proc/stat");
        }
        for number in 0..2 * MAX_DIFFERENT {
            uses.record(Capability::Http, &format!("h{number}:80"));
        }
        let all = uses.read();
        assert_eq!(all[0], (Capability::Files, "/proc/stat".to_owned(), 3));
        assert_eq!(all.len(), 1 + MAX_DIFFERENT + 1);
        assert!(all.contains(&(Capability::Http, OTHERS.to_owned(), MAX_DIFFERENT as u64)));
    }
}
