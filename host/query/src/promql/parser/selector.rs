//! Vector selectors: a name, and matchers in braces.

use cepmon_model::{METRIC_NAME, MatchOp, Matcher};

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{Expr, ExprKind, Selector, Shift};
use crate::promql::lexer::{Token, TokenKind};

impl Parser<'_> {
    pub(super) fn selector(&mut self) -> Result<Expr, ParseError> {
        let start = self.peek().span.start;
        let mut selector = Selector { name: None, matchers: Vec::new(), shift: Shift::default(), extension: None };
        if self.peek().kind == TokenKind::Word {
            let token = self.advance();
            selector.name = Some(self.text[token.span.start..token.span.end].to_owned());
        }
        if self.take_symbol("{") {
            self.matchers(&mut selector)?;
        }
        if let Some(name) = &selector.name {
            let twice = selector.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME);
            if let Some(other) = twice {
                let problem = format!("metric name must not be set twice: {name:?} or {:?}", other.value());
                return Err(self.error_at(start, problem));
            }
            selector.matchers.push(Matcher::equal(METRIC_NAME, name.as_str()));
        }
        if !self.allows_empty_matchers && selector.matchers.iter().all(Matcher::matches_empty) {
            return Err(self.error_at(start, "vector selector must contain at least one non-empty matcher"));
        }
        self.build(start, ExprKind::Selector(selector))
    }

    fn matchers(&mut self, selector: &mut Selector) -> Result<(), ParseError> {
        while !self.take_symbol("}") {
            let token = self.advance();
            let (label, is_quoted) = match &token.kind {
                TokenKind::Word => (self.text[token.span.start..token.span.end].to_owned(), false),
                TokenKind::Text(name) if name.invalid.is_none() => (name.value.clone(), true),
                _ => return Err(self.unexpected_at(&token, "identifier or \"}\"")),
            };
            let is_bare_name = is_quoted && (self.is_symbol(",") || self.is_symbol("}"));
            if is_bare_name {
                if let Some(name) = &selector.name {
                    let problem = format!("metric name must not be set twice: {name:?} or {label:?}");
                    return Err(self.error_at(token.span.start, problem));
                }
                selector.name = Some(label);
            } else {
                let matcher = self.matcher(&token, label)?;
                selector.matchers.push(matcher);
            }
            if !self.take_symbol(",") && !self.is_symbol("}") {
                return Err(self.unexpected("in label matching", "\",\" or \"}\""));
            }
        }
        Ok(())
    }

    fn matcher(&mut self, label: &Token, name: String) -> Result<Matcher, ParseError> {
        let op = match self.peek().kind {
            TokenKind::Symbol("=") => MatchOp::Equal,
            TokenKind::Symbol("!=") => MatchOp::NotEqual,
            TokenKind::Symbol("=~") => MatchOp::Regex,
            TokenKind::Symbol("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected("in label matching", "label matching operator")),
        };
        self.advance();
        let TokenKind::Text(value) = self.peek().kind.clone() else {
            return Err(self.unexpected("in label matching", "string"));
        };
        self.advance();
        Matcher::new(name, op, value.value).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            self.error_at(label.span.start, format!("{error}: {cause}"))
        })
    }

    fn unexpected_at(&self, token: &Token, wanted: &str) -> ParseError {
        let found = self.text.get(token.span.start..token.span.end).filter(|found| !found.is_empty()).unwrap_or("end of input");
        self.error_at(token.span.start, format!("unexpected {found:?} in label matching, expected {wanted}"))
    }
}
