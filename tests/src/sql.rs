//! Asking a running cepmon by SQL, as its page and its users do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Host, http, wait_for};

/// The answer to a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl Host {
    /// Asks `POST /api/v1/sql`; the error is the answer's text.
    ///
    /// # Errors
    /// When the statement is refused or the host does not answer.
    ///
    /// # Panics
    /// When the answer is not of the documented form.
    pub fn try_sql(&self, statement: &str) -> Result<Rows, String> {
        let body = json!({ "query": statement }).to_string();
        let response = http::post(self.address(), "/api/v1/sql", "application/json", body.as_bytes()).map_err(|error| error.to_string())?;
        if response.status != 200 {
            return Err(format!("{}: {}", response.status, response.text()));
        }
        let answer = response.json();
        let columns = answer["columns"].as_array().expect("no columns in the answer");
        let rows = answer["rows"].as_array().expect("no rows in the answer");
        Ok(Rows {
            columns: columns.iter().map(|column| column["name"].as_str().expect("a column has no name").to_owned()).collect(),
            rows: rows.iter().map(|row| row.as_array().expect("a row is no list").clone()).collect(),
        })
    }

    /// # Panics
    /// When the statement is refused.
    #[must_use]
    pub fn sql(&self, statement: &str) -> Rows {
        self.try_sql(statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The one value that a statement selects, as text; `None` while it selects no row or the table does not exist yet.
    ///
    /// # Panics
    /// When the statement is refused for another reason.
    #[must_use]
    pub fn value(&self, statement: &str) -> Option<String> {
        match self.try_sql(statement) {
            Ok(rows) => rows.rows.first().map(|row| text_of(&row[0])),
            Err(error) if error.contains("unknown table") => None,
            Err(error) => panic!("{statement}: {error}"),
        }
    }

    /// The one number that a statement selects; 0 while the table does not exist yet.
    ///
    /// # Panics
    /// When it selects something else.
    #[must_use]
    pub fn count(&self, statement: &str) -> u64 {
        match self.try_sql(statement) {
            Ok(rows) => rows.rows[0][0].as_u64().unwrap_or_else(|| panic!("{statement} selects no count: {rows:?}")),
            Err(error) if error.contains("unknown table") => 0,
            Err(error) => panic!("{statement}: {error}"),
        }
    }

    /// Waits until `statement` counts at least `least`, and returns what it counts.
    ///
    /// # Panics
    /// When it does not come so far within `limit`.
    pub fn wait_for_count(&self, statement: &str, least: u64, limit: Duration) -> u64 {
        wait_for(&format!("{least} of {statement}"), limit, || Some(self.count(statement)).filter(|count| *count >= least))
    }
}

impl Rows {
    /// One column as text, `NULL` as an empty one.
    ///
    /// # Panics
    /// When there is no such column.
    #[must_use]
    pub fn column(&self, name: &str) -> Vec<String> {
        let index = self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name:?} in {self:?}"));
        self.rows.iter().map(|row| text_of(&row[index])).collect()
    }

    /// All rows as text, cells joined with a bar.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.iter().map(text_of).collect::<Vec<_>>().join("|")).collect()
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
