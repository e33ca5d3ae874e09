//! Every limit of a guest, all set, none at wasmtime's default, and the memory limiter that remembers what it refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::manifest::{Manifest, PluginKind};

/// Limits of the host; a manifest may ask for less memory, never for more; the operator sets others per plugin ([`LimitOverrides`]). [`Limits::default`] is what DESIGN.md lays down.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one guest, bytes.
    pub memory_bytes: usize,
    /// Linear memory of one guest of a `reuse` exporter, bytes: a scraper holds the whole body and its columns.
    pub scraper_memory_bytes: usize,
    /// Linear memory of all guests together, bytes.
    pub total_memory_bytes: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// CPU time of one call, host functions included.
    pub cpu: Duration,
    /// Wall time of one call of a log parser; exporters and probes have the scrape's time-out.
    pub parse_time: Duration,
    /// Log output of one call, bytes; the rest is dropped and counted.
    pub log_bytes: usize,
    /// Bytes of one file read.
    pub file_bytes: usize,
    /// Bytes of one HTTP body, after decompression.
    pub body_bytes: usize,
    /// Bytes that one call moves over the network, both directions and all its connections together.
    pub network_bytes: usize,
    /// Samples of one call.
    pub samples: usize,
    /// Bytes of series texts of one call.
    pub series_bytes: usize,
    /// Samples of one call of a `reuse` exporter.
    pub scraper_samples: usize,
    /// Bytes of series texts of one call of a `reuse` exporter.
    pub scraper_series_bytes: usize,
    /// Bytes of `batch.text`, and of `extra` of a log batch.
    pub text_bytes: usize,
    /// Size of a plugin's file.
    pub wasm_bytes: usize,
    /// Guests of one plugin at work at the same time; further calls wait within their deadline.
    pub guests_per_plugin: usize,
    /// Idle guests kept of one `reuse` plugin.
    pub idle_guests: usize,
    /// An idle guest is dropped after that time.
    pub idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            scraper_memory_bytes: 192 << 20,
            total_memory_bytes: 512 << 20,
            table_elements: 20_000,
            cpu: Duration::from_secs(1),
            parse_time: Duration::from_secs(10),
            log_bytes: 64 << 10,
            file_bytes: 16 << 20,
            body_bytes: 64 << 20,
            network_bytes: 256 << 20,
            samples: 50_000,
            series_bytes: 8 << 20,
            scraper_samples: 500_000,
            scraper_series_bytes: 64 << 20,
            text_bytes: 64 << 20,
            wasm_bytes: 32 << 20,
            guests_per_plugin: 64,
            idle_guests: 4,
            idle_time: Duration::from_secs(60),
        }
    }
}

/// What the operator sets for one plugin in the place of the host's limits, and of what its manifest asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    /// Linear memory of one guest, bytes; at most [`Limits::plugin_memory_bytes`].
    pub memory_bytes: Option<usize>,
    /// CPU time of one call.
    pub cpu: Option<Duration>,
    /// Samples of one call.
    pub samples: Option<usize>,
    /// Bytes of series texts of one call.
    pub series_bytes: Option<usize>,
    /// Log output of one call, bytes.
    pub log_bytes: Option<usize>,
    /// Bytes of one HTTP body.
    pub body_bytes: Option<usize>,
    /// Bytes that one call moves over the network.
    pub network_bytes: Option<usize>,
    /// Guests at work at the same time.
    pub guests: Option<usize>,
}

/// The limits of one plugin's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallLimits {
    pub(crate) memory_bytes: usize,
    /// A guest that has grown beyond this is not used again: half of what an ordinary guest may have, also for scrapers, whose
    /// larger limit is for one huge body and not for keeping.
    pub(crate) reuse_bytes: usize,
    pub(crate) table_elements: usize,
    pub(crate) cpu: Duration,
    pub(crate) log_bytes: usize,
    pub(crate) file_bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) network_bytes: usize,
    pub(crate) samples: usize,
    pub(crate) series_bytes: usize,
    pub(crate) text_bytes: usize,
    /// What wasmtime may copy from the guest in one crossing. It is charged on results too (held by a test).
    pub(crate) crossing_bytes: usize,
    pub(crate) guests: usize,
}

impl Limits {
    pub(crate) fn of(&self, manifest: &Manifest, overrides: &LimitOverrides) -> CallLimits {
        let is_scraper = manifest.reuse && manifest.kind == PluginKind::Exporter;
        let pick = |ordinary, scraper| if is_scraper { scraper } else { ordinary };
        let samples = overrides.samples.unwrap_or(pick(self.samples, self.scraper_samples));
        let text_bytes = if is_scraper || manifest.kind == PluginKind::LogParser { self.text_bytes } else { self.text_bytes.min(16 << 20) };
        let memory_bytes = pick(self.memory_bytes, self.scraper_memory_bytes);
        let memory_bytes = manifest.limits.memory_bytes().map_or(memory_bytes, |asked| asked.min(memory_bytes));
        let memory_bytes = overrides.memory_bytes.map_or(memory_bytes, |bytes| bytes.min(self.plugin_memory_bytes()));
        let series_bytes = overrides.series_bytes.unwrap_or(pick(self.series_bytes, self.scraper_series_bytes));
        let text_bytes = text_bytes.max(series_bytes);
        CallLimits {
            memory_bytes,
            reuse_bytes: memory_bytes.min(self.memory_bytes.max(overrides.memory_bytes.unwrap_or(0))) / 2,
            table_elements: self.table_elements,
            cpu: overrides.cpu.unwrap_or(self.cpu),
            log_bytes: overrides.log_bytes.unwrap_or(self.log_bytes),
            file_bytes: self.file_bytes,
            body_bytes: overrides.body_bytes.unwrap_or(self.body_bytes),
            network_bytes: overrides.network_bytes.unwrap_or(self.network_bytes),
            samples,
            series_bytes,
            text_bytes,
            // Per sample: span, value, timestamp, start time and some room for families.
            crossing_bytes: text_bytes + samples * 48 + (1 << 20),
            guests: overrides.guests.unwrap_or(self.guests_per_plugin).max(1),
        }
    }

