//! Node trees into serde types. Unknown keys are collected with a suggestion instead of ending the reading, so one run reports
//! them all; a value of the wrong type ends it. What values mean together is `check`'s work.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use cepmon_model::nearest_name;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

use super::problem::{Position, Problem};
use super::yaml::{Key, Node, Value};

/// Reads a type from a tree. Every unknown key is added to `problems`; a wrong type is the error.
pub(super) fn read<T: DeserializeOwned>(node: &Node, problems: &mut Vec<Problem>) -> Result<T, Problem> {
    let unknown = RefCell::new(Vec::new());
    let result = T::deserialize(Reader { node, unknown: &unknown, scope: None });
    problems.append(&mut unknown.borrow_mut());
    result.map_err(|error| Problem::new(error.position.unwrap_or(node.position), error.message))
}

#[derive(Clone)]
struct Reader<'a> {
    node: &'a Node,
    unknown: &'a RefCell<Vec<Problem>>,
    /// Keys that are known in this mapping so far, when several types read it.
    scope: Option<Scope>,
}

type Scope = Rc<RefCell<Vec<&'static str>>>;

/// A field of this name is a type that reads the same mapping: its keys stand among the others. (Serde's `flatten` would lose places and
/// unknown keys.)
fn is_inline(field: &str) -> bool {
    field.starts_with('<')
}

#[derive(Debug)]
struct ReadError {
    message: String,
    position: Option<Position>,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), position: None }
    }
}

impl<'a> Reader<'a> {
    /// The scalar's text, or what stands there instead.
    fn scalar(&self) -> Result<(&'a str, bool), ReadError> {
        match &self.node.value {
            Value::Scalar { text, is_plain } => Ok((text, *is_plain)),
            Value::Sequence(_) => Err(self.error("wanted one value, got a list")),
            Value::Mapping(_) => Err(self.error("wanted one value, got a mapping")),
        }
    }

    fn error(&self, message: impl Into<String>) -> ReadError {
        ReadError { message: message.into(), position: Some(self.node.position) }
    }

    /// Gives an error of a visitor, which knows no place, the place of this node.
    fn placed<T>(&self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| ReadError { position: error.position.or(Some(self.node.position)), ..error })
    }

    fn entries(&self, wanted: &str) -> Result<&'a [(Key, Node)], ReadError> {
        match &self.node.value {
            Value::Mapping(entries) => Ok(entries),
            _ if self.node.is_null() => Ok(&[]),
            Value::Sequence(_) => Err(self.error(format!("wanted {wanted}, got a list"))),
            Value::Scalar { text, .. } => Err(self.error(format!("wanted {wanted}, got \"{text}\""))),
        }
    }
}

macro_rules! read_number {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let (text, _) = self.scalar()?;
            let digits = text.replace('_', "");
            match digits.parse::<$type>() {
                Ok(number) => self.placed(visitor.$visit(number)),
                Err(_) => Err(self.error(format!("wanted a number, got \"{text}\""))),
            }
        }
    )*};
}

