//! Samples of a series that came after younger ones, sorted by time. There are few: a late scrape, a backfill.

/// Late samples: times ascending, no two equal.
#[derive(Debug, Clone, Default)]
pub(super) struct LateSamples(Vec<(i64, u64)>);

impl LateSamples {
    /// Adds a sample whose time is not there yet. Late samples mostly come in order among themselves, so this mostly appends.
    pub(super) fn insert(&mut self, timestamp: i64, value: u64) {
        let position = self.0.partition_point(|&(time, _)| time < timestamp);
        self.0.insert(position, (timestamp, value));
    }

    pub(super) fn find(&self, timestamp: i64) -> Option<u64> {
        self.0.binary_search_by_key(&timestamp, |&(time, _)| time).ok().map(|index| self.0[index].1)
    }

    pub(super) fn first_timestamp(&self) -> Option<i64> {
        self.0.first().map(|&(time, _)| time)
    }

    /// The samples between two times, inclusive.
    pub(super) fn range(&self, (start, end): (i64, i64)) -> &[(i64, u64)] {
        let from = self.0.partition_point(|&(time, _)| time < start);
        let to = self.0.partition_point(|&(time, _)| time <= end);
        self.0.get(from..to).unwrap_or_default()
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}
