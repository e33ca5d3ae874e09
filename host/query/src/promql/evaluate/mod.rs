//! Walks the tree: each expression gives its values for all steps of a grid at once.

mod reference;
mod selector;
mod range;
mod mixed;
pub(crate) mod extended;
mod operator;
mod repeated;

use std::cell::{Cell, RefCell};
use std::time::Instant;

use cepmon_model::TimestampMs;

use crate::promql::annotation::{Annotation, MAX_ANNOTATIONS, Severity};
use crate::promql::ast::{At, Call, Expr, ExprKind, Length, Span};
use crate::promql::engine::{EngineOptions, Interrupt};
use crate::promql::function::Body;
use crate::vector::histogram_sum::COLLIDING_RESETS;
use crate::vector::unify::without_names;
use crate::vector::{Budget, Grid, StepVector};
use crate::{Error, SeriesSource, format_value};

pub(crate) use mixed::{OfMixed, OverHistograms, Windows, mixed_buckets, mixed_kinds};
pub(crate) use range::{RangeSeries, Window, Windowed};
pub(crate) use repeated::Repeated;
pub(crate) use selector::Pick;

/// The values of an expression over a grid.
#[derive(Debug)]
pub(crate) enum Evaluated {
    /// One number per step.
    Scalar(Vec<f64>),
    Vector(StepVector),
    Text(String),
}

/// One query while it is evaluated.
pub(crate) struct Evaluation<'a> {
    pub(crate) source: &'a dyn SeriesSource,
    pub(crate) options: &'a EngineOptions,
    /// The steps of the whole query, whatever subquery is being evaluated.
    pub(crate) query: Grid,
    /// Zero in an instant query.
    pub(crate) query_step_ms: i64,
    pub(crate) budget: Budget,
    pub(crate) deadline: Instant,
    pub(crate) interrupt: Option<&'a Interrupt>,
    pub(crate) annotations: RefCell<Vec<Annotation>>,
    pub(crate) repeated: Repeated,
    /// Whether resets that contradict each other are worth a warning: only where counts and sums alone are asked for. Everywhere else
    /// Prometheus does not know of them ([15346](https://github.com/prometheus/prometheus/issues/15346)), and every restart would warn.
    pub(crate) tells_collisions: Cell<bool>,
}

