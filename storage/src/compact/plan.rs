//! Which blocks to merge next. Pure: entries in, a plan out.
//!
//! Blocks of the same level are merged eight at a time into one of the next level; when a window (a day) is over, whatever there is of it
//! becomes one block of the last level. So a sample is written at most five times (flush, three levels, day), a day has at most eight
//! blocks per level (and one for each 512 flushes) while it lasts, and late data for old days goes through the same levels before a day
//! is written again: when it has grown by half, or after a day.

use std::collections::HashMap;

use super::window::{DAY_MS, window_of};
use crate::dir::manifest::{BlockEntry, BlockKind};

/// Blocks of a level that are merged into one of the next.
const FAN_IN: usize = 8;
/// The highest level of blocks that only hold a part of a window.
const LAST_PART: u8 = 3;
/// The level of blocks that hold what there is of a window.
pub(crate) const WHOLE: u8 = 4;
/// Blocks that are merged at once: each costs about 5 MB while it is read.
const MAX_INPUTS: usize = 10;
/// A block is not merged beyond this: a footer in memory is about a hundredth of its block. At 100,000 samples/s a day has about eight such.
const MAX_BYTES: u64 = 1 << 30;
/// A day is written again when late data is at least one part in so many of its bytes: a day that is
/// filled late, flush by flush, is then written about three times.
const LATE_SHARE: u64 = 2;

/// What the plan depends on besides the blocks. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) now_ms: i64,
    pub(crate) window_ms: i64,
    /// How long data may stay in memory after its time.
    pub(crate) flush_ms: i64,
    /// What retention by size leaves.
    pub(crate) max_bytes: Option<u64>,
}

/// Blocks to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Their places in the list of blocks, ascending: oldest first.
    pub(crate) inputs: Vec<usize>,
    /// The level of the outputs.
    pub(crate) level: u8,
    /// The window whose output has the level `WHOLE`.
    pub(crate) whole: Option<i64>,
    /// The windows' length in the unit of the blocks' times.
    pub(crate) width: i64,
}

/// When each block that is a part of a window was first seen, by name.
pub(crate) type FirstSeen = HashMap<String, i64>;

/// The next merge of one kind's blocks, if one is due. `blocks` are the entries of that kind with their places, oldest first.
pub(crate) fn plan(blocks: &[(usize, &BlockEntry)], rules: &Rules, first_seen: &FirstSeen) -> Option<Plan> {
    let unit = blocks.first().map_or(1, |(_, entry)| if entry.kind == BlockKind::Logs { 1_000_000 } else { 1 });
    let width = rules.window_ms.saturating_mul(unit);
    let cap = rules.max_bytes.map_or(MAX_BYTES, |bytes| (bytes / 10).min(MAX_BYTES));
    let part = |entry: &BlockEntry| entry.level < WHOLE && entry.bytes < cap;
    let parts: Vec<(usize, &BlockEntry)> = blocks.iter().copied().filter(|(_, entry)| part(entry)).collect();
    let windows = |entry: &BlockEntry| (window_of(entry.min_ts, width), window_of(entry.max_ts, width));
    let is_over = |window: i64| {
        let end_ms = (i128::from(window) + 1) * i128::from(rules.window_ms);
        end_ms + i128::from(rules.flush_ms) <= i128::from(rules.now_ms)
    };
    tier(&parts, cap, width).or_else(|| {
        let mut over: Vec<i64> = parts.iter().map(|(_, entry)| windows(entry).1).filter(|&window| is_over(window)).collect();
        over.sort_unstable();
        over.dedup();
        over.into_iter().find_map(|window| {
            let touches = |entry: &BlockEntry| (windows(entry).0..=windows(entry).1).contains(&window);
            let parts: Vec<_> = parts.iter().copied().filter(|(_, entry)| touches(entry)).collect();
            let wholes: Vec<_> = blocks.iter().copied().filter(|(_, entry)| entry.level == WHOLE && touches(entry)).collect();
            finish(parts, &wholes, Finish { window, cap, width, now_ms: rules.now_ms }, first_seen)
        })
    })
}

