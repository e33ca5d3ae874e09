//! Random appends, flushes, merges, deletions, expiries and restarts against a map of maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Model = BTreeMap<LabelSet, BTreeMap<i64, u64>>;

#[derive(Debug, Clone)]
enum Step {
    /// Series, time, value of each sample.
    Append(Vec<(usize, i64, u64)>),
    Flush,
    /// Merges blocks as often as one is due, with a clock so many seconds after the epoch.
    Compact(i64),
    /// The matchers of a deletion, by number; first and last time.
    Delete(usize, i64, i64),
    /// Retention, with the clock so far on that samples before this time are too old.
    Expire(i64),
    Reopen,
}

/// Old enough for no sample of a test to be too old unless a step says so.
const MAX_AGE_MS: i64 = 20_000_000;

fn retaining(dir: &Path) -> Storage {
    let metrics_retention = crate::Retention { max_age_ms: Some(MAX_AGE_MS), max_bytes: None };
    Storage::open(StorageOptions { metrics_retention, head_max_age_ms: 60_000, ..options(dir) }).unwrap().0
}

fn selectors(number: usize) -> Vec<Vec<Matcher>> {
    match number {
        0 => vec![vec![Matcher::equal("n", "3")]],
        1 => vec![vec![Matcher::equal("__name__", "m1")], vec![Matcher::equal("parity", "odd")]],
        2 => vec![vec![Matcher::equal("n", "nosuch")]],
        _ => vec![vec![]],
    }
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (-50i64..50).prop_map(|whole| (whole as f64).to_bits()),
        2 => (0u32..1000).prop_map(|cents| (f64::from(cents) / 100.0).to_bits()),
        1 => any::<u64>(),
        1 => Just(cepmon_model::STALE_NAN_BITS),
        1 => Just((-0.0f64).to_bits()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // Few series and few times, so that duplicates, conflicts and late samples are common.
    let sample = (0..7usize, prop_oneof![3 => 0..40i64, 1 => -5_000_000..5_000_000i64], value());
    prop_oneof![
        6 => prop::collection::vec(sample, 1..40).prop_map(Step::Append),
        1 => (0..7usize, 0..1000i64, 100..300i64).prop_map(|(series, start, len)| {
            Step::Append((0..len).map(|index| (series, start + 15 * index, (index as f64).to_bits())).collect())
        }),
        4 => Just(Step::Flush),
        3 => prop_oneof![Just(0i64), Just(100), Just(100_000)].prop_map(Step::Compact),
        1 => (0..4usize, -100..40i64, 0..3_000i64).prop_map(|(selector, start, len)| Step::Delete(selector, start, start + len)),
        1 => prop_oneof![Just(-4_000_000i64), Just(-100), Just(5)].prop_map(Step::Expire),
        1 => Just(Step::Reopen),
    ]
}

fn check(storage: &Storage, model: &Model, matchers: Vec<Matcher>, start: i64, end: i64) -> Result<(), TestCaseError> {
    let got = scan(storage, matchers.clone(), start, end);
    let got: Vec<(LabelSet, Vec<(i64, u64)>)> = got
        .into_iter()
        .map(|series| {
            let samples = series.timestamps.iter().copied().zip(series.values.iter().map(|value| value.to_bits()));
            (series.labels.as_ref().clone(), samples.collect())
        })
        .collect();
    let want: Vec<(LabelSet, Vec<(i64, u64)>)> = model
        .iter()
        .filter(|(labels, _)| matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default())))
        .map(|(labels, samples)| (labels.clone(), samples.range(start..=end).map(|(&time, &value)| (time, value)).collect::<Vec<_>>()))
        .filter(|(_, samples)| !samples.is_empty())
        .collect();
    prop_assert_eq!(got, want);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn scans_agree_with_a_map_of_maps(steps in prop::collection::vec(step(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let mut storage = retaining(dir.path());
        let mut model = Model::new();
        let mut oldest = i64::MIN;
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let batch: Vec<_> = samples.iter().map(|&(series, time, bits)| (series, time, f64::from_bits(bits))).collect();
                    let outcome = append(&storage, &batch);
                    prop_assert_eq!(outcome.appended + outcome.duplicates + outcome.conflicts + outcome.too_old, batch.len());
                    for (series, time, bits) in samples.into_iter().filter(|&(_, time, _)| time >= oldest) {
                        // The first value of a time stays.
                        model.entry(labels(series)).or_default().entry(time).or_insert(bits);
                    }
                }
                Step::Flush => drop(storage.flush().unwrap()),
                Step::Compact(seconds) => {
                    let mut merges = 0;
                    while storage.compact(1000 * seconds).unwrap().is_some() {
                        merges += 1;
                        prop_assert!(merges < 200, "merging does not end");
                    }
                }
                Step::Delete(number, start, end) => {
                    let deletion = crate::Deletion { selectors: selectors(number), start, end };
                    let mut want = crate::DeletionReport::default();
                    for (_, samples) in model.iter_mut().filter(|(labels, _)| deletion.matches(labels)) {
                        let before = samples.len();
                        samples.retain(|time, _| !(start..=end).contains(time));
                        want.rows += (before - samples.len()) as u64;
                        want.series += u64::from(samples.len() < before);
                    }
                    prop_assert_eq!(storage.count_series(&deletion).unwrap(), want);
                    let got = storage.delete_series(&deletion, "test", 0).unwrap();
                    // What is too old is not shown, and lies in blocks for a while yet.
                    prop_assert!(got.rows == want.rows || (got.rows > want.rows && oldest > i64::MIN), "{got:?} {want:?}");
                    prop_assert_eq!(got.series, want.series);
                    prop_assert_eq!(storage.count_series(&deletion).unwrap().rows, 0);
                }
                Step::Expire(time) if time >= oldest => {
                    storage.maintain(time + MAX_AGE_MS).unwrap();
                    oldest = time;
                    model.values_mut().for_each(|samples| samples.retain(|&sample, _| sample >= oldest));
                }
                Step::Expire(_) => {}
                Step::Reopen => {
                    drop(storage);
                    storage = retaining(dir.path());
                    if oldest > i64::MIN {
                        storage.maintain(oldest + MAX_AGE_MS).unwrap();
                    }
                }
            }
            check(&storage, &model, vec![], i64::MIN, i64::MAX)?;
        }
        check(&storage, &model, vec![], 10, 30)?;
        check(&storage, &model, vec![Matcher::equal("__name__", "m1")], 0, 5_000)?;
        check(&storage, &model, vec![Matcher::equal("parity", "odd"), Matcher::equal("nosuch", "")], -10_000, 20)?;
        storage.flush().unwrap();
        let stats = storage.stats();
        prop_assert_eq!(stats.head_samples, 0);
        // No block holds a sample twice: their rows are exactly the model's.
        let is_metrics = |block: &&Arc<crate::block::Block>| block.entry.kind == BlockKind::Metrics;
        let rows: u64 = storage.shared.read().blocks.iter().filter(is_metrics).map(|block| block.entry.rows).sum();
        let want = model.values().map(|samples| samples.len() as u64).sum::<u64>();
        // Samples that are too old lie in blocks until the youngest of their block is.
        prop_assert!(rows == want || (rows > want && oldest > i64::MIN), "{rows} rows, {want} samples");
        check(&storage, &model, vec![], i64::MIN, i64::MAX)?;
    }
}
