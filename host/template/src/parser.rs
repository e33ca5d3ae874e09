//! Tokens to a tree. It checks that functions exist and that variables are declared; it evaluates nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Position;
use crate::function::has_function;
use crate::lexer::{Spanned, Token, tokenize};
use crate::node::{Base, Command, Node, Operand, Pipeline};
use crate::{Dialect, Error};

/// How deep braces and parentheses may nest: the parser is recursive.
const MAX_DEPTH: usize = 100;

/// A parsed text.
pub(crate) struct Parsed {
    pub(crate) body: Vec<Node>,
    pub(crate) definitions: BTreeMap<String, Arc<[Node]>>,
}

/// Parses a text after a preamble.
pub(crate) fn parse(name: &str, preamble: &str, text: &str, dialect: Dialect) -> Result<Parsed, Error> {
    let whole = format!("{preamble}{text}");
    let fail = |(offset, problem): (usize, String)| {
        let Position { line, column } = Position::of(&whole, preamble.len(), offset);
        Error::Parse { name: name.to_owned(), line, column, problem }
    };
    let tokens = tokenize(&whole).map_err(fail)?;
    let mut parser = Parser {
        text: &whole,
        preamble: preamble.len(),
        tokens,
        at: 0,
        dialect,
        variables: vec![String::new()],
        ranges: 0,
        depth: 0,
        definitions: BTreeMap::new(),
    };
    let (body, end) = parser.list(true).map_err(fail)?;
    match end {
        Stop::File => Ok(Parsed { body, definitions: parser.definitions }),
        Stop::End(at) => Err(fail((at, "an {{end}} without a beginning".to_owned()))),
        Stop::Else(at) => Err(fail((at, "an {{else}} without {{if}}, {{with}} or {{range}}".to_owned()))),
    }
}

type Failure = (usize, String);

/// What ended a list of nodes.
enum Stop {
    File,
    End(usize),
    Else(usize),
}

struct Parser<'a> {
    text: &'a str,
    preamble: usize,
    tokens: Vec<Spanned>,
    at: usize,
    dialect: Dialect,
    /// Declared variables, innermost last; "" is `$`.
    variables: Vec<String>,
    /// How many `range`s are open, for `break` and `continue`.
    ranges: usize,
    depth: usize,
    definitions: BTreeMap<String, Arc<[Node]>>,
}

