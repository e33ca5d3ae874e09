//! Metadata of series, each distinct one once.

use std::sync::Arc;

use cepmon_model::{MetricKind, MetricMetadata};
use hashbrown::HashTable;
use xxhash_rust::xxh3::Xxh3;

/// A metadata's number; 0 = none is known.
pub(super) type MetadataId = u32;

/// Distinct metadata that are kept; series beyond it have none. A server has a few thousand metrics; only a target that makes up help
/// texts gets here.
const MAX_METADATA: usize = 1 << 16;

/// Numbered metadata.
#[derive(Debug)]
pub(super) struct MetadataTable {
    all: Vec<Arc<MetricMetadata>>,
    lookup: HashTable<MetadataId>,
}

impl Default for MetadataTable {
    fn default() -> Self {
        Self { all: vec![Arc::default()], lookup: HashTable::new() }
    }
}

impl MetadataTable {
    pub(super) fn intern(&mut self, metadata: &MetricMetadata) -> MetadataId {
        if metadata.kind == MetricKind::Unknown && metadata.unit.is_empty() && metadata.help.is_empty() {
            return 0;
        }
        let hash = hash(metadata);
        if let Some(&id) = self.lookup.find(hash, |&id| *self.all[id as usize] == *metadata) {
            return id;
        }
        if self.all.len() >= MAX_METADATA {
            return 0;
        }
        let id = self.all.len() as MetadataId;
        self.all.push(Arc::new(metadata.clone()));
        let all = &self.all;
        self.lookup.insert_unique(hash, id, |&id| self::hash(&all[id as usize]));
        id
    }

    pub(super) fn get(&self, id: MetadataId) -> &Arc<MetricMetadata> {
        self.all.get(id as usize).unwrap_or(&self.all[0])
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.all.iter().map(|metadata| metadata.unit.len() + metadata.help.len() + 80).sum()
    }
}

fn hash(metadata: &MetricMetadata) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&[metadata.kind as u8]);
    hash.update(metadata.unit.as_bytes());
    hash.update(&[0xff]);
    hash.update(metadata.help.as_bytes());
    hash.digest()
}
