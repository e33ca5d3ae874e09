//! Sums that keep the small digits (Kahan and Neumaier), and means that do not overflow, as Prometheus computes them.

/// A sum with its compensation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KahanSum {
    sum: f64,
    compensation: f64,
}

impl KahanSum {
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.compensation = match () {
            () if total.is_infinite() => 0.0,
            () if self.sum.abs() >= value.abs() => self.compensation + ((self.sum - total) + value),
            () => self.compensation + ((value - total) + self.sum),
        };
        self.sum = total;
    }

    /// The sum and the compensation after one more value.
    pub(super) fn step(sum: f64, compensation: f64, value: f64) -> (f64, f64) {
        let mut next = Self { sum, compensation };
        next.add(value);
        (next.sum, next.compensation)
    }

    pub(crate) fn total(&self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }
}

/// A mean: a sum over a count while the sum is finite, from then on updated value by value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: KahanSum,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut next = self.sum;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.is_incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        self.sum.sum *= weight;
        self.sum.compensation *= weight;
        self.sum.add(value / self.count);
    }

    pub(crate) fn total(&self) -> f64 {
        let divisor = if self.is_incremental { 1.0 } else { self.count };
        self.sum.sum / divisor + self.sum.compensation / divisor
    }
}

/// The sum of all values.
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = KahanSum::default();
    for value in values {
        sum.add(value);
    }
    sum.total()
}

/// The mean of all values; NaN if there are none.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut mean = Mean::default();
    for value in values {
        mean.add(value);
    }
    mean.total()
}

/// The population variance (Welford's algorithm, compensated); NaN if there are no values.
pub(crate) fn variance(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, KahanSum::default(), KahanSum::default());
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.compensation);
        mean.add(delta / count);
        squares.add(delta * (value - (mean.sum + mean.compensation)));
    }
    (squares.sum + squares.compensation) / count
}
