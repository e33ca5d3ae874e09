//! Durations in brackets and after `offset`: written out, as a number of seconds, or as an expression (Prometheus 3).

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{Length, LengthOp};
use crate::promql::lexer::TokenKind;

impl Parser<'_> {
    /// A range or a step, which must be positive where it is written out.
    pub(super) fn length(&mut self, what: &str) -> Result<Length, ParseError> {
        let offset = self.peek().span.start;
        let length = simplify(self.nested(|parser| parser.length_operators(1))?);
        match (length.resolve(None), &length) {
            (Some(Err(problem)), _) => Err(self.error_at(offset, problem)),
            // Expressions are looked at when they are evaluated, as in Prometheus.
            (_, Length::Fixed(ms)) if *ms <= 0 => Err(self.error_at(offset, format!("duration must be greater than 0 in a {what}"))),
            _ => Ok(length),
        }
    }

    /// After `offset` only signs and parentheses: in `a offset 5m - b` the minus is an operator of the query.
    pub(super) fn offset_expression(&mut self) -> Result<Length, ParseError> {
        let offset = self.peek().span.start;
        let length = simplify(self.length_sign(false)?);
        match length.resolve(None) {
            Some(Err(problem)) => Err(self.error_at(offset, problem)),
            _ => Ok(length),
        }
    }

    fn length_operators(&mut self, minimum: u8) -> Result<Length, ParseError> {
        let mut left = self.length_sign(true)?;
        loop {
            let TokenKind::Symbol(symbol) = self.peek().kind else { return Ok(left) };
            let Some((op, precedence)) = length_operator(symbol).filter(|(_, precedence)| *precedence >= minimum) else {
                return Ok(left);
            };
            self.advance();
            let right_minimum = if op == LengthOp::Pow { precedence } else { precedence + 1 };
            let right = self.nested(|parser| parser.length_operators(right_minimum))?;
            left = Length::Binary(op, Box::new((left, right)));
            if left.levels() > super::MAX_DEPTH {
                return Err(self.too_deep(self.peek().span.start));
            }
        }
    }

    fn length_sign(&mut self, has_operators: bool) -> Result<Length, ParseError> {
        let is_minus = self.is_symbol("-");
        if !is_minus && !self.is_symbol("+") {
            return self.length_primary();
        }
        self.advance();
        // A sign binds as `*` does: only `^` binds more tightly.
        let operand = self.nested(|parser| if has_operators { parser.length_operators(3) } else { parser.length_sign(false) })?;
        Ok(if is_minus { Length::Negate(Box::new(operand)) } else { operand })
    }

    fn length_primary(&mut self) -> Result<Length, ParseError> {
        match self.peek().kind {
            TokenKind::Duration(ms) => {
                self.advance();
                Ok(Length::Fixed(ms))
            }
            TokenKind::Number(seconds) => {
                self.advance();
                Ok(Length::Seconds(seconds))
            }
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.nested(|parser| parser.length_operators(1))?;
                self.expect_symbol(")", "in duration expression")?;
                Ok(Length::Paren(Box::new(inner)))
            }
            TokenKind::Word if self.peek_second().kind == TokenKind::Symbol("(") => self.length_call(),
            _ => Err(self.unexpected("in duration expression", "a duration or a number of seconds")),
        }
    }

    fn length_call(&mut self) -> Result<Length, ParseError> {
        let name = self.word().unwrap_or_default().to_ascii_lowercase();
        let offset = self.advance().span.start;
        self.expect_symbol("(", "in duration expression")?;
        let length = match name.as_str() {
            "step" => Length::Step,
            "range" => Length::Range,
            "min_of" | "max_of" => {
                let first = self.nested(|parser| parser.length_operators(1))?;
                self.expect_symbol(",", "in duration expression")?;
                let second = self.nested(|parser| parser.length_operators(1))?;
                let both = Box::new((first, second));
                if name == "min_of" { Length::MinOf(both) } else { Length::MaxOf(both) }
            }
            _ => return Err(self.error_at(offset, format!("unknown function {name:?} in duration expression"))),
        };
        self.expect_symbol(")", "in duration expression")?;
        Ok(length)
    }
}

