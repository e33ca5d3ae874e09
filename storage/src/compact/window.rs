//! Time windows: aligned spans of a day or, with a short retention, less. A merged block lies within one.

use std::ops::Range;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The longest window: a UTC day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Spans that a day is a multiple of, longest first.
const WIDTHS_MS: [i64; 10] =
    [DAY_MS, 12 * HOUR_MS, 8 * HOUR_MS, 6 * HOUR_MS, 4 * HOUR_MS, 3 * HOUR_MS, 2 * HOUR_MS, HOUR_MS, 15 * MINUTE_MS, MINUTE_MS];

/// Neighbouring windows that are written at the same time: each open block costs a few megabytes.
const OPEN_WINDOWS: i64 = 8;

/// How long a window is: a tenth of the retention's age, so that whole blocks leave close to their time, but at least what a flush spans.
pub(crate) fn width_ms(max_age_ms: Option<i64>, flush_ms: i64) -> i64 {
    let longest = max_age_ms.map_or(DAY_MS, |age| (age / 10).max(flush_ms));
    WIDTHS_MS.into_iter().find(|&width| width <= longest).unwrap_or(MINUTE_MS)
}

/// The number of the window that a time lies in.
pub(crate) fn window_of(time: i64, width: i64) -> i64 {
    time.div_euclid(width)
}

/// Sorts rows into windows, a few per pass over the rows: late rows may belong to any number of windows.
#[derive(Debug)]
pub(super) struct Windows {
    /// `None` = everything is one window.
    width: Option<i64>,
    /// The first window of this pass; rows of earlier ones are in blocks already.
    first: i64,
    /// The first window beyond this pass that has a row.
    next: Option<i64>,
}

impl Windows {
    /// The first pass over rows that begin at a time. With `None` for the width, all rows are in window 0.
    pub(super) fn new(width: Option<i64>, min_time: i64) -> Self {
        Self { width, first: width.map_or(0, |width| window_of(min_time, width)), next: None }
    }

    /// Calls `take` with the window of each run of rows that belongs to this pass. `times` ascend.
    pub(super) fn split<E>(&mut self, times: &[i64], mut take: impl FnMut(i64, Range<usize>) -> Result<(), E>) -> Result<(), E> {
        let Some(width) = self.width else { return take(0, 0..times.len()) };
        let mut start = 0;
        while let Some(&time) = times.get(start) {
            let window = window_of(time, width);
            let end = start + times[start..].partition_point(|&time| window_of(time, width) == window);
            if (self.first..self.first + OPEN_WINDOWS).contains(&window) {
                take(window, start..end)?;
            } else if window > self.first {
                self.next = Some(self.next.map_or(window, |next| next.min(window)));
                return Ok(());
            }
            start = end;
        }
        Ok(())
    }

    /// The next pass; `None` if all rows were written.
    pub(super) fn next_pass(&self) -> Option<Self> {
        self.next.map(|first| Self { width: self.width, first, next: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_tenth_of_the_retention_at_most_a_day_and_at_least_a_flush() {
        let check = |max_age_hours: Option<i64>, want_hours: i64| {
            assert_eq!(width_ms(max_age_hours.map(|hours| hours * HOUR_MS), 2 * HOUR_MS), want_hours * HOUR_MS, "{max_age_hours:?}");
        };
        check(None, 24);
        check(Some(30 * 24), 24);
        check(Some(5 * 24), 12);
        check(Some(36), 3);
        check(Some(1), 2);
        assert_eq!(width_ms(Some(1000), 1000), MINUTE_MS);
    }

    #[test]
    fn every_row_is_taken_once_however_many_windows_there_are() {
        let times: Vec<i64> = vec![-25, -1, 0, 3, 9, 10, 95, 5_000, 5_001, i64::MAX / 2];
        let (mut taken, mut passes) = (Vec::new(), 0);
        let mut windows = Some(Windows::new(Some(10), -25));
        while let Some(mut pass) = windows {
            pass.split(&times, |window, rows| {
                assert!(rows.clone().all(|row| window_of(times[row], 10) == window));
                taken.extend(rows);
                Ok::<(), ()>(())
            })
            .unwrap();
            passes += 1;
            windows = pass.next_pass();
        }
        assert_eq!(taken, (0..times.len()).collect::<Vec<_>>());
        assert_eq!(passes, 4);
    }
}
