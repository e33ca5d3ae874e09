//! Durations in brackets and after `offset`: written out, as a number of seconds, or as an expression (Prometheus 3).

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{Length, LengthOp};
use crate::promql::lexer::TokenKind;

impl Parser<'_> {
    /// A range or a step, which must be positive where it is written out.
    pub(super) fn length(&mut self, what: &str) -> Result<Length, ParseError> {
        let offset = self.peek().span.start;
        let length = self.nested(|parser| parser.length_operators(1))?.simplified();
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
        let length = self.length_sign(false)?.simplified();
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
