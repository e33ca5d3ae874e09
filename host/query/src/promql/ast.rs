//! The syntax tree of a PromQL expression. Its `Display` is PromQL again, in Prometheus's canonical form.

use cepmon_model::{Matcher, TimestampMs};

pub use crate::promql::evaluate::extended::Extension;
pub use crate::promql::length::{Length, LengthOp};
pub use crate::vector::aggregate::AggregateOp;
pub use crate::vector::binary::{BinaryOp, Cardinality, Fill, Matching};
pub use crate::vector::grouping::Grouping;
use crate::{Function, ValueType};

/// Byte offsets of a piece of the text: from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A checked expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// Where it stands in the text.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
    /// How deep the tree below it is; bounded, so that walking it recursively is safe.
    depth: u16,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `1.5`, `5m` (= 300)
    Number(f64),
    /// `"text"`
    String(StringLiteral),
    /// `up{job="node"} offset 5m`
    Selector(Selector),
    /// `up[5m]`
    Range(RangeSelector),
    /// `rate(up[5m])[1h:1m]`
    Subquery(Subquery),
    /// `(up)`
    Paren(Box<Expr>),
    /// `-up`
    Negate(Box<Expr>),
    /// `+up`
    Plus(Box<Expr>),
    /// `a + b`
    Binary(Box<BinaryExpr>),
    /// `sum by (job) (up)`
    Aggregate(Box<AggregateExpr>),
    /// `rate(…)`
    Call(Call),
}

/// A text in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    /// The text; bytes that are no UTF-8 (`"\xff"`) are replaced by U+FFFD.
    pub value: String,
    /// As written between the quotes, if bytes had to be replaced.
    pub invalid: Option<String>,
}

/// Series by their labels.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The metric's name, if it was written before or as the first thing in the braces.
    pub name: Option<String>,
    /// All conditions; the one for `name` is the last.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `anchored` (with a range only) or `smoothed`.
    pub extension: Option<Extension>,
}

/// A selector with a range.
#[derive(Debug, Clone)]
pub struct RangeSelector {
    /// Which series, and when.
    pub selector: Selector,
    /// How far back.
    pub range: Length,
}

/// An expression evaluated at many times.
#[derive(Debug, Clone)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: Length,
    /// How often; the engine's default if none.
    pub step: Option<Length>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// `offset` and `@`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    /// Looks that much further back.
    pub offset: Option<Length>,
    /// Looks from this time instead of the step's.
    pub at: Option<At>,
}

/// The time of an `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// `@ 1234.5`, in Unix milliseconds.
    Time(TimestampMs),
    /// `@ start()`: the first step of the query.
    Start,
    /// `@ end()`: the last step of the query.
    End,
}

/// Two operands and what joins them.
#[derive(Debug, Clone)]
pub struct BinaryExpr {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub left: Expr,
    /// Right operand.
    pub right: Expr,
    /// `bool`: a comparison gives 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How the series of two vectors find each other; the default for scalars.
    pub matching: Matching,
}

/// An aggregation over series.
#[derive(Debug, Clone)]
pub struct AggregateExpr {
    /// Which one.
    pub op: AggregateOp,
    /// `by (…)` or `without (…)`; none of both is `by ()`.
    pub grouping: Grouping,
    /// `k`, the quantile, or the label of `count_values`.
    pub parameter: Option<Expr>,
    /// What is aggregated.
    pub expr: Expr,
}

/// A function call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which function.
    pub function: &'static Function,
    /// As many arguments, of such types, as it takes.
    pub args: Vec<Expr>,
}

impl Expr {
    /// Joins a kind and its place.
    pub(crate) fn new(span: Span, kind: ExprKind) -> Self {
        let below = match &kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => 0,
            ExprKind::Subquery(subquery) => subquery.expr.depth,
            ExprKind::Paren(expr) | ExprKind::Negate(expr) | ExprKind::Plus(expr) => expr.depth,
            ExprKind::Binary(binary) => binary.left.depth.max(binary.right.depth),
            ExprKind::Aggregate(aggregate) => aggregate.expr.depth.max(aggregate.parameter.as_ref().map_or(0, |parameter| parameter.depth)),
            ExprKind::Call(call) => call.args.iter().map(|arg| arg.depth).max().unwrap_or_default(),
        };
        Self { span, kind, depth: below.saturating_add(1) }
    }

    /// Levels of the tree from here down.
    pub(crate) fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The type of its value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueType::InstantVector,
            ExprKind::Range(_) | ExprKind::Subquery(_) => ValueType::RangeVector,
            ExprKind::Paren(expr) | ExprKind::Negate(expr) | ExprKind::Plus(expr) => expr.value_type(),
            ExprKind::Binary(binary) => {
                let are_scalars = [&binary.left, &binary.right].iter().all(|side| side.value_type() == ValueType::Scalar);
                if are_scalars { ValueType::Scalar } else { ValueType::InstantVector }
            }
            ExprKind::Call(call) => call.function.returns,
        }
    }

    /// The expressions that it is made of, from left to right.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => Vec::new(),
            ExprKind::Subquery(subquery) => vec![&subquery.expr],
            ExprKind::Paren(inner) | ExprKind::Negate(inner) | ExprKind::Plus(inner) => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.expr]).collect(),
            ExprKind::Call(call) => call.args.iter().collect(),
        }
    }

    /// The expression within any parentheses.
    pub fn without_parens(&self) -> &Self {
        match &self.kind {
            ExprKind::Paren(inner) => inner.without_parens(),
            _ => self,
        }
    }
}
