//! Values for the places `$1`, `$2`, … of a statement. They are put into the plan, never into the text, so a value that came from a
//! stranger cannot become SQL.

use datafusion::common::{DataFusionError, ParamValues, Result, ScalarValue};
use datafusion::logical_expr::LogicalPlan;

/// A value. Text also stands for times (`2026-11-24T12:00:00Z`) and whatever else a literal in quotes can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// `NULL`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
}

impl Parameter {
    fn scalar(&self) -> ScalarValue {
        match self {
            Self::Null => ScalarValue::Null,
            Self::Bool(value) => ScalarValue::from(*value),
            Self::Int(value) => ScalarValue::from(*value),
            Self::Float(value) => ScalarValue::from(*value),
            Self::Text(value) => ScalarValue::from(value.as_str()),
        }
    }
}

/// Puts values into their places. A place without a value is an error, and so is a value without a place: one of the two is a mistake.
pub(crate) fn bind(plan: LogicalPlan, parameters: &[Parameter]) -> Result<LogicalPlan> {
    let places = plan.get_parameter_names()?;
    for number in 1..=parameters.len() {
        if !places.contains(&format!("${number}")) {
            let problem = format!("there are {} values for parameters, but the statement has no place ${number}", parameters.len());
            return Err(DataFusionError::Plan(problem));
        }
    }
    let is_bound = |place: &String| place[1..].parse::<usize>().is_ok_and(|number| (1..=parameters.len()).contains(&number));
    if let Some(place) = places.iter().filter(|place| !is_bound(place)).min() {
        return Err(DataFusionError::Plan(format!("the place {place} has no value; values are for $1, $2 and so on, in their order")));
    }
    if places.is_empty() {
        return Ok(plan);
    }
    let values = parameters.iter().map(|parameter| parameter.scalar().into()).collect();
    plan.with_param_values(ParamValues::List(values))
}
