//! Recursive descent over the tokens, with Prometheus's grammar and precedence. Types are checked as the tree grows.

mod expr;
mod selector;
mod modifier;
mod length;
mod aggregate;
#[cfg(test)]
mod tests;

use crate::ParseError;
use crate::promql::ast::{Expr, ExprKind, Span};
use crate::promql::lexer::{Token, TokenKind, tokenize};

/// How deep the tree of an expression may be; each level costs stack when it is evaluated. `a or b or …` counts one per operator.
const MAX_DEPTH: usize = 200;

/// How deep parentheses, calls and right operands may be nested. Real ones stay below 30; a level costs up to 14 KB of stack while it is
/// read (measured without optimization), and threads of an async runtime have 2 MB.
const MAX_NESTING: usize = 100;

/// Reads and checks a PromQL expression.
///
/// The error says where (byte offset, line, column) and what; an unknown function is an error here, not when it is evaluated.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let tokens = tokenize(text)?;
    let mut parser = Parser { text, tokens, position: 0, nesting: 0, allows_empty_matchers: false };
    if parser.peek().kind == TokenKind::End {
        return Err(parser.error("no expression found in input"));
    }
    let expr = parser.expression()?;
    match parser.peek().kind {
        TokenKind::End => Ok(expr),
        _ => Err(parser.unexpected("after the expression", "an operator or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    position: usize,
    nesting: usize,
    /// Within the second argument of `info`, which restricts labels and selects no series.
    allows_empty_matchers: bool,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.position]
    }

    fn peek_second(&self) -> &Token {
        &self.tokens[(self.position + 1).min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.position].clone();
        // The last token is `End`; it is never passed.
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        token
    }

    /// The end of the token before.
    fn end(&self) -> usize {
        self.position.checked_sub(1).map_or(0, |before| self.tokens[before].span.end)
    }

    fn word(&self) -> Option<&str> {
        self.word_of(self.peek())
    }

    fn word_of(&self, token: &Token) -> Option<&str> {
        (token.kind == TokenKind::Word).then(|| &self.text[token.span.start..token.span.end])
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Symbol(found) if found == symbol)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        if is_there {
            self.advance();
        }
        is_there
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        if is_there {
            self.advance();
        }
        is_there
    }

    fn expect_symbol(&mut self, symbol: &str, place: &str) -> Result<(), ParseError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected(place, &format!("{symbol:?}"))) }
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        self.error_at(self.peek().span.start, message)
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, offset, message)
    }

    fn unexpected(&self, place: &str, wanted: &str) -> ParseError {
        let token = self.peek();
        let found = match &token.kind {
            TokenKind::End => "end of input".to_owned(),
            _ => format!("{:?}", &self.text[token.span.start..token.span.end]),
        };
        self.error(format!("unexpected {found} {place}, expected {wanted}"))
    }

    fn build(&self, start: usize, kind: ExprKind) -> Result<Expr, ParseError> {
        let expr = Expr::new(Span { start, end: self.end() }, kind);
        if expr.depth() > MAX_DEPTH { Err(self.too_deep(start)) } else { Ok(expr) }
    }

    fn too_deep(&self, offset: usize) -> ParseError {
        self.error_at(offset, "the expression is nested too deep; split it with recording rules")
    }

    /// Runs a piece of the grammar that may contain itself.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.nesting >= MAX_NESTING {
            return Err(self.too_deep(self.peek().span.start));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }
}
