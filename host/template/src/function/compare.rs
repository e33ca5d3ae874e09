//! `eq ne lt le gt ge`, with Go's rules: a whole number and a floating-point number do not compare.

use std::cmp::Ordering;

use crate::Value;

/// Compares; `eq` with more than two arguments asks whether the first equals any of the others.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let [first, others @ ..] = arguments else { return Err("missing argument for comparison".to_owned()) };
    if name == "eq" {
        if others.is_empty() {
            return Err("missing argument for comparison".to_owned());
        }
        for other in others {
            if is_equal(first, other)? {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let [other] = others else { return Err("wrong number of arguments for comparison".to_owned()) };
    if name == "ne" {
        return Ok(Value::Bool(!is_equal(first, other)?));
    }
    // NaN is in no order with anything.
    let order = compare(first, other)?;
    Ok(Value::Bool(match name {
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }))
}

fn is_equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        _ => Ok(compare(a, b)? == Some(Ordering::Equal)),
    }
}

fn compare(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        _ => match (a.as_str(), b.as_str()) {
            (Some(a), Some(b)) => Ok(Some(a.cmp(b))),
            _ => Err(format!("incompatible types for comparison: {} and {}", a.kind(), b.kind())),
        },
    }
}
