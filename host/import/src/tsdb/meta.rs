//! `meta.json`: what a block says of itself.

use serde::Deserialize;

use crate::BlockInfo;
use crate::files::Files;

/// The file, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    ulid: String,
    min_time: i64,
    max_time: i64,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    compaction: Compaction,
    version: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_samples: u64,
    num_series: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Compaction {
    parents: Vec<Parent>,
    hints: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    ulid: String,
}

/// The version that all Prometheus 2 and 3 write.
const VERSION: u64 = 1;
const OUT_OF_ORDER: &str = "from-out-of-order";

impl Meta {
    /// Reads it; the error says what is wrong, without the block's name.
    pub(super) fn read(files: &Files, ulid: &str) -> Result<Self, String> {
        let name = format!("{ulid}/meta.json");
        let bytes = files.blob(&name).and_then(|blob| blob.read_all()).map_err(|_| "cannot read meta.json".to_owned())?;
        let meta: Self = serde_json::from_slice(&bytes).map_err(|error| format!("cannot understand meta.json: {error}"))?;
        if meta.version != VERSION {
            return Err(format!("its meta.json has version {}, and {VERSION} is known", meta.version));
        }
        Ok(Self { ulid: ulid.to_owned(), ..meta })
    }

    /// The blocks that went into this one.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        self.compaction.parents.iter().map(|parent| parent.ulid.as_str()).filter(|parent| *parent != self.ulid)
    }

    pub(super) fn into_info(self) -> BlockInfo {
        BlockInfo {
            is_out_of_order: self.compaction.hints.iter().any(|hint| hint == OUT_OF_ORDER),
            ulid: self.ulid,
            min_time: self.min_time,
            max_time: self.max_time,
            samples: self.stats.num_samples,
            series: self.stats.num_series,
        }
    }
}
