//! Columns of type `Map<Utf8, Utf8>`.

use arrow::array::{AsArray, MapArray, MapBuilder, MapFieldNames, StringBuilder};
use arrow::error::ArrowError;

/// A builder of `Map<Utf8, Utf8>` columns with the entry names of `label_map_type`.
pub(crate) fn label_map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

/// Appends one map.
pub(crate) fn append_labels<'a>(
    builder: &mut MapBuilder<StringBuilder, StringBuilder>,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), ArrowError> {
    for (name, value) in labels {
        builder.keys().append_value(name);
        builder.values().append_value(value);
    }
    builder.append(true)
}

/// Keys and values of one row; nothing if the map does not hold texts.
pub(crate) fn map_entries(maps: &MapArray, row: usize) -> impl Iterator<Item = (&str, &str)> {
    let offsets = maps.value_offsets();
    let entries = offsets[row] as usize..offsets[row + 1] as usize;
    let texts = maps.keys().as_string_opt::<i32>().zip(maps.values().as_string_opt::<i32>());
    texts.into_iter().flat_map(move |(keys, values)| entries.clone().map(move |entry| (keys.value(entry), values.value(entry))))
}