impl Evaluation<'_> {
    pub(crate) fn evaluate(&self, expr: &Expr, grid: &Grid) -> Result<Evaluated, Error> {
        self.check_time()?;
        if let Some((vector, annotations)) = self.repeated.take(expr, grid, &self.budget)? {
            annotations.into_iter().for_each(|annotation| self.annotate(annotation.severity, annotation.span, annotation.message));
            return Ok(Evaluated::Vector(vector));
        }
        match self.with_names(expr, grid)? {
            Evaluated::Vector(mut vector) => {
                if !self.options.drops_names_late {
                    vector = without_names(vector)?;
                }
                self.repeated.keep(expr, grid, &vector, &self.annotations.borrow(), &self.budget)?;
                Ok(Evaluated::Vector(vector))
            }
            evaluated => Ok(evaluated),
        }
    }

    /// The values with names that may have to go.
    fn with_names(&self, expr: &Expr, grid: &Grid) -> Result<Evaluated, Error> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Evaluated::Scalar(vec![*number; grid.count])),
            ExprKind::String(text) => Ok(Evaluated::Text(text.value.clone())),
            ExprKind::Paren(inner) | ExprKind::Plus(inner) => self.evaluate(inner, grid),
            ExprKind::Negate(inner) => self.negate(inner, grid),
            ExprKind::Selector(selector) => Ok(Evaluated::Vector(self.select(selector, expr.span, grid, Pick::Value)?)),
            ExprKind::Binary(binary) => self.binary(binary, expr.span, grid),
            ExprKind::Aggregate(aggregate) => Ok(Evaluated::Vector(self.aggregate(aggregate, grid)?)),
            ExprKind::Call(call) => self.call(call, grid),
            // The parser lets range vectors stand as function arguments and alone only.
            ExprKind::Range(_) | ExprKind::Subquery(_) => Err(Error::execution("a range vector has no value here")),
        }
    }

    /// The values of an expression that the parser found to be an instant vector.
    pub(crate) fn vector(&self, expr: &Expr, grid: &Grid) -> Result<StepVector, Error> {
        match self.evaluate(expr, grid)? {
            Evaluated::Vector(vector) => Ok(vector),
            _ => Err(Error::execution("expected an instant vector")),
        }
    }

    /// The values of an expression that the parser found to be a scalar.
    pub(crate) fn scalar(&self, expr: &Expr, grid: &Grid) -> Result<Vec<f64>, Error> {
        match self.evaluate(expr, grid)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(Error::execution("expected a scalar")),
        }
    }

    fn call(&self, call: &Call, grid: &Grid) -> Result<Evaluated, Error> {
        call.args.iter().try_for_each(|arg| check_extension(call.function.name, arg))?;
        match call.function.body {
            Body::Map(compute) => {
                let mut vector = self.vector(&call.args[0], grid)?;
                let parameters = self.scalars(&call.args[1..], grid)?;
                let mut at_step = vec![0.0; parameters.len()];
                for series in &mut vector {
                    series.drops_name = true;
                    series.column.map(|index, value| {
                        for (slot, column) in at_step.iter_mut().zip(&parameters) {
                            *slot = column[index];
                        }
                        compute(value, &at_step)
                    });
                    series.column.drop_histograms();
                }
                Ok(Evaluated::Vector(vector))
            }
            Body::Window { keeps_name, compute, over_histograms } => {
                Ok(Evaluated::Vector(self.map_windows(&call.args, grid, Windows { keeps_name, over_histograms }, compute)?))
            }
            Body::Whole(compute) => compute(self, &call.args, grid),
        }
    }

    /// Scalar arguments, one column each.
    pub(crate) fn scalars(&self, args: &[Expr], grid: &Grid) -> Result<Vec<Vec<f64>>, Error> {
        args.iter().map(|arg| self.scalar(arg, grid)).collect()
    }

    pub(crate) fn resolve_at(&self, at: At) -> TimestampMs {
        match at {
            At::Time(time) => time,
            At::Start => self.query.start,
            At::End => self.query.end(),
        }
    }

    /// The milliseconds of a duration.
    pub(crate) fn resolve(&self, length: &Length) -> Result<i64, Error> {
        let query = (self.query_step_ms, self.query.end() - self.query.start);
        length.resolve(Some(query)).unwrap_or(Ok(0)).map_err(Error::execution)
    }

    /// The milliseconds of a range or step.
    pub(crate) fn resolve_positive(&self, length: &Length) -> Result<i64, Error> {
        match self.resolve(length)? {
            ms if ms > 0 => Ok(ms),
            _ => Err(Error::execution("duration must be greater than 0")),
        }
    }

    /// Notes a warning or a remark, once.
    pub(crate) fn annotate(&self, severity: Severity, span: Span, message: impl Into<String>) {
        let annotation = Annotation { severity, message: message.into(), span };
        if annotation.message.starts_with(COLLIDING_RESETS) && !self.tells_collisions.get() {
            return;
        }
        let mut annotations = self.annotations.borrow_mut();
        if annotations.len() < MAX_ANNOTATIONS && !annotations.contains(&annotation) {
            annotations.push(annotation);
        }
    }

    /// Notes what concerns a piece of the query.
    pub(crate) fn note(&self, span: Span) -> impl Fn(Severity, String) + '_ {
        move |severity, message| self.annotate(severity, span, message)
    }

    /// Warns of quantiles that are none.
    pub(crate) fn check_quantiles(&self, span: Span, quantiles: &[f64]) {
        for quantile in quantiles.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
            let message = format!("quantile value should be between 0 and 1, got {}", format_value(*quantile));
            self.annotate(Severity::Warning, span, message);
        }
    }

    /// To be called for every series or so.
    pub(crate) fn check_time(&self) -> Result<(), Error> {
        if self.interrupt.is_some_and(Interrupt::is_stopped) {
            return Err(Error::Cancelled);
        }
        if Instant::now() > self.deadline { Err(Error::Timeout { timeout: self.options.timeout }) } else { Ok(()) }
    }
}

/// Only some functions know what to do with a value at the end of a range.
fn check_extension(function: &str, arg: &Expr) -> Result<(), Error> {
    let ExprKind::Range(range) = &arg.without_parens().kind else { return Ok(()) };
    match range.selector.extension {
        Some(extension) if !extension.functions().contains(&function) => {
            let (word, allowed) = (extension.word(), extension.functions().join(", "));
            Err(Error::execution(format!("{word} modifier can only be used with: {allowed} - not with {function}")))
        }
        _ => Ok(()),
    }
}