fn length_operator(symbol: &str) -> Option<(LengthOp, u8)> {
    Some(match symbol {
        "+" => (LengthOp::Add, 1),
        "-" => (LengthOp::Sub, 1),
        "*" => (LengthOp::Mul, 2),
        "/" => (LengthOp::Div, 2),
        "%" => (LengthOp::Mod, 2),
        "^" => (LengthOp::Pow, 3),
        _ => return None,
    })
}

/// A bare number or duration, signed or not, becomes one length that prints as a duration.
fn simplify(length: Length) -> Length {
    let milliseconds = match &length {
        Length::Seconds(seconds) => seconds * 1000.0,
        Length::Negate(inner) => match **inner {
            Length::Seconds(seconds) => -seconds * 1000.0,
            Length::Fixed(ms) => -ms as f64,
            _ => return length,
        },
        _ => return length,
    };
    if milliseconds.abs() < 9.0e15 { Length::Fixed(milliseconds.round() as i64) } else { length }
}

impl Length {
    /// Its milliseconds. `None` if it needs the query's step and range and they are not given as `(step, range)` in milliseconds.
    pub(crate) fn resolve(&self, query: Option<(i64, i64)>) -> Option<Result<i64, &'static str>> {
        let seconds = match self.seconds(query)? {
            Ok(seconds) => seconds,
            Err(problem) => return Some(Err(problem)),
        };
        let ms = (seconds * 1000.0).round();
        // Prometheus counts nanoseconds in 63 bits.
        Some(if ms.abs() <= 9_223_372_036_854.0 { Ok(ms as i64) } else { Err("duration out of range") })
    }

    fn seconds(&self, query: Option<(i64, i64)>) -> Option<Result<f64, &'static str>> {
        let pair = |both: &(Length, Length)| Some((both.0.seconds(query)?, both.1.seconds(query)?));
        let joined = |both: &(Length, Length), join: &dyn Fn(f64, f64) -> Result<f64, &'static str>| {
            Some(match pair(both)? {
                (Ok(left), Ok(right)) => join(left, right),
                (Err(problem), _) | (_, Err(problem)) => Err(problem),
            })
        };
        match self {
            Self::Fixed(ms) => Some(Ok(*ms as f64 / 1000.0)),
            Self::Seconds(seconds) => Some(Ok(*seconds)),
            Self::Step => query.map(|(step, _)| Ok(step as f64 / 1000.0)),
            Self::Range => query.map(|(_, range)| Ok(range as f64 / 1000.0)),
            Self::Negate(inner) => inner.seconds(query).map(|seconds| seconds.map(|seconds| -seconds)),
            Self::Paren(inner) => inner.seconds(query),
            Self::MinOf(both) => joined(both, &|left, right| Ok(left.min(right))),
            Self::MaxOf(both) => joined(both, &|left, right| Ok(left.max(right))),
            // Division by a constant zero is wrong whatever stands on the left.
            Self::Binary(LengthOp::Div | LengthOp::Mod, both) if both.1.seconds(query) == Some(Ok(0.0)) => {
                Some(Err("division by zero in duration expression"))
            }
            Self::Binary(op, both) => joined(both, &|left, right| {
                Ok(match op {
                    LengthOp::Add => left + right,
                    LengthOp::Sub => left - right,
                    LengthOp::Mul => left * right,
                    LengthOp::Div => left / right,
                    LengthOp::Mod => left % right,
                    LengthOp::Pow => left.powf(right),
                })
            }),
        }
    }

    /// Levels of the tree, to bound recursion.
    fn levels(&self) -> usize {
        match self {
            Self::Binary(_, both) | Self::MinOf(both) | Self::MaxOf(both) => 1 + both.0.levels().max(both.1.levels()),
            Self::Negate(inner) | Self::Paren(inner) => 1 + inner.levels(),
            _ => 1,
        }
    }
}