impl Parser<'_> {
    fn list(&mut self, is_top: bool) -> Result<(Vec<Node>, Stop), Failure> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err((self.offset(), format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let mut nodes = Vec::new();
        let end = loop {
            let Some(spanned) = self.next() else { break Stop::File };
            match spanned.token {
                Token::Text(text) => nodes.push(Node::Text(text)),
                _ => match self.action(spanned.start, is_top)? {
                    Item::Node(node) => nodes.push(node),
                    Item::Nothing => {}
                    Item::End(end) => break end,
                },
            }
        };
        self.depth -= 1;
        Ok((nodes, end))
    }

    /// One pair of braces, after its `{{`.
    fn action(&mut self, start: usize, is_top: bool) -> Result<Item, Failure> {
        let keyword = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            _ => String::new(),
        };
        let is_keyword =
            matches!(keyword.as_str(), "if" | "with" | "range" | "template" | "define" | "block" | "end" | "else" | "break" | "continue");
        if !is_keyword {
            let pipeline = self.pipeline(true)?;
            self.close()?;
            return Ok(Item::Node(Node::Action(pipeline)));
        }
        self.at += 1;
        match keyword.as_str() {
            "if" => self.branch(false).map(Item::Node),
            "with" => self.branch(true).map(Item::Node),
            "range" => self.range().map(Item::Node),
            "template" => {
                let name = self.name()?;
                let position = self.position(start);
                let pipeline = if matches!(self.peek(), Some(Token::Close)) { None } else { Some(self.pipeline(false)?) };
                self.close()?;
                Ok(Item::Node(Node::Call { name, pipeline, position }))
            }
            "define" if !is_top => Err((start, "{{define}} must stand at the top level".to_owned())),
            "define" => {
                let name = self.name()?;
                self.close()?;
                self.definition(start, name)?;
                Ok(Item::Nothing)
            }
            "block" => {
                let name = self.name()?;
                let position = self.position(start);
                let pipeline = Some(self.pipeline(false)?);
                self.close()?;
                self.definition(start, name.clone())?;
                Ok(Item::Node(Node::Call { name, pipeline, position }))
            }
            "end" => self.close().map(|()| Item::End(Stop::End(start))),
            "else" => Ok(Item::End(Stop::Else(start))),
            _ if self.ranges == 0 => Err((start, format!("{{{{{keyword}}}}} stands outside of {{{{range}}}}"))),
            _ => {
                self.close()?;
                Ok(Item::Node(if keyword == "break" { Node::Break } else { Node::Continue }))
            }
        }
    }

    fn definition(&mut self, start: usize, name: String) -> Result<(), Failure> {
        let variables = std::mem::replace(&mut self.variables, vec![String::new()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, end) = self.list(false)?;
        self.variables = variables;
        self.ranges = ranges;
        match end {
            Stop::End(_) => {
                // An empty body does not replace a definition, as in Go.
                let is_empty = body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
                if !is_empty || !self.definitions.contains_key(&name) {
                    self.definitions.insert(name, body.into());
                }
                Ok(())
            }
            _ => Err((start, format!("the definition of \"{name}\" has no {{{{end}}}}"))),
        }
    }

    fn branch(&mut self, moves_dot: bool) -> Result<Node, Failure> {
        let start = self.offset();
        let scope = self.variables.len();
        let pipeline = self.pipeline(true)?;
        self.close()?;
        let (then, end) = self.list(false)?;
        let otherwise = self.otherwise(start, end)?;
        self.variables.truncate(scope);
        Ok(Node::Branch { moves_dot, pipeline, then, otherwise })
    }

    fn range(&mut self) -> Result<Node, Failure> {
        let start = self.offset();
        let scope = self.variables.len();
        let pipeline = self.pipeline(true)?;
        self.close()?;
        self.ranges += 1;
        let (body, end) = self.list(false)?;
        self.ranges -= 1;
        let otherwise = self.otherwise(start, end)?;
        self.variables.truncate(scope);
        Ok(Node::Range { pipeline, body, otherwise })
    }

    /// What follows the first part of a control structure: nothing, `{{else}}`, `{{else if}}` or `{{else with}}`.
    fn otherwise(&mut self, start: usize, end: Stop) -> Result<Vec<Node>, Failure> {
        match end {
            Stop::End(_) => Ok(Vec::new()),
            Stop::File => Err((start, "{{if}}, {{with}} or {{range}} has no {{end}}".to_owned())),
            Stop::Else(_) => {
                let chained = match self.peek() {
                    Some(Token::Word(word)) if word == "if" => Some(false),
                    Some(Token::Word(word)) if word == "with" => Some(true),
                    _ => None,
                };
                if let Some(moves_dot) = chained {
                    self.at += 1;
                    return self.branch(moves_dot).map(|node| vec![node]);
                }
                self.close()?;
                match self.list(false)? {
                    (nodes, Stop::End(_)) => Ok(nodes),
                    _ => Err((start, "{{else}} has no {{end}}".to_owned())),
                }
            }
        }
    }

    fn pipeline(&mut self, takes_variables: bool) -> Result<Pipeline, Failure> {
        let start = self.offset();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err((start, format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let (variables, is_assignment) = if takes_variables { self.declaration()? } else { (Vec::new(), false) };
        let mut commands = Vec::new();
        loop {
            let mut operands = Vec::new();
            while let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            if operands.is_empty() {
                return Err((self.offset(), "expected a value".to_owned()));
            }
            let is_constant = matches!(operands[0].base, Base::Constant(_)) && operands[0].fields.is_empty();
            if is_constant && !commands.is_empty() {
                return Err((start, "only a function can follow \"|\"".to_owned()));
            }
            commands.push(Command { operands });
            match self.peek() {
                Some(Token::Pipe) => self.at += 1,
                _ => break,
            }
        }
        if !is_assignment {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipeline { variables, is_assignment, commands, position: self.position(start) })
    }

    /// `$x :=`, `$x, $y :=` or `$x =`.
    fn declaration(&mut self) -> Result<(Vec<String>, bool), Failure> {
        let start = self.at;
        let mut names = Vec::new();
        while let Some(Token::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            match self.peek() {
                Some(Token::Comma) if names.len() < 2 => self.at += 1,
                Some(Token::Declare) => {
                    self.at += 1;
                    return Ok((names, false));
                }
                Some(Token::Assign) => {
                    self.at += 1;
                    if let Some(name) = names.iter().find(|name| !self.variables.contains(name)) {
                        return Err((self.offset(), format!("undefined variable \"${name}\"")));
                    }
                    return Ok((names, true));
                }
                _ => break,
            }
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn operand(&mut self) -> Result<Option<Operand>, Failure> {
        let start = self.offset();
        let mut fields = Vec::new();
        let base = match self.peek().cloned() {
            Some(Token::Dot) => Base::Dot,
            Some(Token::Field(name)) => {
                fields.push(name);
                Base::Dot
            }
            Some(Token::Constant(value)) => Base::Constant(value),
            Some(Token::Variable(name)) => {
                if !self.variables.contains(&name) {
                    return Err((start, format!("undefined variable \"${name}\"")));
                }
                Base::Variable(name)
            }
            Some(Token::Word(name)) => {
                if !has_function(self.dialect, &name) {
                    return Err((start, format!("function \"{name}\" not defined")));
                }
                Base::Function(name)
            }
            Some(Token::LeftParen) => {
                self.at += 1;
                let pipeline = self.pipeline(true)?;
                if !matches!(self.peek(), Some(Token::RightParen)) {
                    return Err((self.offset(), "expected \")\"".to_owned()));
                }
                Base::Pipeline(Box::new(pipeline))
            }
            Some(Token::Pipe | Token::Close | Token::RightParen) | None => return Ok(None),
            Some(_) => return Err((start, "unexpected token".to_owned())),
        };
        self.at += 1;
        while let Some(Spanned { token: Token::Field(name), is_apart: false, .. }) = self.tokens.get(self.at) {
            fields.push(name.clone());
            self.at += 1;
        }
        if matches!(base, Base::Constant(_)) && !fields.is_empty() {
            return Err((start, "a constant has no fields".to_owned()));
        }
        Ok(Some(Operand { base, fields, position: self.position(start) }))
    }

    fn name(&mut self) -> Result<String, Failure> {
        let start = self.offset();
        match self.next().map(|spanned| spanned.token) {
            Some(Token::Constant(value)) if value.as_str().is_some() => Ok(value.to_string()),
            _ => Err((start, "expected a name in quotes".to_owned())),
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        let start = self.offset();
        match self.next().map(|spanned| spanned.token) {
            Some(Token::Close) => Ok(()),
            _ => Err((start, "expected }}".to_owned())),
        }
    }

    fn next(&mut self) -> Option<Spanned> {
        let spanned = self.tokens.get(self.at).cloned();
        self.at += usize::from(spanned.is_some());
        spanned
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |spanned| spanned.start)
    }

    fn position(&self, offset: usize) -> Position {
        Position::of(self.text, self.preamble, offset)
    }
}

/// What a pair of braces is.
enum Item {
    Node(Node),
    Nothing,
    End(Stop),
}
