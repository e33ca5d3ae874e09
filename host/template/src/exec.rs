//! Runs a parsed template over a value. Functions are `function`'s matter.

use std::sync::Arc;

use crate::error::Position;
use crate::function::{self, html};
use crate::node::{Base, Command, Node, Operand, Pipeline};
use crate::{Environment, Error, Escape, Template, Value};

/// The longest text that a template may give.
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// How deep blocks, parentheses and calls of templates may nest while they run: a thread's stack of 2 MiB takes it twice over,
/// also without optimisation.
const MAX_DEPTH: usize = 200;
/// How many nodes may be executed: a bound on nested ranges.
const MAX_STEPS: usize = 1_000_000;

/// Runs a template.
pub(crate) fn execute(template: &Template, data: &Value, environment: &dyn Environment, escape: Escape) -> Result<String, Error> {
    let budget = Budget { steps: MAX_STEPS, depth: MAX_DEPTH };
    let mut run = Run { template, environment, escape, variables: Vec::new(), output: String::new(), budget };
    let fail = |(position, problem): Failure| {
        let Position { line, column } = position;
        Error::Execute { name: template.name.clone(), line, column, problem }
    };
    run.call(&template.body, data).map_err(fail)?;
    Ok(run.output)
}

type Failure = (Position, String);

#[derive(Debug, Clone, Copy)]
struct Budget {
    steps: usize,
    depth: usize,
}

pub(crate) struct Run<'a> {
    template: &'a Template,
    pub(crate) environment: &'a dyn Environment,
    escape: Escape,
    variables: Vec<(String, Value)>,
    output: String,
    budget: Budget,
}

