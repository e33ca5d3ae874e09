//! A YAML file as a tree of nodes that know their place. Anchors, aliases and merge keys are resolved here; types are not: a
//! scalar keeps its text until somebody asks for a type.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::problem::{Position, Problem};

/// Far more than any configuration has, far less than a tree of aliases to aliases could grow to.
const MAX_NODES: usize = 1_000_000;
/// Deeper nesting is a mistake or an attack on the stack.
const MAX_DEPTH: usize = 64;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A scalar; only a plain one (without quotes) may be null, a number or a boolean.
    Scalar {
        /// Its text after unescaping.
        text: String,
        /// Whether it was written without quotes.
        is_plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file; keys are scalars.
    Mapping(Vec<(Key, Node)>),
}

/// A mapping's key.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Where it starts.
    pub position: Position,
    /// Its text.
    pub text: String,
}

impl Node {
    /// An empty value, as an empty file has it.
    pub fn null(position: Position) -> Self {
        Self { position, value: Value::Scalar { text: String::new(), is_plain: true } }
    }

    /// Whether it is YAML's null.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The node at a path such as `groups[0].rules[2].expr`, or the last node on the way that exists.
    pub fn at(&self, path: &str) -> &Node {
        let mut node = self;
        for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
            let next = match (&node.value, part.strip_suffix(']').map(str::parse::<usize>)) {
                (Value::Sequence(items), Some(Ok(index))) => items.get(index),
                (Value::Mapping(entries), _) => entries.iter().find(|(key, _)| key.text == part).map(|(_, value)| value),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return node,
            }
        }
        node
    }
}

/// Reads the one document of a YAML text. An empty text is null.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(Node::null(Position { line: 1, column: 1 })),
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::DocumentEnd => return Ok(Node::null(position(span))),
            first => {
                let root = builder.node(first, span, 0)?;
                return match builder.next()? {
                    (Event::DocumentEnd, _) => match builder.next()? {
                        (Event::DocumentStart(_), span) => Err(Problem::new(position(span), "a second document; a file holds one")),
                        _ => Ok(root),
                    },
                    _ => Ok(root),
                };
            }
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let place = Position { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(Problem::new(place, format!("not valid YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = position(span);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Problem::new(place, format!("nested over {MAX_DEPTH} levels or over {MAX_NODES} values")));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_binary = tag.is_some_and(|tag| tag.suffix == "binary");
                let text = if is_binary { decoded(&text, place)? } else { text.into_owned() };
                (Value::Scalar { text, is_plain: style == ScalarStyle::Plain && !is_binary }, anchor)
            }
            Event::SequenceStart(anchor, _) => (Value::Sequence(self.sequence(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Value::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(anchor) => {
                let aliased = self.anchors.get(&anchor).cloned().ok_or_else(|| Problem::new(place, "alias of an unknown anchor"))?;
                self.nodes += count(&aliased);
                return Ok(aliased);
            }
            _ => return Err(Problem::new(place, "not valid YAML: a value was expected")),
        };
        let node = Node { position: place, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Problem> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let place = position(span);
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => Key { position: place, text: text.into_owned() },
                _ => return Err(Problem::new(place, "a key must be a scalar")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if key.text == "<<" {
                merged.push(value);
            } else if entries.iter().any(|(known, _)| known.text == key.text) {
                return Err(Problem::new(place, format!("the key \"{}\" stands twice in this mapping", key.text)));
            } else {
                entries.push((key, value));
            }
        }
        for source in merged {
            merge(&mut entries, source)?;
        }
        Ok(entries)
    }
}

/// YAML 1.1's merge key: keys of the mapping itself win over merged ones, earlier merged ones over later.
fn merge(entries: &mut Vec<(Key, Node)>, source: Node) -> Result<(), Problem> {
    match source.value {
        Value::Mapping(merged) => {
            for (key, value) in merged {
                if !entries.iter().any(|(known, _)| known.text == key.text) {
                    entries.push((key, value));
                }
            }
            Ok(())
        }
        Value::Sequence(items) => items.into_iter().try_for_each(|item| merge(entries, item)),
        Value::Scalar { .. } => Err(Problem::new(source.position, "the merge key << wants a mapping or a list of mappings")),
    }
}

/// The text of a `!!binary` scalar.
fn decoded(text: &str, place: Position) -> Result<String, Problem> {
    let without_blanks: String = text.split_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(without_blanks).map_err(|error| Problem::new(place, format!("!!binary wants base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Problem::new(place, "a text must be UTF-8"))
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::Sequence(items) => items.iter().map(count).sum(),
        Value::Mapping(entries) => entries.iter().map(|(_, value)| count(value)).sum(),
    }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}
