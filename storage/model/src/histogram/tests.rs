//! What Prometheus says of the same histograms: bounds, sums, resets, and what is none.

use super::*;

fn buckets(first: i32, counts: &[f64]) -> Vec<Bucket> {
    counts.iter().enumerate().map(|(place, count)| Bucket { index: first + place as i32, count: *count }).collect()
}

fn exponential(schema: i32, first: i32, counts: &[f64]) -> Histogram {
    Histogram { schema, count: counts.iter().sum(), positive: buckets(first, counts), ..Histogram::default() }
}

fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
    let custom_values = bounds.iter().copied().collect();
    Histogram { schema: CUSTOM_BUCKETS, count: counts.iter().sum(), positive: buckets(0, counts), custom_values, ..Histogram::default() }
}

#[test]
fn bounds_have_the_digits_of_prometheus() {
    let upper = |schema, index| exponential(schema, index, &[1.0]).positive_ranges().next().unwrap().upper;
    // Half of each is in the table of Prometheus.
    for (schema, index, half) in [
        (0, 0, 0.5),
        (1, 1, 0.707_106_781_186_547_5),
        (2, 1, 0.594_603_557_501_360_5),
        (2, 3, 0.840_896_415_253_714_4),
        (3, 1, 0.545_253_866_332_628_8),
        (3, 7, 0.917_004_043_204_671_1),
        (4, 5, 0.620_928_906_036_742),
        (4, 11, 0.805_245_165_974_627),
        (5, 7, 0.581_862_429_388_788_7),
        (6, 33, 0.714_806_669_195_984_9),
        (7, 119, 0.952_431_670_908_836_8),
        (8, 1, 0.501_355_637_525_101_3),
        (8, 255, 0.997_296_056_085_469_8),
    ] {
        assert_eq!(upper(schema, index), 2.0 * half, "schema {schema}, bucket {index}");
    }
    assert_eq!((upper(0, -1), upper(0, 3), upper(-1, 1), upper(-4, -1)), (0.5, 8.0, 4.0, 2_f64.powi(-16)));
    assert_eq!((upper(0, 1024), upper(0, 1025), upper(0, -1074), upper(0, -1075)), (f64::MAX, f64::INFINITY, 5e-324, 0.0));
}

#[test]
fn the_coarser_schema_and_the_wider_zero_bucket_win() {
    let mut fine = exponential(1, -3, &[1.0, 2.0, 3.0, 4.0, 5.0]);
    fine.zero_count = 7.0;
    let mut coarse = exponential(0, 1, &[10.0]);
    coarse.zero_threshold = 0.5;
    assert_eq!(fine.add(&coarse), Ok(Combined::default()));
    // Bucket -2 of schema 1 ends at 0.5, what lies below is in the zero bucket.
    assert_eq!((fine.schema, fine.zero_threshold, fine.zero_count), (0, 0.5, 10.0));
    assert_eq!(fine.positive, [Bucket { index: 0, count: 7.0 }, Bucket { index: 1, count: 15.0 }]);
    assert_eq!(fine.add(&custom(&[1.0], &[1.0])), Err(IncompatibleBuckets));
}

#[test]
fn a_threshold_within_a_bucket_moves_to_its_end() {
    let mut wide = exponential(0, 3, &[1.0]);
    wide.zero_threshold = 0.7;
    let narrow = exponential(0, 0, &[4.0, 2.0]);
    wide.add(&narrow).unwrap();
    assert_eq!((wide.zero_threshold, wide.zero_count), (1.0, 4.0));
    assert_eq!(wide.positive, [Bucket { index: 1, count: 2.0 }, Bucket { index: 3, count: 1.0 }]);
}

#[test]
fn custom_bounds_that_both_have_stay() {
    let mut left = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
    let done = left.subtract(&custom(&[2.0, 3.0], &[1.0, 1.0, 4.0])).unwrap();
    assert!(done.bounds_were_reconciled);
    assert_eq!((&*left.custom_values, &*left.positive), (&[2.0][..], &buckets(0, &[2.0, 2.0])[..]));
}

#[test]
fn hints_of_a_sum() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (left, right, hint, hints_collide) in [
        (Reset, Reset, Reset, false),
        (Reset, NotReset, Unknown, true),
        (Unknown, NotReset, Unknown, false),
        (NotReset, Gauge, Gauge, false),
    ] {
        let mut sum = Histogram { hint: left, ..Histogram::default() };
        assert_eq!(sum.add(&Histogram { hint: right, ..Histogram::default() }).unwrap().hints_collide, hints_collide);
        assert_eq!(sum.hint, hint);
    }
}

