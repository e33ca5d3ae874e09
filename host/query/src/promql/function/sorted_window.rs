//! The values of a window in order, kept while it moves: from one step to the next most samples stay.

use super::Window;
use crate::vector::aggregate::ascending_from_nan;

/// A window's values, smallest first.
#[derive(Debug, Default)]
pub(super) struct SortedWindow {
    sorted: Vec<f64>,
    /// The values in their own order, from the place `first` of the series on.
    values: Vec<f64>,
    first: usize,
}

/// If more than one in so many values is exchanged, all are sorted anew: a single exchange moves half of the others.
const MOST_EXCHANGED: usize = 8;

impl SortedWindow {
    /// The values of a window, which must not lie before the last one.
    pub(super) fn move_to(&mut self, window: &Window<'_>) -> &[f64] {
        let leaving = (window.first - self.first).min(self.values.len());
        let staying = self.values.len() - leaving;
        let entering = &window.values[staying..];
        if (leaving + entering.len()) * MOST_EXCHANGED > window.values.len() {
            self.sorted.clear();
            self.sorted.extend_from_slice(window.values);
            self.sorted.sort_unstable_by(ascending_from_nan);
        } else {
            for value in &self.values[..leaving] {
                // Of equal ones any may go.
                let place = self.sorted.partition_point(|other| ascending_from_nan(other, value).is_lt());
                self.sorted.remove(place);
            }
            for value in entering {
                let place = self.sorted.partition_point(|other| ascending_from_nan(other, value).is_lt());
                self.sorted.insert(place, *value);
            }
        }
        self.first = window.first;
        self.values.clear();
        self.values.extend_from_slice(window.values);
        &self.sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_however_the_window_moves() {
        let values: Vec<f64> = (0..200).map(|index| if index % 17 == 3 { f64::NAN } else { f64::from(index * 7919 % 101) }).collect();
        let timestamps = vec![0; values.len()];
        let mut sorted = SortedWindow::default();
        for (first, end) in [(0, 1), (0, 40), (1, 41), (1, 41), (3, 60), (59, 61), (61, 80), (90, 190), (91, 191), (95, 200)] {
            let (timestamps, values) = (&timestamps[first..end], &values[first..end]);
            let window = Window { first, timestamps, values, start: 0, end: 0, now: 0, extension: None };
            let mut want = values.to_vec();
            want.sort_by(ascending_from_nan);
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(sorted.move_to(&window)), bits(&want), "{first}..{end}");
        }
    }
}
