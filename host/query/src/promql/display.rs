//! Expressions as text again, in the form that Prometheus prints (2.48, `promql/parser/printer.go`).

use std::fmt::{Display, Formatter, Result, Write};
use std::time::Duration;

use cepmon_model::{METRIC_NAME, MatchOp, Matcher, is_label_name, is_metric_name};

use crate::format_value;
use crate::promql::ast::{
    AggregateExpr, At, BinaryExpr, Cardinality, Expr, ExprKind, Fill, Grouping, Length, LengthOp, Matching, RangeSelector, Selector, Shift,
    Subquery,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::Number(number) => f.write_str(&format_value(*number)),
            ExprKind::String(text) => quoted(f, &text.value),
            ExprKind::Selector(selector) => {
                labels(f, selector)?;
                extension(f, selector)?;
                selector.shift.fmt(f)
            }
            ExprKind::Range(RangeSelector { selector, range }) => {
                labels(f, selector)?;
                write!(f, "[{range}]")?;
                extension(f, selector)?;
                selector.shift.fmt(f)
            }
            ExprKind::Subquery(subquery) => write!(f, "{}{}", subquery.expr, subquery.times()),
            ExprKind::Paren(expr) => write!(f, "({expr})"),
            ExprKind::Negate(expr) => write!(f, "-{expr}"),
            ExprKind::Plus(expr) => write!(f, "+{expr}"),
            ExprKind::Binary(binary) => binary.fmt(f),
            ExprKind::Aggregate(aggregate) => aggregate.fmt(f),
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                separated(f, &call.args)?;
                f.write_char(')')
            }
        }
    }
}

impl Display for BinaryExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {} {}", self.left, self.operation(), self.right)
    }
}

impl BinaryExpr {
    /// The operator with all that belongs to it.
    pub(super) fn operation(&self) -> impl Display {
        let returns_bool = if self.returns_bool { " bool" } else { "" };
        format!("{}{returns_bool}{}", self.op.text(), self.matching)
    }
}

impl Subquery {
    /// Range, step and shift.
    pub(super) fn times(&self) -> impl Display {
        let step = self.step.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("[{}:{step}]{}", self.range, self.shift)
    }
}

impl Display for Matching {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        // Ignoring nothing is what happens anyway, but `group_left` needs something before it.
        let is_default = |labels: &&Grouping| **labels == Grouping::Without(Vec::new()) && self.cardinality == Cardinality::OneToOne;
        if let Some(labels) = self.labels.as_ref().filter(|labels| !is_default(labels)) {
            let (word, names) = match labels {
                Grouping::By(names) => ("on", names),
                Grouping::Without(names) => ("ignoring", names),
            };
            write!(f, " {word} {}", LabelList(names))?;
            let side = match self.cardinality {
                Cardinality::OneToOne => None,
                Cardinality::ManyToOne => Some("group_left"),
                Cardinality::OneToMany => Some("group_right"),
            };
            if let Some(side) = side {
                write!(f, " {side} {}", LabelList(&self.include))?;
            }
        }
        self.fill.fmt(f)
    }
}

impl Display for Fill {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let same = self.left.filter(|left| self.right == Some(*left));
        let written = match same {
            Some(_) => [("fill", same), ("", None)],
            None => [("fill_left", self.left), ("fill_right", self.right)],
        };
        written.into_iter().try_for_each(|(word, value)| match value {
            Some(value) => write!(f, " {word} ({})", format_value(value)),
            None => Ok(()),
        })
    }
}

impl Display for AggregateExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.parameter {
            Some(parameter) => write!(f, "{}({parameter}, {})", self.head(), self.expr),
            None => write!(f, "{}({})", self.head(), self.expr),
        }
    }
}

impl AggregateExpr {
    /// What stands before the parentheses.
    pub(super) fn head(&self) -> impl Display {
        let (word, names) = match &self.grouping {
            Grouping::By(names) if names.is_empty() => return self.op.name().to_owned(),
            Grouping::By(names) => ("by", names),
            Grouping::Without(names) => ("without", names),
        };
        format!("{} {word} {} ", self.op.name(), LabelList(names))
    }
}

impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0)?,
        }
        match &self.offset {
            None | Some(Length::Fixed(0)) => Ok(()),
            Some(offset) => write!(f, " offset {offset}"),
        }
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Fixed(ms) => {
                let sign = if *ms < 0 { "-" } else { "" };
                write!(f, "{sign}{}", cepmon_model::format_duration(Duration::from_millis(ms.unsigned_abs())))
            }
            Self::Seconds(seconds) => f.write_str(&format_value(*seconds)),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::MinOf(both) => write!(f, "min_of({}, {})", both.0, both.1),
            Self::MaxOf(both) => write!(f, "max_of({}, {})", both.0, both.1),
            Self::Binary(op, both) => {
                let op = match op {
                    LengthOp::Add => '+',
                    LengthOp::Sub => '-',
                    LengthOp::Mul => '*',
                    LengthOp::Div => '/',
                    LengthOp::Mod => '%',
                    LengthOp::Pow => '^',
                };
                write!(f, "{} {op} {}", both.0, both.1)
            }
        }
    }
}

/// Name and braces of a selector, without its shift. A name that is no classic one goes into the braces.
fn labels(f: &mut Formatter<'_>, selector: &Selector) -> Result {
    let plain_name = selector.name.as_deref().filter(|name| is_metric_name(name));
    f.write_str(plain_name.unwrap_or_default())?;
    let is_name = |matcher: &&Matcher| {
        selector.name.as_deref() == Some(matcher.value()) && matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal
    };
    let rest: Vec<&Matcher> = selector.matchers.iter().filter(|matcher| !is_name(matcher)).collect();
    if rest.is_empty() && plain_name.is_some() {
        return Ok(());
    }
    let mut separator = "{";
    if let (Some(name), None) = (&selector.name, plain_name) {
        f.write_str(separator)?;
        quoted(f, name)?;
        separator = ",";
    }
    for matcher in rest {
        f.write_str(separator)?;
        label_name(f, matcher.name())?;
        f.write_str(match matcher.op() {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        })?;
        quoted(f, matcher.value())?;
        separator = ",";
    }
    f.write_char('}')
}

/// Names in parentheses.
struct LabelList<'a>(&'a [String]);

impl Display for LabelList<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_char('(')?;
        for (index, name) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            label_name(f, name)?;
        }
        f.write_char(')')
    }
}

fn extension(f: &mut Formatter<'_>, selector: &Selector) -> Result {
    selector.extension.map_or(Ok(()), |extension| write!(f, " {}", extension.word()))
}

fn label_name(f: &mut Formatter<'_>, name: &str) -> Result {
    if is_label_name(name) { f.write_str(name) } else { quoted(f, name) }
}

fn separated(f: &mut Formatter<'_>, exprs: &[Expr]) -> Result {
    for (index, expr) in exprs.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        expr.fmt(f)?;
    }
    Ok(())
}

/// In double quotes, with the escapes that the lexer reads.
fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            other if other.is_control() => write!(f, "\\u{:04x}", u32::from(other))?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}