    /// Linear memory of the guests of one plugin together, and so the most that one may have: half of all, so that one plugin never takes
    /// everything.
    pub fn plugin_memory_bytes(&self) -> usize {
        self.total_memory_bytes / 2
    }
}

/// Linear memory of all guests of a host.
#[derive(Debug)]
pub(crate) struct TotalMemory {
    used: AtomicUsize,
    limit: usize,
}

impl TotalMemory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    /// The part of it that the guests of one plugin may have together: half, so that one plugin never takes it all.
    pub(crate) fn share(&self) -> Self {
        Self::new(self.limit / 2)
    }

    fn take(&self, bytes: usize) -> bool {
        let add = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    /// Whether guests that only wait for their next call should rather go.
    pub(crate) fn is_short(&self) -> bool {
        self.used() > self.limit / 2
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    /// Bytes in use now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }
}

/// What a guest was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// More memory than one guest may have.
    Memory,
    /// More memory than all guests of its plugin may have together.
    Share,
    /// Memory, because all guests together have it.
    Total,
    /// Elements of a table.
    Table,
}

/// Watches one guest's memory. Out of memory and a panic look alike from outside (`unreachable`), so it remembers refusals.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    limit: usize,
    reuse_limit: usize,
    table_elements: usize,
    used: usize,
    peak: usize,
    refused: Option<Refused>,
    share: Arc<TotalMemory>,
    total: Arc<TotalMemory>,
}

impl MemoryLimiter {
    /// `share` is what the plugin's guests have together, `total` what all guests have.
    pub(crate) fn new(limits: &CallLimits, share: Arc<TotalMemory>, total: Arc<TotalMemory>) -> Self {
        Self {
            limit: limits.memory_bytes,
            reuse_limit: limits.reuse_bytes,
            table_elements: limits.table_elements,
            used: 0,
            peak: 0,
            refused: None,
            share,
            total,
        }
    }

    /// Starts a new call of a reused guest.
    pub(crate) fn reset(&mut self) {
        self.refused = None;
        self.peak = self.used;
    }

    /// What the guest was refused last in this call.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// The most that the guest had in this call, bytes.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// Whether the guest has grown too large to be used again.
    pub(crate) fn is_too_large_to_keep(&self) -> bool {
        self.used > self.reuse_limit
    }

    fn take(&self, growth: usize) -> Result<(), Refused> {
        if self.used.saturating_add(growth) > self.limit {
            return Err(Refused::Memory);
        }
        if !self.share.take(growth) {
            return Err(Refused::Share);
        }
        if !self.total.take(growth) {
            self.share.give_back(growth);
            return Err(Refused::Total);
        }
        Ok(())
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        if let Err(refused) = self.take(growth) {
            self.refused = Some(refused);
            return Ok(false);
        }
        self.used += growth;
        self.peak = self.peak.max(self.used);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements;
        if !fits {
            self.refused = Some(Refused::Table);
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.share.give_back(self.used);
        self.total.give_back(self.used);
    }
}

/// Core instances of one guest. A Rust plugin has 3; componentize-py's have about 30 shared libraries.
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;
/// Tables of one guest.
pub(crate) const MAX_TABLES: u32 = 64;
/// Linear memories of one guest.
pub(crate) const MAX_MEMORIES: u32 = 4;
/// Handles of one guest, and entries of its resource table: only foreign guests (WASI) have any.
pub(crate) const MAX_RESOURCES: usize = 1_000;
/// Bytes of random data that a foreign guest may ask for at once.
pub(crate) const MAX_RANDOM_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_and_memory_comes_back() {
        let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
        let manifest = "name='a'\nversion='1.0.0'\nkind='exporter'\ndescription='d'\nlicense='x'";
        let limits = limits.of(&Manifest::parse(manifest.as_bytes(), "t").unwrap(), &LimitOverrides::default());
        let total = Arc::new(TotalMemory::new(3 << 20));
        let share = Arc::new(total.share());
        let mut first = MemoryLimiter::new(&limits, Arc::clone(&share), Arc::clone(&total));
        assert!(first.memory_growing(0, 1 << 20, None).unwrap());
        assert!(first.refused().is_none() && first.is_too_large_to_keep());
        assert!(!first.memory_growing(1 << 20, 2 << 20, None).unwrap());
        assert_eq!(first.refused(), Some(Refused::Memory));
        let mut second = MemoryLimiter::new(&limits, Arc::clone(&share), Arc::clone(&total));
        assert!(!second.memory_growing(0, 1 << 20, None).unwrap());
        assert_eq!(second.refused(), Some(Refused::Share), "the guests of one plugin are limited together");
        let neighbours: Vec<_> = (0..3)
            .map(|_| {
                let mut neighbour = MemoryLimiter::new(&limits, Arc::new(total.share()), Arc::clone(&total));
                (neighbour.memory_growing(0, 1 << 20, None).unwrap(), neighbour.refused(), neighbour)
            })
            .collect();
        let answers: Vec<_> = neighbours.iter().map(|(is_granted, refused, _)| (*is_granted, *refused)).collect();
        assert_eq!(answers, [(true, None), (true, None), (false, Some(Refused::Total))], "and so are all guests");
        drop((first, neighbours));
        assert!(second.memory_growing(0, 1 << 20, None).unwrap());
        drop(second);
        assert_eq!((share.used(), total.used()), (0, 0));
    }
}
