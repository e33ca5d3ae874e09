//! The records of the log, of Prometheus 2.0 to 3.x, as far as they matter: who the series are, their samples, what was deleted.

use cepmon_model::LabelSet;

use crate::bytes::{Bytes, Malformed};

/// One record's contents, entry by entry.
pub(super) enum Entry<'a> {
    Series {
        number: u64,
        labels: &'a LabelSet,
    },
    Sample {
        number: u64,
        timestamp: i64,
        value: f64,
    },
    Deleted {
        number: u64,
        first: i64,
        last: i64,
    },
    /// A record of native histograms; how many there are in it is not known.
    Histograms,
}

/// Calls `each` with the entries of a record. Exemplars, metadata, marks and kinds that are not known are passed over.
pub(super) fn read_entries(record: &[u8], mut each: impl FnMut(Entry<'_>)) -> Result<(), Malformed> {
    let mut place = Bytes::new(record);
    match place.byte()? {
        1 => read_series(place, each),
        2 => read_samples(place, each),
        3 => {
            while !place.is_empty() {
                each(Entry::Deleted { number: place.be64()?, first: place.varint()?, last: place.varint()? });
            }
            Ok(())
        }
        11 => read_samples_with_start(place, each),
        7 | 8 | 9 | 10 | 12 | 13 => {
            each(Entry::Histograms);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_series(mut place: Bytes<'_>, mut each: impl FnMut(Entry<'_>)) -> Result<(), Malformed> {
    let mut labels = Vec::new();
    while !place.is_empty() {
        let number = place.be64()?;
        labels.clear();
        for _ in 0..place.count()? {
            labels.push((place.text()?, place.text()?));
        }
        each(Entry::Series { number, labels: &LabelSet::from_sorted(labels.iter().copied()) });
    }
    Ok(())
}

/// Numbers and times are differences to the first ones.
fn read_samples(mut place: Bytes<'_>, mut each: impl FnMut(Entry<'_>)) -> Result<(), Malformed> {
    if place.is_empty() {
        return Ok(());
    }
    let (first_number, first_time) = (place.be64()?, place.be64()?.cast_signed());
    while !place.is_empty() {
        let number = first_number.wrapping_add_signed(place.varint()?);
        let timestamp = first_time.wrapping_add(place.varint()?);
        each(Entry::Sample { number, timestamp, value: f64::from_bits(place.be64()?) });
    }
    Ok(())
}

/// The second form (3.10 and later): a number is the difference to the one before, and each sample has the time at which its counter
/// began, which is passed over.
fn read_samples_with_start(mut place: Bytes<'_>, mut each: impl FnMut(Entry<'_>)) -> Result<(), Malformed> {
    const NO_START: u8 = 0;
    const SAME_START: u8 = 1;
    let (mut number, mut first_time) = (0u64, None);
    while !place.is_empty() {
        number = number.wrapping_add_signed(place.varint()?);
        let timestamp = match first_time {
            None => {
                let first = *first_time.insert(place.varint()?);
                place.varint()?;
                first
            }
            Some(first) => {
                let timestamp = place.varint()?.wrapping_add(first);
                if !matches!(place.byte()?, NO_START | SAME_START) {
                    place.varint()?;
                }
                timestamp
            }
        };
        each(Entry::Sample { number, timestamp, value: f64::from_bits(place.be64()?) });
    }
    Ok(())
}
