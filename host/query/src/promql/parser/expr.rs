//! Operators by precedence, primaries, calls.

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{BinaryExpr, BinaryOp, Call, Cardinality, Expr, ExprKind, Fill, Grouping, Matching};
use crate::promql::check;
use crate::promql::function::find_function;
use crate::promql::lexer::TokenKind;
use crate::vector::aggregate::AggregateOp;

/// `-a * b` is `(-a) * b`, `-a ^ b` is `-(a ^ b)`: a sign binds as `*` does.
const SIGN_PRECEDENCE: u8 = 5;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr, ParseError> {
        self.nested(|parser| parser.operators(1))
    }

    /// Operators of at least this precedence, from left to right (`^` from right to left).
    fn operators(&mut self, minimum: u8) -> Result<Expr, ParseError> {
        let mut left = self.sign()?;
        loop {
            let Some(op) = self.operator().filter(|op| op.precedence() >= minimum) else { return Ok(left) };
            self.advance();
            let returns_bool = self.take_keyword("bool");
            let matching = self.matching()?;
            let right_minimum = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
            let right = self.nested(|parser| parser.operators(right_minimum))?;
            let start = left.span.start;
            let binary = BinaryExpr { op, left, right, returns_bool, matching };
            check::binary(&binary).map_err(|(span, problem)| self.error_at(span.start, problem))?;
            left = self.build(start, ExprKind::Binary(Box::new(binary)))?;
        }
    }

    fn operator(&self) -> Option<BinaryOp> {
        match &self.peek().kind {
            TokenKind::Symbol(symbol) => BinaryOp::from_text(symbol),
            TokenKind::Word => self.word().and_then(|word| BinaryOp::from_text(&word.to_ascii_lowercase())),
            _ => None,
        }
    }

    fn sign(&mut self) -> Result<Expr, ParseError> {
        let start = self.peek().span.start;
        let is_minus = self.is_symbol("-");
        if !is_minus && !self.is_symbol("+") {
            return self.postfix();
        }
        self.advance();
        let operand = self.nested(|parser| parser.operators(SIGN_PRECEDENCE + 1))?;
        check::sign(&operand).map_err(|problem| self.error_at(operand.span.start, problem))?;
        let kind = match operand.kind {
            ExprKind::Number(number) => ExprKind::Number(if is_minus { -number } else { number }),
            _ if is_minus => ExprKind::Negate(Box::new(operand)),
            _ => ExprKind::Plus(Box::new(operand)),
        };
        self.build(start, kind)
    }

    /// `on`/`ignoring`, `group_left`/`group_right` and `fill`, as far as they are there.
    fn matching(&mut self) -> Result<Matching, ParseError> {
        let mut matching = Matching::default();
        if self.is_before_paren() && (self.is_keyword("on") || self.is_keyword("ignoring")) {
            let is_on = self.is_keyword("on");
            self.advance();
            let names = self.label_list()?;
            matching.labels = Some(if is_on { Grouping::By(names) } else { Grouping::Without(names) });
            matching.cardinality = match () {
                () if self.take_keyword("group_left") => Cardinality::ManyToOne,
                () if self.take_keyword("group_right") => Cardinality::OneToMany,
                () => Cardinality::OneToOne,
            };
            if matching.cardinality != Cardinality::OneToOne && self.is_symbol("(") {
                matching.include = self.label_list()?;
            }
        }
        while self.is_before_paren() {
            match self.word().unwrap_or_default().to_ascii_lowercase().as_str() {
                "fill" => {
                    let value = self.fill_value()?;
                    matching.fill = Fill { left: value, right: value };
                }
                "fill_left" => matching.fill.left = self.fill_value()?,
                "fill_right" => matching.fill.right = self.fill_value()?,
                _ => break,
            }
        }
        Ok(matching)
    }

    /// `fill (-1.5)`
    fn fill_value(&mut self) -> Result<Option<f64>, ParseError> {
        self.advance();
        self.expect_symbol("(", "in fill modifier")?;
        let is_minus = self.take_symbol("-");
        if !is_minus {
            self.take_symbol("+");
        }
        let number = match (&self.peek().kind, self.word().map(str::to_ascii_lowercase).as_deref()) {
            (TokenKind::Number(number), _) => *number,
            (TokenKind::Duration(ms), _) => *ms as f64 / 1000.0,
            (_, Some("inf")) => f64::INFINITY,
            (_, Some("nan")) => f64::NAN,
            _ => return Err(self.unexpected("in fill modifier", "number")),
        };
        self.advance();
        self.expect_symbol(")", "in fill modifier")?;
        Ok(Some(if is_minus { -number } else { number }))
    }

    fn is_before_paren(&self) -> bool {
        self.peek().kind == TokenKind::Word && self.peek_second().kind == TokenKind::Symbol("(")
    }

    /// `(a, b,)`: label names, keywords and quoted names.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect_symbol("(", "in grouping opts")?;
        let mut names = Vec::new();
        while !self.take_symbol(")") {
            let token = self.advance();
            match token.kind {
                TokenKind::Word => {
                    let word = &self.text[token.span.start..token.span.end];
                    if word.contains(':') {
                        return Err(self.error_at(token.span.start, format!("invalid label name {word:?} in grouping opts")));
                    }
                    names.push(word.to_owned());
                }
                TokenKind::Text(name) if name.invalid.is_none() => names.push(name.value),
                _ => {
                    self.position -= usize::from(token.kind != TokenKind::End);
                    return Err(self.unexpected("in grouping opts", "label"));
                }
            }
            if !self.take_symbol(",") && !self.is_symbol(")") {
                return Err(self.unexpected("in grouping opts", "\",\" or \")\""));
            }
        }
        Ok(names)
    }

    pub(super) fn primary(&mut self) -> Result<Expr, ParseError> {
        let start = self.peek().span.start;
        match self.peek().kind.clone() {
            TokenKind::Number(number) => {
                self.advance();
                self.build(start, ExprKind::Number(number))
            }
            TokenKind::Duration(ms) => {
                self.advance();
                self.build(start, ExprKind::Number(ms as f64 / 1000.0))
            }
            TokenKind::Text(text) => {
                self.advance();
                self.build(start, ExprKind::String(text))
            }
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect_symbol(")", "in parentheses")?;
                self.build(start, ExprKind::Paren(Box::new(inner)))
            }
            TokenKind::Symbol("{") => self.selector(),
            TokenKind::Word => self.word_expression(),
            _ => Err(self.unexpected("where an expression should start", "a number, a string, a selector, a function or \"(\"")),
        }
    }

    /// A number by name, an aggregation, a call or a selector.
    fn word_expression(&mut self) -> Result<Expr, ParseError> {
        let token = self.peek().clone();
        let start = token.span.start;
        let word = self.text[token.span.start..token.span.end].to_owned();
        let next = self.peek_second().clone();
        let is_before_paren = next.kind == TokenKind::Symbol("(");
        let number = match word.to_ascii_lowercase().as_str() {
            "inf" => Some(f64::INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        };
        if let Some(number) = number.filter(|_| next.kind != TokenKind::Symbol("{")) {
            self.advance();
            return self.build(start, ExprKind::Number(number));
        }
        let next_word = self.word_of(&next).map(str::to_ascii_lowercase);
        let is_before_grouping = matches!(next_word.as_deref(), Some("by" | "without"));
        if let Some(op) = AggregateOp::from_name(&word.to_ascii_lowercase()).filter(|_| is_before_paren || is_before_grouping) {
            return self.aggregation(op);
        }
        if is_before_paren { self.call(&word) } else { self.selector() }
    }

    fn call(&mut self, name: &str) -> Result<Expr, ParseError> {
        let start = self.advance().span.start;
        let Some(function) = find_function(name) else {
            return Err(self.error_at(start, format!("unknown function with name {name:?}")));
        };
        let args = self.arguments(name == "info")?;
        check::call(function, &args).map_err(|(span, problem)| self.error_at(span.map_or(start, |span| span.start), problem))?;
        self.build(start, ExprKind::Call(Call { function, args }))
    }

    /// `(a, b)`: expressions, without a comma at the end. The second argument of `info` is only a list of matchers.
    pub(super) fn arguments(&mut self, is_info: bool) -> Result<Vec<Expr>, ParseError> {
        self.expect_symbol("(", "in function call")?;
        let mut args = Vec::new();
        if self.take_symbol(")") {
            return Ok(args);
        }
        loop {
            let is_outer = std::mem::replace(&mut self.allows_empty_matchers, is_info && args.len() == 1);
            let arg = self.expression();
            self.allows_empty_matchers = is_outer;
            args.push(arg?);
            if self.take_symbol(")") {
                return Ok(args);
            }
            self.expect_symbol(",", "in function call").map_err(|_| self.unexpected("in function call", "\",\" or \")\""))?;
            if self.is_symbol(")") {
                return Err(self.error("trailing commas not allowed in function call args"));
            }
        }
    }
}
