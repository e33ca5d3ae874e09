//! What a filter says about one column, where that can be said to storage: a bound on time or a matcher on a label. Everything else stays
//! with DataFusion.

use arrow::datatypes::{DataType, TimeUnit};
use cepmon_model::{METRIC_NAME, MatchOp, Matcher};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// What a column means to storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The time of a row.
    Time,
    /// A label; the metric's name is the label `__name__`.
    Label(String),
    /// The map of all labels but the name.
    LabelMap,
}

/// Something that storage can check.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// Time is at least this, Unix nanoseconds.
    From(i128),
    /// Time is at most this, Unix nanoseconds.
    Until(i128),
    /// A condition on a label.
    Label(Matcher),
}

/// Conditions that follow from a filter, all of them.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// The conditions.
    pub(crate) all: Vec<Condition>,
    /// Whether they say all that the filter says. If not, the filter is checked again on the rows that come.
    pub(crate) is_exact: bool,
}

/// The conditions in a filter, if there are any. `subject_of` tells what a column means.
///
/// SQL and matchers differ where a label is missing: NULL there, "" here. A comparison with NULL is never true, so most conditions also
/// say that the label is there.
pub(crate) fn conditions_of(filter: &Expr, subject_of: &dyn Fn(&str) -> Option<Subject>) -> Option<Conditions> {
    let subject = |expr: &Expr| subject(expr, subject_of);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((name, mut values), (other_name, other_values)) = (equal_values(left, &subject)?, equal_values(right, &subject)?);
            values.extend(other_values);
            (name == other_name).then(|| one_of(&name, &values)).flatten()
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (subject(left), subject(right)) {
            (Some(subject), None) => comparison(subject, *op, literal(right)?),
            (None, Some(subject)) => comparison(subject, op.swap()?, literal(left)?),
            _ => None,
        },
        Expr::Between(between) if !between.negated => {
            let Subject::Time = subject(&between.expr)? else { return None };
            let (low, high) = (unix_nanoseconds(literal(&between.low)?)?, unix_nanoseconds(literal(&between.high)?)?);
            exactly([Condition::From(low), Condition::Until(high)])
        }
        Expr::InList(InList { expr, list, negated }) => {
            let Subject::Label(name) = subject(expr)? else { return None };
            let values: Vec<String> = list.iter().map(|item| text(literal(item)?)).collect::<Option<_>>()?;
            if *negated { none_of(&name, &values) } else { one_of(&name, &values) }
        }
        Expr::Like(like) => {
            let Subject::Label(name) = subject(&like.expr)? else { return None };
            let op = if like.negated { MatchOp::NotRegex } else { MatchOp::Regex };
            matching(&name, op, &like_regex(like)?)
        }
        Expr::IsNull(expr) => {
            let Subject::Label(name) = subject(expr)? else { return None };
            exactly([Condition::Label(Matcher::equal(name, ""))])
        }
        Expr::IsNotNull(expr) => {
            let Subject::Label(name) = subject(expr)? else { return None };
            exactly([is_there(&name)?])
        }
        _ => None,
    }
}