#[test]
fn resets() {
    let before = exponential(0, 0, &[1.0, 0.0, 3.0]);
    let is_reset = |after: &Histogram| after.is_reset_after(&before);
    assert!(!is_reset(&before));
    assert!(!is_reset(&exponential(0, 0, &[2.0, 0.0, 3.0])));
    assert!(!is_reset(&Histogram { positive: vec![Bucket { index: 0, count: 1.0 }, Bucket { index: 2, count: 3.0 }], ..before.clone() }));
    assert!(is_reset(&exponential(0, 0, &[3.0, 1.0, 2.0])));
    assert!(is_reset(&exponential(0, 1, &[2.0, 5.0])), "a bucket is gone");
    assert!(is_reset(&exponential(1, 0, &[9.0])), "a finer schema");
    assert!(!is_reset(&exponential(-1, 0, &[1.0, 3.0])), "a coarser schema");
    assert!(is_reset(&custom(&[1.0], &[9.0])));
    assert!(is_reset(&Histogram { hint: ResetHint::Reset, count: 90.0, ..before.clone() }));
    assert!(!is_reset(&Histogram { hint: ResetHint::NotReset, ..Histogram::default() }));
    let bounds = custom(&[1.0, 2.0], &[3.0, 3.0]);
    assert!(!custom(&[1.0, 5.0], &[3.0, 3.0]).is_reset_after(&bounds), "only the bound 1 is compared");
    assert!(custom(&[1.0, 5.0], &[2.0, 9.0]).is_reset_after(&bounds));
}

#[test]
fn ranges_ascend_and_stop_at_the_zero_bucket() {
    let histogram = Histogram { zero_threshold: 0.6, zero_count: 1.0, negative: buckets(0, &[2.0]), ..exponential(0, 0, &[3.0]) };
    let ranges: Vec<_> = histogram.ranges().map(|range| (range.lower, range.upper, range.count)).collect();
    assert_eq!(ranges, [(-1.0, -0.6, 2.0), (-0.6, 0.6, 1.0), (0.6, 1.0, 3.0)]);
    let inclusions: Vec<_> = histogram.ranges().map(|range| (range.includes_lower, range.includes_upper)).collect();
    assert_eq!(inclusions, [(true, false), (true, true), (false, true)]);
}

#[test]
fn a_classic_histogram_becomes_a_native_one() {
    let mut classic = ClassicHistogram::default();
    [(2.0, 3.0), (1.0, 1.0), (f64::INFINITY, 4.0), (2.0, 9.0)].into_iter().for_each(|(bound, count)| classic.set_bucket(bound, count));
    classic.set_sum(7.5);
    let native = classic.clone().convert().unwrap();
    assert_eq!(native, Histogram { sum: 7.5, ..custom(&[1.0, 2.0], &[1.0, 2.0, 1.0]) });
    classic.set_count(5.0);
    assert_eq!(classic.convert(), Err(ClassicProblem::CountDiffers { count: 5.0, infinite: 4.0 }));
    let mut falling = ClassicHistogram::default();
    [(1.0, 2.0), (2.0, 1.0)].into_iter().for_each(|(bound, count)| falling.set_bucket(bound, count));
    assert_eq!(falling.convert(), Err(ClassicProblem::NotCumulative { bound: 2.0 }));
}

#[test]
fn what_is_no_histogram_is_refused() {
    assert_eq!(exponential(0, 0, &[1.0, 2.0]).check(), Ok(()));
    assert_eq!(exponential(9, 0, &[]).check(), Err(InvalidHistogram::Schema(9)));
    assert_eq!(exponential(0, 0, &[-1.0]).check(), Err(InvalidHistogram::Count(-1.0)));
    assert_eq!(custom(&[2.0, 1.0], &[1.0]).check(), Err(InvalidHistogram::Bound(1.0)));
    assert_eq!(custom(&[1.0], &[1.0, 1.0, 1.0]).check(), Err(InvalidHistogram::Beyond { index: 2, bounds: 1 }));
    let twice = Histogram { positive: vec![Bucket { index: 1, count: 1.0 }; 2], ..Histogram::default() };
    assert_eq!(twice.check(), Err(InvalidHistogram::Order(1)));
}
