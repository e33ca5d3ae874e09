//! Alertmanager's `Pairs`: labels as a list with the methods `Names`, `Values` and `String`.

use std::collections::BTreeMap;

use super::sorted_names;
use crate::{Object, Value};

/// Names and values in the order of `SortedPairs`.
#[derive(Debug)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(super) fn of(labels: &BTreeMap<String, String>) -> Self {
        Self(sorted_names(labels).map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

impl Object for Pairs {
    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Value> {
        match name {
            "Names" => Some(Value::list(self.0.iter().map(|(name, _)| Value::from(name.as_str())))),
            "Values" => Some(Value::list(self.0.iter().map(|(_, value)| Value::from(value.as_str())))),
            "String" => {
                let parts: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
                Some(Value::from(parts.join(", ")))
            }
            _ => None,
        }
    }

    fn items(&self) -> Option<Vec<Value>> {
        let pair =
            |(name, value): &(String, String)| Value::map([("Name", Value::from(name.as_str())), ("Value", Value::from(value.as_str()))]);
        Some(self.0.iter().map(pair).collect())
    }
}