/// The column behind casts that lose nothing, or the label behind `labels['…']`.
fn subject(expr: &Expr, subject_of: &dyn Fn(&str) -> Option<Subject>) -> Option<Subject> {
    match expr {
        Expr::Column(column) => subject_of(&column.name).filter(|subject| *subject != Subject::LabelMap),
        Expr::Cast(cast) => {
            let subject = subject(&cast.expr, subject_of)?;
            let keeps_all = match (&subject, cast.field.data_type()) {
                (Subject::Time, DataType::Timestamp(unit, zone)) => *unit != TimeUnit::Second && zone.as_deref().is_none_or(is_utc),
                (Subject::Label(_), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => true,
                _ => false,
            };
            keeps_all.then_some(subject)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "get_field" => match args.as_slice() {
            // The map holds all labels but the name.
            [Expr::Column(map), key] if subject_of(&map.name) == Some(Subject::LabelMap) => {
                text(literal(key)?).filter(|name| name != METRIC_NAME).map(Subject::Label)
            }
            _ => None,
        },
        _ => None,
    }
}

fn comparison(subject: Subject, op: Operator, value: &ScalarValue) -> Option<Conditions> {
    match subject {
        Subject::Time => {
            let at = unix_nanoseconds(value)?;
            match op {
                Operator::Eq => exactly([Condition::From(at), Condition::Until(at)]),
                Operator::Gt => exactly([Condition::From(at + 1)]),
                Operator::GtEq => exactly([Condition::From(at)]),
                Operator::Lt => exactly([Condition::Until(at - 1)]),
                Operator::LtEq => exactly([Condition::Until(at)]),
                _ => None,
            }
        }
        Subject::Label(name) => {
            let value = text(value)?;
            match op {
                Operator::Eq => one_of(&name, &[value]),
                Operator::NotEq => none_of(&name, &[value]),
                // SQL's regular expressions search, matchers cover the whole value; `.` of SQL does not match a newline.
                Operator::RegexMatch => matching(&name, MatchOp::Regex, &format!(".*(?-s:{value}).*")),
                Operator::RegexIMatch => matching(&name, MatchOp::Regex, &format!(".*(?i-s:{value}).*")),
                Operator::RegexNotMatch => matching(&name, MatchOp::NotRegex, &format!(".*(?-s:{value}).*")),
                Operator::RegexNotIMatch => matching(&name, MatchOp::NotRegex, &format!(".*(?i-s:{value}).*")),
                _ => None,
            }
        }
        Subject::LabelMap => None,
    }
}

fn exactly(all: impl Into<Vec<Condition>>) -> Option<Conditions> {
    Some(Conditions { all: all.into(), is_exact: true })
}

fn one_of(name: &str, values: &[String]) -> Option<Conditions> {
    match values {
        // No label is "", so nothing matches; rare enough to be left to DataFusion.
        values if values.iter().any(String::is_empty) => None,
        [value] => exactly([Condition::Label(Matcher::equal(name, value))]),
        values => exactly([Condition::Label(Matcher::new(name, MatchOp::Regex, alternatives(values)).ok()?)]),
    }
}

fn none_of(name: &str, values: &[String]) -> Option<Conditions> {
    let (op, value) = match values {
        [value] => (MatchOp::NotEqual, value.clone()),
        values => (MatchOp::NotRegex, alternatives(values)),
    };
    exactly([Condition::Label(Matcher::new(name, op, value).ok()?), is_there(name)?])
}

fn alternatives(values: &[String]) -> String {
    values.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|")
}

fn is_there(name: &str) -> Option<Condition> {
    Matcher::new(name, MatchOp::NotEqual, "").ok().map(Condition::Label)
}

fn matching(name: &str, op: MatchOp, pattern: &str) -> Option<Conditions> {
    let matcher = Matcher::new(name, op, pattern).ok()?;
    Some(Conditions { all: vec![Condition::Label(matcher), is_there(name)?], is_exact: false })
}

/// `a = 'x' OR a = 'y'`, which is what DataFusion makes of a short IN list.
fn equal_values(expr: &Expr, subject: &dyn Fn(&Expr) -> Option<Subject>) -> Option<(String, Vec<String>)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    match op {
        Operator::Eq => match subject(left)? {
            Subject::Label(name) => Some((name, vec![text(literal(right)?)?])),
            _ => None,
        },
        Operator::Or => {
            let ((name, mut values), (other_name, other_values)) = (equal_values(left, subject)?, equal_values(right, subject)?);
            values.extend(other_values);
            (name == other_name).then_some((name, values))
        }
        _ => None,
    }
}

fn like_regex(like: &Like) -> Option<String> {
    let escape = like.escape_char.unwrap_or('\\');
    let pattern = text(literal(&like.pattern)?)?;
    let mut regex = String::from(if like.case_insensitive { "(?is)" } else { "(?s)" });
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            character => {
                let literal = if character == escape { characters.next()? } else { character };
                regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
            }
        }
    }
    Some(regex)
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(ScalarValue::Dictionary(_, value), _) => Some(value),
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

fn unix_nanoseconds(value: &ScalarValue) -> Option<i128> {
    match value {
        ScalarValue::TimestampSecond(Some(seconds), _) => Some(i128::from(*seconds) * 1_000_000_000),
        ScalarValue::TimestampMillisecond(Some(milliseconds), _) => Some(i128::from(*milliseconds) * 1_000_000),
        ScalarValue::TimestampMicrosecond(Some(microseconds), _) => Some(i128::from(*microseconds) * 1000),
        ScalarValue::TimestampNanosecond(Some(nanoseconds), _) => Some(i128::from(*nanoseconds)),
        _ => None,
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "+00:00" | "UTC" | "Z")
}

#[cfg(test)]
mod tests;
