//! Quantiles of a window that moves. From one step to the next most samples may stay, and then their order is kept.

use super::Window;
use crate::vector::aggregate::{ascending_from_nan, quantile_of, quantile_of_sorted};

/// A window's values, and their order as long as it is worth keeping.
#[derive(Debug, Default)]
pub(super) struct SortedWindow {
    /// The values in the order of time, from the place `first` of the series on.
    values: Vec<f64>,
    first: usize,
    /// The same, smallest first; of no use unless `is_sorted`.
    sorted: Vec<f64>,
    is_sorted: bool,
}

/// With more than one in so many values exchanged, their order is not worth keeping: a single exchange moves half of the others, and to
/// find one rank takes no order.
const MOST_EXCHANGED: usize = 8;

impl SortedWindow {
    /// A quantile of a window, which must not lie before the last one.
    pub(super) fn quantile(&mut self, quantile: f64, window: &Window<'_>) -> f64 {
        let leaving = (window.first - self.first).min(self.values.len());
        let staying = self.values.len() - leaving;
        let entering = &window.values[staying..];
        let is_worth_it = (leaving + entering.len()) * MOST_EXCHANGED <= window.values.len();
        if is_worth_it && !self.is_sorted {
            self.sorted.clear();
            self.sorted.extend_from_slice(window.values);
            self.sorted.sort_unstable_by(ascending_from_nan);
        } else if is_worth_it {
            for value in &self.values[..leaving] {
                // Of equal ones any may go.
                self.sorted.remove(place_of(&self.sorted, value));
            }
            for value in entering {
                self.sorted.insert(place_of(&self.sorted, value), *value);
            }
        }
        self.is_sorted = is_worth_it;
        self.first = window.first;
        self.values.clear();
        self.values.extend_from_slice(window.values);
        if self.is_sorted {
            return quantile_of_sorted(quantile, &self.sorted);
        }
        self.sorted.clone_from(&self.values);
        quantile_of(quantile, &mut self.sorted)
    }
}

fn place_of(sorted: &[f64], value: &f64) -> usize {
    sorted.partition_point(|other| ascending_from_nan(other, value).is_lt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_same_however_the_window_moves() {
        let values: Vec<f64> = (0..200).map(|index| if index % 17 == 3 { f64::NAN } else { f64::from(index * 7919 % 101) }).collect();
        let timestamps = vec![0; values.len()];
        let mut sorted = SortedWindow::default();
        for (first, end) in [(0, 1), (0, 40), (1, 41), (1, 41), (3, 43), (3, 60), (59, 61), (61, 80), (90, 190), (91, 191), (95, 200)] {
            let (timestamps, values) = (&timestamps[first..end], &values[first..end]);
            let window = Window { first, timestamps, values, histograms: &[], start: 0, end: 0, now: 0, extension: None };
            for quantile in [0.0, 0.3, 0.9, 1.0] {
                let want = quantile_of(quantile, &mut values.to_vec());
                assert_eq!(sorted.quantile(quantile, &window).to_bits(), want.to_bits(), "{quantile} of {first}..{end}");
            }
        }
    }
}
