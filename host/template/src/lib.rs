//! Go's text/template, as far as annotations, labels and notifications of Prometheus and Alertmanager use it.
//!
//! [`Template::parse`] reads a text, [`Template::execute`] runs it over a [`Value`] in an [`Environment`]. Functions are those of
//! a [`Dialect`]; an unknown one is an error of parsing. Output, recursion and steps are bounded.
//!
//! It does not escape by context as Go's html/template does: [`Escape::Html`] escapes every value for HTML text and quoted
//! attributes, which is what notification mails need. It does no IO; queries go through the environment.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod error;
mod value;
mod time;
mod number;
mod node;
mod lexer;
mod literal;
mod parser;
mod exec;
mod function;
mod json;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

pub use error::Error;
pub use function::{graph_link, table_link};
pub use literal::unquote;
pub use time::Time;
pub use value::{Object, Value};

/// Whose functions a template may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Labels and annotations of alerting rules.
    Prometheus,
    /// Notifications.
    Alertmanager,
}

/// What happens to values on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escape {
    /// Nothing.
    None,
    /// `& < > " '` become entities, except in what `safeHtml` marked.
    Html,
}

/// One series of a query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// What a template can ask of the world.
pub trait Environment: Debug {
    /// Answers `query`. The error becomes the template's.
    fn query(&self, expr: &str) -> Result<Vec<QuerySample>, String>;

    /// The address of cepmon for links, without a slash at the end.
    fn external_url(&self) -> &str;

    /// Unix milliseconds for `now` and `since`.
    fn now_ms(&self) -> i64;
}

/// A parsed text with the definitions that it can call.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    dialect: Dialect,
    body: Arc<[node::Node]>,
    definitions: BTreeMap<String, Arc<[node::Node]>>,
}

impl Template {
    /// Parses a text. Its own `define`s are kept with it.
    pub fn parse(name: &str, text: &str, dialect: Dialect) -> Result<Self, Error> {
        Self::parse_after(name, "", text, dialect)
    }

    /// Parses a text as if a preamble stood before it; positions in errors are those of the text alone.
    pub fn parse_after(name: &str, preamble: &str, text: &str, dialect: Dialect) -> Result<Self, Error> {
        let parsed = parser::parse(name, preamble, text, dialect)?;
        Ok(Self { name: name.to_owned(), dialect, body: parsed.body.into(), definitions: parsed.definitions })
    }

    /// Parses another text that can call everything that is defined here.
    pub fn parse_with(&self, name: &str, text: &str) -> Result<Self, Error> {
        let mut template = Self::parse(name, text, self.dialect)?;
        for (name, body) in &self.definitions {
            template.definitions.entry(name.clone()).or_insert_with(|| Arc::clone(body));
        }
        Ok(template)
    }

    /// Takes over all definitions of another template; they replace those of the same name.
    pub fn define_all(&mut self, other: &Self) {
        self.definitions.extend(other.definitions.iter().map(|(name, body)| (name.clone(), Arc::clone(body))));
    }

    /// Whether there is a definition of this name.
    pub fn defines(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// The text with everything in braces replaced.
    pub fn execute(&self, data: &Value, environment: &dyn Environment, escape: Escape) -> Result<String, Error> {
        exec::execute(self, data, environment, escape)
    }
}

#[cfg(test)]
mod tests;
