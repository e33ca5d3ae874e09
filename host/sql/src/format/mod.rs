//! Answers as bytes and text: JSON, CSV, a text table, Parquet, an Arrow stream. It knows nothing of storage or SQL.

mod json;
mod csv;
mod text_table;
mod columnar;
mod value;

pub use columnar::{arrow, parquet};
pub use csv::csv;
pub use json::json;
pub use text_table::table;

#[cfg(test)]
mod tests;
