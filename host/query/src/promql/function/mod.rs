//! The functions: one table, made of a slice per kind.

mod rate;
mod native_rate;
mod native_over_time;
mod over_time;
mod sorted_window;
mod regression;
mod math;
mod date;
mod label;
mod absent;
mod histogram;
mod info;
mod sort;
mod clock;

pub(crate) use native_rate::interpolated;

use crate::promql::ast::Expr;
use crate::promql::evaluate::{Evaluated, Evaluation, OfMixed, OverHistograms, Window, Windowed, Windows};
use crate::vector::Grid;
use crate::{Error, ValueType};

/// A PromQL function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments, those included that may be left out.
    pub args: &'static [ValueType],
    /// How many of the last arguments may be left out.
    pub optional: usize,
    /// Whether the last argument may be given many times.
    pub is_variadic: bool,
    /// The type of its value.
    pub returns: ValueType,
    pub(crate) body: Body,
}

/// How a function is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// Value by value; the other arguments are scalars. Drops the metric's name.
    Map(fn(f64, &[f64]) -> Option<f64>),
    /// Window by window; the other arguments are scalars.
    Window { keeps_name: bool, compute: fn(&Window<'_>, &[f64]) -> Option<f64>, over_histograms: OverHistograms },
    /// In its own way.
    Whole(fn(&Evaluation<'_>, &[Expr], &Grid) -> Result<Evaluated, Error>),
}

const VECTOR: ValueType = ValueType::InstantVector;
const RANGE: ValueType = ValueType::RangeVector;
const SCALAR: ValueType = ValueType::Scalar;
const TEXT: ValueType = ValueType::String;

const TABLE: [&[Function]; 11] = [
    rate::FUNCTIONS,
    over_time::FUNCTIONS,
    regression::FUNCTIONS,
    math::FUNCTIONS,
    date::FUNCTIONS,
    label::FUNCTIONS,
    absent::FUNCTIONS,
    histogram::FUNCTIONS,
    info::FUNCTIONS,
    sort::FUNCTIONS,
    clock::FUNCTIONS,
];

/// All functions, in no order that matters.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    TABLE.into_iter().flatten()
}

/// The function of a name; names are case-sensitive, as in Prometheus.
pub(crate) fn find_function(name: &str) -> Option<&'static Function> {
    functions().find(|function| function.name == name)
}

const fn map(name: &'static str, args: &'static [ValueType], compute: fn(f64, &[f64]) -> Option<f64>) -> Function {
    Function { name, args, optional: 0, is_variadic: false, returns: VECTOR, body: Body::Map(compute) }
}

const fn window(name: &'static str, args: &'static [ValueType], compute: fn(&Window<'_>, &[f64]) -> Option<f64>) -> Function {
    let body = Body::Window { keeps_name: false, compute, over_histograms: OverHistograms::Ignored };
    Function { name, args, optional: 0, is_variadic: false, returns: VECTOR, body }
}

/// A function of one range that has a way of its own with native histograms.
const fn mixed(name: &'static str, keeps_name: bool, compute: fn(&Window<'_>, &[f64]) -> Option<f64>, of_mixed: OfMixed) -> Function {
    let body = Body::Window { keeps_name, compute, over_histograms: OverHistograms::Computed(of_mixed) };
    Function { name, args: &[RANGE], optional: 0, is_variadic: false, returns: VECTOR, body }
}

const fn whole(
    name: &'static str,
    args: &'static [ValueType],
    returns: ValueType,
    compute: fn(&Evaluation<'_>, &[Expr], &Grid) -> Result<Evaluated, Error>,
) -> Function {
    Function { name, args, optional: 0, is_variadic: false, returns, body: Body::Whole(compute) }
}
