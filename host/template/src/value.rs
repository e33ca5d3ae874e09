//! Values of templates and how they print, in the way of Go's fmt.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write};
use std::sync::Arc;

use crate::Time;
use crate::number::format_float;

/// A value in a template.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing; prints as `<no value>`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(Arc<str>),
    /// A text that needs no escaping.
    SafeHtml(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// Fields or entries by name; a missing one is `Nil`.
    Map(Arc<BTreeMap<String, Value>>),
    /// Labels: a missing one is "", and they have Alertmanager's methods `SortedPairs`, `Names`, `Values`, `Remove`.
    Labels(Arc<BTreeMap<String, String>>),
    /// A time.
    Time(Time),
    /// Something with methods of its own.
    Object(Arc<dyn Object>),
}

/// A value that its owner defines: a list or a record with methods.
pub trait Object: Debug + Send + Sync {
    /// A field by name.
    fn field(&self, name: &str) -> Option<Value>;

    /// The result of a method without arguments.
    fn method(&self, name: &str) -> Option<Value>;

    /// Its elements, if it is a list.
    fn items(&self) -> Option<Vec<Value>>;

    /// Fields in the order in which `toJson` writes them, if it is a record.
    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

impl Value {
    /// A record.
    pub fn map<N: Into<String>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(Arc::new(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    }

    /// Labels.
    pub fn labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Labels(Arc::new(labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// Whether `if` takes it as true: not nil, false, 0 or empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) | Self::SafeHtml(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(fields) => !fields.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Time(_) => true,
            Self::Object(object) => object.items().is_none_or(|items| !items.is_empty()),
        }
    }

    /// The text of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::SafeHtml(text) => Some(text),
            _ => None,
        }
    }

    /// Elements of a list.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.to_vec()),
            Self::Object(object) => object.items(),
            _ => None,
        }
    }

    /// The word for its kind in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::String(_) | Self::SafeHtml(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) | Self::Labels(_) => "map",
            Self::Time(_) => "time",
            Self::Object(_) => "object",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// As Go's `%v`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("<no value>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&format_float(*value)),
            Self::String(text) | Self::SafeHtml(text) => f.write_str(text),
            Self::List(items) => write_list(f, items),
            Self::Map(fields) => write_map(f, fields.iter().map(|(name, value)| (name.as_str(), value))),
            Self::Labels(labels) => write_map(f, labels.iter().map(|(name, value)| (name.as_str(), value))),
            Self::Time(time) => write!(f, "{time}"),
            Self::Object(object) => match object.items() {
                Some(items) => write_list(f, &items),
                None => write_map(f, object.json_fields().iter().map(|(name, value)| (*name, value))),
            },
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Value]) -> fmt::Result {
    f.write_char('[')?;
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { " " })?;
    }
    f.write_char(']')
}

fn write_map<'a, V: fmt::Display + 'a>(f: &mut fmt::Formatter<'_>, fields: impl Iterator<Item = (&'a str, V)>) -> fmt::Result {
    f.write_str("map[")?;
    for (index, (name, value)) in fields.enumerate() {
        write!(f, "{}{name}:{value}", if index == 0 { "" } else { " " })?;
    }
    f.write_char(']')
}
