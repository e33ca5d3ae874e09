//! What follows an operand: `[5m]`, `[1h:1m]`, `offset 5m`, `@ 1234`. They bind more tightly than every operator.

use cepmon_model::TimestampMs;

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{At, Expr, ExprKind, Extension, Length, RangeSelector, Shift, Span, Subquery};
use crate::promql::check;
use crate::promql::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Result<Expr, ParseError> {
        let mut expr = self.primary()?;
        loop {
            let offset = self.peek().span.start;
            if self.take_symbol("[") {
                expr = self.range(expr, offset)?;
            } else if self.is_keyword("offset") {
                self.advance();
                let length = self.offset_length()?;
                let shift = shift_of(&mut expr).ok_or_else(|| self.misplaced(offset, "offset modifier"))?;
                if shift.offset.is_some() {
                    return Err(self.error_at(offset, "offset may not be set multiple times"));
                }
                shift.offset = Some(length);
                expr.span.end = self.end();
            } else if self.take_symbol("@") {
                let at = self.at()?;
                let shift = shift_of(&mut expr).ok_or_else(|| self.misplaced(offset, "@ modifier"))?;
                if shift.at.is_some() {
                    return Err(self.error_at(offset, "@ <timestamp> may not be set multiple times"));
                }
                shift.at = Some(at);
                expr.span.end = self.end();
            } else if self.is_keyword("anchored") || self.is_keyword("smoothed") {
                let extension = if self.is_keyword("anchored") { Extension::Anchored } else { Extension::Smoothed };
                self.advance();
                self.extend(&mut expr, extension, offset)?;
                expr.span.end = self.end();
            } else {
                return Ok(expr);
            }
        }
    }

    fn range(&mut self, expr: Expr, offset: usize) -> Result<Expr, ParseError> {
        let start = expr.span.start;
        let range = self.length("range")?;
        if self.take_symbol(":") {
            let step = if self.is_symbol("]") { None } else { Some(self.length("step")?) };
            self.expect_symbol("]", "in subquery selector")?;
            check::subquery(&expr).map_err(|problem| self.error_at(expr.span.start, problem))?;
            return self.build(start, ExprKind::Subquery(Subquery { expr: Box::new(expr), range, step, shift: Shift::default() }));
        }
        if !self.take_symbol("]") {
            return Err(self.unexpected("in range selector", "\"]\" or \":\""));
        }
        let Span { start, .. } = expr.span;
        let ExprKind::Selector(selector) = expr.kind else {
            return Err(self.error_at(offset, "ranges only allowed for vector selectors"));
        };
        if selector.shift.offset.is_some() {
            return Err(self.error_at(offset, "no offset modifiers allowed before range"));
        }
        if selector.shift.at.is_some() {
            return Err(self.error_at(offset, "no @ modifiers allowed before range"));
        }
        if selector.extension.is_some() {
            return Err(self.error_at(offset, "no smoothed modifier allowed before range"));
        }
        self.build(start, ExprKind::Range(RangeSelector { selector, range }))
    }

    fn extend(&self, expr: &mut Expr, extension: Extension, offset: usize) -> Result<(), ParseError> {
        let wanted = match extension {
            Extension::Anchored => "a range vector selector",
            Extension::Smoothed => "an instant vector selector or range vector selector",
        };
        let selector = match &mut expr.kind {
            ExprKind::Range(range) => Some(&mut range.selector),
            ExprKind::Selector(selector) if extension == Extension::Smoothed => Some(selector),
            _ => None,
        };
        let word = extension.word();
        let selector = selector.ok_or_else(|| self.error_at(offset, format!("{word} modifier must be preceded by {wanted}")))?;
        match selector.extension.replace(extension) {
            None => Ok(()),
            Some(before) if before == extension => Err(self.error_at(offset, format!("{word} modifier may not be set multiple times"))),
            Some(_) => Err(self.error_at(offset, "anchored and smoothed modifiers cannot be used together")),
        }
    }

    /// What follows `@`: a number of seconds, `start()` or `end()`.
    fn at(&mut self) -> Result<At, ParseError> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.is_keyword(word) && self.peek_second().kind == TokenKind::Symbol("(") {
                self.advance();
                self.expect_symbol("(", "in @")?;
                self.expect_symbol(")", "in @")?;
                return Ok(at);
            }
        }
        let offset = self.peek().span.start;
        let sign = if self.take_symbol("-") { -1.0 } else { 1.0 };
        if sign > 0.0 {
            self.take_symbol("+");
        }
        let seconds = match self.peek().kind {
            TokenKind::Number(number) => number,
            TokenKind::Duration(ms) => ms as f64 / 1000.0,
            TokenKind::Word if self.is_keyword("inf") || self.is_keyword("nan") => f64::NAN,
            _ => return Err(self.unexpected("in @", "timestamp, start() or end()")),
        };
        self.advance();
        let ms = (sign * seconds * 1000.0).round();
        // Beyond this a float is no exact number of milliseconds.
        if ms.is_nan() || ms.abs() >= 9.0e15 {
            return Err(self.error_at(offset, "timestamp out of bounds for @ modifier"));
        }
        Ok(At::Time(ms as TimestampMs))
    }

    fn offset_length(&mut self) -> Result<Length, ParseError> {
        self.nested(Self::offset_expression)
    }

    fn misplaced(&self, offset: usize, what: &str) -> ParseError {
        let problem = "must be preceded by an instant vector selector or range vector selector or a subquery";
        self.error_at(offset, format!("{what} {problem}"))
    }
}

fn shift_of(expr: &mut Expr) -> Option<&mut Shift> {
    match &mut expr.kind {
        ExprKind::Selector(selector) => Some(&mut selector.shift),
        ExprKind::Range(range) => Some(&mut range.selector.shift),
        ExprKind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}
