//! The tree of a parsed template.

use crate::Value;
use crate::error::Position;

/// A piece of a template's body.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Text outside of braces.
    Text(String),
    /// `{{ pipeline }}`
    Action(Pipeline),
    /// `{{ if }}`, or `{{ with }}` which moves the dot.
    Branch { moves_dot: bool, pipeline: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    /// `{{ range }}`
    Range { pipeline: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
    /// `{{ template "name" pipeline }}`
    Call { name: String, pipeline: Option<Pipeline>, position: Position },
    /// `{{ break }}`
    Break,
    /// `{{ continue }}`
    Continue,
}

/// `$x := command | command`
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(crate) is_assignment: bool,
    pub(crate) commands: Vec<Command>,
    pub(crate) position: Position,
}

/// A function, field or value and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    /// Never empty.
    pub(crate) operands: Vec<Operand>,
}

/// A value with fields taken from it: `$x.Labels.job`.
#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(crate) base: Base,
    pub(crate) fields: Vec<String>,
    pub(crate) position: Position,
}

/// Where an operand starts.
#[derive(Debug, Clone)]
pub(crate) enum Base {
    Dot,
    Constant(Value),
    Variable(String),
    Function(String),
    Pipeline(Box<Pipeline>),
}