/// Whether a list of nodes ended early.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Run<'_> {
    /// Runs a body with a new dot and no variables but `$`.
    fn call(&mut self, body: &[Node], data: &Value) -> Result<(), Failure> {
        let variables = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        self.nodes(body, data)?;
        self.variables = variables;
        Ok(())
    }

    /// Runs a definition into a text of its own; for the function `tmpl`.
    pub(crate) fn call_by_name(&mut self, name: &str, data: &Value) -> Result<String, String> {
        let body = self.template.definitions.get(name).cloned().ok_or_else(|| format!("template \"{name}\" not defined"))?;
        let output = std::mem::take(&mut self.output);
        let result = self.call(&body, data);
        let text = std::mem::replace(&mut self.output, output);
        result.map(|()| text).map_err(|(_, problem)| problem)
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Failure> {
        self.descend(Position::default())?;
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                self.budget.depth += 1;
                return Ok(flow);
            }
        }
        self.budget.depth += 1;
        Ok(Flow::Next)
    }

    /// Goes one level down. Who comes back adds the level again; after an error nobody does.
    fn descend(&mut self, position: Position) -> Result<(), Failure> {
        let too_deep = || (position, format!("more than {MAX_DEPTH} levels of blocks and calls"));
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or_else(too_deep)?;
        Ok(())
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Failure> {
        match node {
            Node::Text(text) => self.write(text, Position::default())?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    let text = match (&value, self.escape) {
                        (Value::SafeHtml(text), _) => text.to_string(),
                        (value, Escape::Html) => html::escape(&value.to_string()),
                        (value, Escape::None) => value.to_string(),
                    };
                    self.write(&text, pipeline.position)?;
                }
            }
            Node::Branch { moves_dot, pipeline, then, otherwise } => {
                let scope = self.variables.len();
                let value = self.pipeline(pipeline, dot)?;
                let flow = match (value.is_true(), moves_dot) {
                    (true, true) => self.nodes(then, &value)?,
                    (true, false) => self.nodes(then, dot)?,
                    (false, _) => self.nodes(otherwise, dot)?,
                };
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range { pipeline, body, otherwise } => return self.range(pipeline, body, otherwise, dot),
            Node::Call { name, pipeline, position } => {
                let data = pipeline.as_ref().map_or(Ok(Value::Nil), |pipeline| self.pipeline(pipeline, dot))?;
                let body = self.template.definitions.get(name).map(Arc::clone);
                let body = body.ok_or_else(|| (*position, format!("template \"{name}\" not defined")))?;
                self.call(&body, &data)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn range(&mut self, pipeline: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow, Failure> {
        let scope = self.variables.len();
        // The declared variables belong to each element, not to the whole list.
        let bare = Pipeline { variables: Vec::new(), ..pipeline.clone() };
        let value = self.pipeline(&bare, dot)?;
        let entries = entries(&value).ok_or_else(|| (pipeline.position, format!("cannot range over a value of kind {}", value.kind())))?;
        if entries.is_empty() {
            let flow = self.nodes(otherwise, dot)?;
            self.variables.truncate(scope);
            return Ok(flow);
        }
        for (key, element) in entries {
            match pipeline.variables.as_slice() {
                [] => {}
                [one] => self.bind(one, element.clone(), pipeline.is_assignment),
                [index, one, ..] => {
                    self.bind(index, key, pipeline.is_assignment);
                    self.bind(one, element.clone(), pipeline.is_assignment);
                }
            }
            let flow = self.nodes(body, &element)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn bind(&mut self, name: &str, value: Value, is_assignment: bool) {
        if is_assignment && let Some((_, slot)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            *slot = value;
        } else {
            self.variables.push((name.to_owned(), value));
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Failure> {
        self.budget.steps = self.budget.steps.checked_sub(1).ok_or_else(|| (pipeline.position, format!("more than {MAX_STEPS} steps")))?;
        self.descend(pipeline.position)?;
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value)?);
        }
        self.budget.depth += 1;
        let value = value.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            self.bind(name, value.clone(), pipeline.is_assignment);
        }
        Ok(value)
    }

    /// Runs a command; `last` is what the command before the "|" gave, and becomes the last argument.
    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value, Failure> {
        let [first, arguments @ ..] = command.operands.as_slice() else { return Ok(Value::Nil) };
        if let Base::Function(name) = &first.base
            && first.fields.is_empty()
        {
            return self.function(name, first.position, arguments, dot, last);
        }
        if let Some((method, fields)) = first.fields.split_last() {
            let receiver = self.base(&first.base, first.position, dot)?;
            let receiver = self.fields(receiver, fields, first.position)?;
            let mut values = Vec::new();
            for argument in arguments {
                values.push(self.operand(argument, dot)?);
            }
            values.extend(last);
            return member(&receiver, method, &values).map_err(|problem| (first.position, problem));
        }
        if !arguments.is_empty() || last.is_some() {
            return Err((first.position, "cannot give an argument to something that is no function".to_owned()));
        }
        self.operand(first, dot)
    }

    fn function(
        &mut self,
        name: &str,
        position: Position,
        arguments: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, Failure> {
        // `and` and `or` stop at the first argument that decides.
        if matches!(name, "and" | "or") {
            let mut value = Value::Nil;
            for argument in arguments {
                value = self.operand(argument, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(last);
        function::call(self, name, &values).map_err(|problem| (position, format!("error calling {name}: {problem}")))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Failure> {
        let base = self.base(&operand.base, operand.position, dot)?;
        self.fields(base, &operand.fields, operand.position)
    }

    fn base(&mut self, base: &Base, position: Position, dot: &Value) -> Result<Value, Failure> {
        match base {
            Base::Dot => Ok(dot.clone()),
            Base::Constant(value) => Ok(value.clone()),
            Base::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone()).ok_or_else(|| (position, format!("undefined variable \"${name}\"")))
            }
            Base::Function(name) => self.function(name, position, &[], dot, None),
            Base::Pipeline(pipeline) => {
                let scope = self.variables.len();
                let value = self.pipeline(pipeline, dot)?;
                self.variables.truncate(scope);
                Ok(value)
            }
        }
    }

    fn fields(&mut self, mut value: Value, fields: &[String], position: Position) -> Result<Value, Failure> {
        for field in fields {
            value = member(&value, field, &[]).map_err(|problem| (position, problem))?;
        }
        Ok(value)
    }

    fn write(&mut self, text: &str, position: Position) -> Result<(), Failure> {
        if self.output.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err((position, format!("the result is longer than {MAX_OUTPUT_BYTES} bytes")));
        }
        self.output.push_str(text);
        Ok(())
    }
}

/// Keys and elements to range over, maps in the order of their keys.
fn entries(value: &Value) -> Option<Vec<(Value, Value)>> {
    match value {
        Value::Nil => Some(Vec::new()),
        Value::Int(count) => Some((0..(*count).clamp(0, 1_000_000)).map(|index| (Value::Int(index), Value::Int(index))).collect()),
        Value::Map(fields) => Some(fields.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())).collect()),
        Value::Labels(labels) => {
            Some(labels.iter().map(|(name, value)| (Value::from(name.as_str()), Value::from(value.as_str()))).collect())
        }
        other => {
            let items = other.items()?;
            Some(items.into_iter().enumerate().map(|(index, item)| (Value::Int(index as i64), item)).collect())
        }
    }
}

/// A field, an entry or a method's result.
fn member(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let without_arguments = |found: Value| match arguments {
        [] => Ok(found),
        _ => Err(format!("{name} takes no arguments")),
    };
    match value {
        // Go prints a missing entry of a map without a fixed element type in this way, too.
        Value::Nil => without_arguments(Value::Nil),
        Value::Map(fields) => without_arguments(fields.get(name).cloned().unwrap_or(Value::Nil)),
        Value::Labels(labels) => match function::labels_method(labels, name, arguments) {
            Some(result) => result,
            None => without_arguments(Value::from(labels.get(name).map(String::as_str).unwrap_or_default())),
        },
        Value::Object(object) => match object.field(name).or_else(|| object.method(name)) {
            Some(found) => without_arguments(found),
            None => Err(format!("there is no field or method {name}")),
        },
        Value::Time(time) => time.method(name, arguments),
        other => Err(format!("cannot take the field {name} of a value of kind {}", other.kind())),
    }
}
