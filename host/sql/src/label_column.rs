//! Columns that repeat per series: its labels, its map of labels, its name, its identity. Each is made once per series of a batch and
//! then spread over the series' rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, MapBuilder, MapFieldNames, StringBuilder, StringViewArray, StringViewBuilder, UInt32Array, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;
use cepmon_model::{LabelSet, METRIC_NAME, SeriesId};

/// Text columns are views: grouping by them has a fast path in DataFusion (dictionaries have none), and spreading one value over many rows
/// copies 16 bytes a row.
pub(crate) const TEXT: DataType = DataType::Utf8View;

/// `Map<Utf8, Utf8View>`: a label of the map has the type of a label's own column.
fn label_map() -> DataType {
    let entries = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", TEXT, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// A column that depends on the series alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeriesColumn {
    /// The metric's name.
    Metric,
    /// The map of all labels but the name.
    Labels,
    /// One label; null where a series lacks it.
    Label(String),
    /// The series' identity.
    SeriesId,
}

impl SeriesColumn {
    /// The column's name and type.
    pub(crate) fn field(&self) -> FieldRef {
        Arc::new(match self {
            Self::Metric => Field::new("metric", TEXT, false),
            Self::Labels => Field::new("labels", label_map(), false),
            Self::Label(name) => Field::new(name, TEXT, true),
            Self::SeriesId => Field::new("series_id", DataType::UInt64, false),
        })
    }

    /// One value per series.
    pub(crate) fn per_series<'a>(&self, series: impl Iterator<Item = (SeriesId, &'a LabelSet)>) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Metric => Arc::new(StringViewArray::from_iter_values(series.map(|(_, labels)| labels.metric_name()))),
            Self::Label(name) => Arc::new(series.map(|(_, labels)| labels.get(name)).collect::<StringViewArray>()),
            Self::SeriesId => Arc::new(UInt64Array::from_iter_values(series.map(|(id, _)| id.0))),
            Self::Labels => {
                let names = MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
                let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringViewBuilder::new());
                for (_, labels) in series {
                    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
                        maps.keys().append_value(name);
                        maps.values().append_value(value);
                    }
                    maps.append(true)?;
                }
                Arc::new(maps.finish())
            }
        })
    }
}

/// Values per series, spread over rows: `series_of_row[i]` is the position of row i's series.
pub(crate) fn spread(per_series: &dyn Array, series_of_row: &UInt32Array) -> Result<ArrayRef, ArrowError> {
    take(per_series, series_of_row, None)
}
