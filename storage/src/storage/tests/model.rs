//! Random appends, flushes and restarts against a map of maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Model = BTreeMap<LabelSet, BTreeMap<i64, u64>>;

#[derive(Debug, Clone)]
enum Step {
    /// Series, time, value of each sample.
    Append(Vec<(usize, i64, u64)>),
    Flush,
    Reopen,
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
        2 => Just(Step::Flush),
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
    fn scans_agree_with_a_map_of_maps(steps in prop::collection::vec(step(), 1..14)) {
        let dir = tempfile::tempdir().unwrap();
        let mut storage = open(dir.path());
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let batch: Vec<_> = samples.iter().map(|&(series, time, bits)| (series, time, f64::from_bits(bits))).collect();
                    let outcome = append(&storage, &batch);
                    prop_assert_eq!(outcome.appended + outcome.duplicates + outcome.conflicts, batch.len());
                    for (series, time, bits) in samples {
                        // The first value of a time stays.
                        model.entry(labels(series)).or_default().entry(time).or_insert(bits);
                    }
                }
                Step::Flush => drop(storage.flush().unwrap()),
                Step::Reopen => {
                    drop(storage);
                    storage = open(dir.path());
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
        let rows: u64 = storage.shared.read().blocks.iter().map(|block| block.entry.rows).sum();
        prop_assert_eq!(rows, model.values().map(|samples| samples.len() as u64).sum::<u64>());
        check(&storage, &model, vec![], i64::MIN, i64::MAX)?;
    }
}