macro_rules! read_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let (text, _) = self.scalar()?;
            self.placed(visitor.visit_str(if self.node.is_null() { "" } else { text }))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    /// YAML's core schema: only a plain scalar is null, a boolean or a number.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.value {
            Value::Sequence(_) => return self.deserialize_seq(visitor),
            Value::Mapping(_) => return self.deserialize_map(visitor),
            _ if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { text, is_plain: false } => visitor.visit_str(text),
            Value::Scalar { text, .. } => match text.as_str() {
                "true" | "True" | "TRUE" => visitor.visit_bool(true),
                "false" | "False" | "FALSE" => visitor.visit_bool(false),
                number => match (number.parse::<i64>(), number.parse::<f64>()) {
                    (Ok(integer), _) => visitor.visit_i64(integer),
                    (_, Ok(decimal)) if number.bytes().any(|byte| byte.is_ascii_digit()) => visitor.visit_f64(decimal),
                    _ => visitor.visit_str(number),
                },
            },
        };
        self.placed(result)
    }

    /// YAML 1.1's words as well: the files of Prometheus and its family use them.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let (text, _) = self.scalar()?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => self.placed(visitor.visit_bool(true)),
            "false" | "no" | "off" => self.placed(visitor.visit_bool(false)),
            _ => Err(self.error(format!("wanted true or false, got \"{text}\""))),
        }
    }

    read_number!(deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64);

    read_text!(deserialize_str deserialize_string deserialize_char deserialize_identifier deserialize_bytes deserialize_byte_buf);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(visitor.visit_newtype_struct(self.clone()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let items = match &self.node.value {
            Value::Sequence(items) => items.as_slice(),
            _ if self.node.is_null() => &[],
            _ => return Err(self.error("wanted a list")),
        };
        self.placed(visitor.visit_seq(Items { items: items.iter(), unknown: self.unknown }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _name: &'static str, _len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let entries = self.entries("a mapping")?;
        self.placed(visitor.visit_map(Entries {
            reader: self.clone(),
            entries: entries.iter(),
            known: None,
            inline: [].iter(),
            next: None,
        }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let entries = self.entries("a mapping")?;
        let scope = self.scope.clone().unwrap_or_default();
        scope.borrow_mut().extend(fields.iter().filter(|field| !is_inline(field)));
        let reader = Reader { scope: Some(Rc::clone(&scope)), node: self.node, unknown: self.unknown };
        let map = Entries { reader, entries: entries.iter(), known: Some(fields), inline: fields.iter(), next: None };
        let result = self.placed(visitor.visit_map(map));
        // After a mistake some of the types that read this mapping may not have told their keys.
        let are_all_known = result.is_ok() || !fields.iter().any(|field| is_inline(field));
        if self.scope.is_none() && are_all_known {
            let known = scope.borrow();
            let unknown = entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str()));
            self.unknown.borrow_mut().extend(unknown.map(|(key, _)| unknown_key(key, &known)));
        }
        result
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let (text, _) = self.scalar()?;
        self.placed(visitor.visit_enum(text.into_deserializer()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    unknown: &'a RefCell<Vec<Problem>>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.items.next().map(|node| seed_at(seed, Reader { node, unknown: self.unknown, scope: None })).transpose()
    }
}

/// Keys and values, then the types that read the same mapping.
struct Entries<'a> {
    reader: Reader<'a>,
    entries: std::slice::Iter<'a, (Key, Node)>,
    known: Option<&'static [&'static str]>,
    inline: std::slice::Iter<'static, &'static str>,
    next: Option<Reader<'a>>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let known = self.known;
        let is_known = |key: &Key| known.is_none_or(|known| known.contains(&key.text.as_str()));
        let name = match self.entries.by_ref().find(|(key, _)| is_known(key)) {
            Some((key, node)) => {
                self.next = Some(Reader { node, unknown: self.reader.unknown, scope: None });
                key.text.as_str()
            }
            None => match self.inline.find(|field| is_inline(field)) {
                Some(field) => {
                    self.next = Some(self.reader.clone());
                    field
                }
                None => return Ok(None),
            },
        };
        let name: de::value::StrDeserializer<'_, ReadError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        seed_at(seed, self.next.take().expect("BUG: a value was asked for before its key"))
    }
}

/// A type that refuses a value after reading it (a duration, a size) knows no place either.
fn seed_at<'de, T: DeserializeSeed<'de>>(seed: T, reader: Reader<'_>) -> Result<T::Value, ReadError> {
    reader.placed(seed.deserialize(reader.clone()))
}

fn unknown_key(key: &Key, known: &[&str]) -> Problem {
    let way_out = match nearest_name(&key.text, known.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Problem::new(key.position, format!("unknown key \"{}\"; {way_out}", key.text))
}