/// Eight blocks of one level; of one window, but for those that were just flushed, which need not lie in one. The youngest block stays as
/// it is: what is asked for most is the last minutes, and they are found fastest in a small block.
fn tier(parts: &[(usize, &BlockEntry)], cap: u64, width: i64) -> Option<Plan> {
    let youngest = parts.iter().max_by_key(|(_, entry)| entry.max_ts)?.0;
    (0..LAST_PART).find_map(|level| {
        let mut groups: HashMap<i64, Vec<(usize, &BlockEntry)>> = HashMap::new();
        // Blocks of a quarter of the cap are large enough already.
        let is_meant = |(place, entry): &&(usize, &BlockEntry)| *place != youngest && entry.level == level && entry.bytes <= cap / 4;
        for &(place, entry) in parts.iter().filter(is_meant) {
            let window = if level == 0 { 0 } else { window_of(entry.min_ts, width) };
            groups.entry(window).or_default().push((place, entry));
        }
        let full = groups.into_iter().filter(|(_, group)| group.len() >= FAN_IN).min_by_key(|(window, _)| *window)?.1;
        let inputs = within(full.into_iter().take(FAN_IN), cap);
        (inputs.len() > 1).then_some(Plan { inputs, level: level + 1, whole: None, width })
    })
}

/// A window that is over.
#[derive(Debug, Clone, Copy)]
struct Finish {
    window: i64,
    cap: u64,
    width: i64,
    now_ms: i64,
}

/// What is left of a window that is over, into one block, with the one that there is if that pays.
fn finish<'a>(
    mut parts: Vec<(usize, &'a BlockEntry)>,
    wholes: &[(usize, &'a BlockEntry)],
    over: Finish,
    first_seen: &FirstSeen,
) -> Option<Plan> {
    let Finish { window, cap, width, now_ms } = over;
    if parts.len() > MAX_INPUTS {
        // Too many to read at once: the smallest first.
        parts.sort_by_key(|(_, entry)| entry.level);
        parts.truncate(MAX_INPUTS);
        let level = parts.last().map_or(1, |(_, entry)| (entry.level + 1).min(LAST_PART));
        parts.sort_by_key(|(place, _)| *place);
        let inputs = within(parts.into_iter(), cap);
        return (inputs.len() > 1).then_some(Plan { inputs, level, whole: None, width });
    }
    let bytes = |blocks: &[(usize, &BlockEntry)]| blocks.iter().map(|(_, entry)| entry.bytes).sum::<u64>();
    if !wholes.is_empty() {
        let is_large = bytes(&parts).saturating_mul(LATE_SHARE) >= bytes(wholes);
        let has_waited =
            parts.iter().any(|(_, entry)| first_seen.get(&entry.name).is_some_and(|&seen| now_ms.saturating_sub(seen) >= DAY_MS));
        if !is_large && !has_waited {
            return None;
        }
        if bytes(&parts).saturating_add(bytes(wholes)) <= cap {
            parts.extend_from_slice(wholes);
            parts.sort_by_key(|(place, _)| *place);
        }
    }
    let reaches_beyond = |entry: &BlockEntry| window_of(entry.min_ts, width) != window || window_of(entry.max_ts, width) != window;
    let is_split = parts.iter().any(|(_, entry)| reaches_beyond(entry));
    let inputs = within(parts.into_iter(), cap);
    // One block alone is written again too: once, compressed for the long run.
    let is_due = inputs.len() > 1 || is_split || wholes.is_empty();
    (is_due && !inputs.is_empty()).then_some(Plan { inputs, level: 1, whole: Some(window), width })
}

/// The first blocks that together stay below the cap.
fn within<'a>(blocks: impl Iterator<Item = (usize, &'a BlockEntry)>, cap: u64) -> Vec<usize> {
    let mut bytes = 0u64;
    let fitting = blocks.take_while(|(_, entry)| {
        bytes = bytes.saturating_add(entry.bytes);
        bytes <= cap
    });
    fitting.map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const HOUR: i64 = DAY / 24;

    fn entry(number: usize, level: u8, min_ts: i64, max_ts: i64, bytes: u64) -> BlockEntry {
        BlockEntry { name: format!("{number:08}"), kind: BlockKind::Metrics, rows: 1, min_ts, max_ts, bytes, level }
    }

    fn next(entries: &[BlockEntry], now_ms: i64, max_bytes: Option<u64>, first_seen: &FirstSeen) -> Option<(Vec<usize>, u8, Option<i64>)> {
        let rules = Rules { now_ms, window_ms: DAY, flush_ms: 2 * HOUR, max_bytes };
        let blocks: Vec<(usize, &BlockEntry)> = entries.iter().enumerate().collect();
        plan(&blocks, &rules, first_seen).map(|plan| (plan.inputs, plan.level, plan.whole))
    }

    #[test]
    fn eight_blocks_of_a_level_become_one_of_the_next_and_the_last_level_waits_for_the_end_of_the_day() {
        let of = |count: usize, level: u8| (0..count).map(|number| entry(number, level, HOUR, HOUR + 1, 10)).collect::<Vec<_>>();
        let now = 2 * HOUR;
        assert_eq!(next(&of(8, 0), now, None, &FirstSeen::new()), None);
        assert_eq!(next(&of(9, 0), now, None, &FirstSeen::new()), Some(((0..8).collect(), 1, None)));
        assert_eq!(next(&of(9, 2), now, None, &FirstSeen::new()), Some(((0..8).collect(), 3, None)));
        assert_eq!(next(&of(8, 3), now, None, &FirstSeen::new()), None);
        assert_eq!(next(&of(8, 3), DAY + 2 * HOUR, None, &FirstSeen::new()), Some(((0..8).collect(), 1, Some(0))));
    }

    #[test]
    fn a_day_waits_for_what_may_still_be_in_memory_and_takes_the_block_that_reaches_into_the_next() {
        let entries = [entry(1, 1, 0, HOUR, 10), entry(2, 0, DAY - HOUR, DAY + HOUR, 10), entry(3, 0, DAY + HOUR, DAY + 2 * HOUR, 10)];
        assert_eq!(next(&entries, DAY + HOUR, None, &FirstSeen::new()), None);
        // The first block's day is over, the second one's youngest is not; the second holds some of the first day.
        assert_eq!(next(&entries, DAY + 2 * HOUR, None, &FirstSeen::new()), Some((vec![0, 1], 1, Some(0))));
    }

    #[test]
    fn late_data_waits_until_it_is_half_of_its_day_or_a_day_old() {
        let with_late = |bytes: u64| [entry(1, WHOLE, 0, HOUR, 100), entry(2, 0, 5, 6, bytes)];
        let now = 9 * DAY;
        assert_eq!(next(&with_late(49), now, None, &FirstSeen::new()), None);
        assert_eq!(next(&with_late(50), now, None, &FirstSeen::new()), Some((vec![0, 1], 1, Some(0))));
        let seen = FirstSeen::from([("00000002".to_owned(), now - DAY)]);
        assert_eq!(next(&with_late(1), now, None, &seen), Some((vec![0, 1], 1, Some(0))));
    }

    #[test]
    fn no_merge_makes_a_block_that_holds_more_than_a_tenth_of_what_retention_leaves() {
        let entries = [entry(1, 0, 0, 1, 60), entry(2, 0, 2, 3, 30), entry(3, 0, 4, 5, 30)];
        let now = 9 * DAY;
        assert_eq!(next(&entries, now, Some(2000), &FirstSeen::new()), Some((vec![0, 1, 2], 1, Some(0))));
        assert_eq!(next(&entries, now, Some(1000), &FirstSeen::new()), Some((vec![0, 1], 1, Some(0))));
        assert_eq!(next(&entries, now, Some(600), &FirstSeen::new()), Some((vec![1, 2], 1, Some(0))));
        assert_eq!(next(&entries, now, Some(100), &FirstSeen::new()), None);
    }

    #[test]
    fn more_blocks_than_can_be_read_at_once_are_merged_in_two_steps() {
        let entries: Vec<BlockEntry> = (0..14).map(|number| entry(number, 2 + u8::from(number < 7), 0, HOUR, 10)).collect();
        // Seven of each of two levels: the lower ones and some of the others.
        let (inputs, level, whole) = next(&entries, 9 * DAY, None, &FirstSeen::new()).unwrap();
        assert_eq!((inputs, level, whole), (vec![0, 1, 2, 7, 8, 9, 10, 11, 12, 13], 3, None));
    }
}
