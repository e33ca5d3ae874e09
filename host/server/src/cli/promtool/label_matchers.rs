//! `promtool promql`: an expression printed in its canonical form, with matchers set or removed.

use std::io::Write;

use anyhow::anyhow;
use cepmon_model::{MatchOp, Matcher};
use cepmon_query::Expr;
use cepmon_query::ast::{ExprKind, Selector};
use clap::{Args, Subcommand};

use super::SUCCESS;
use crate::cli::output::Output;

/// What `promtool promql` takes.
#[derive(Debug, Subcommand)]
pub(super) enum PromqlCommand {
    /// Format PromQL query to pretty printed form
    Format {
        /// PromQL query
        query: String,
    },
    /// Edit label matchers contained within an existing PromQL query
    #[command(subcommand)]
    LabelMatchers(LabelMatchersCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum LabelMatchersCommand {
    /// Set a label matcher in the query
    Set(SetArgs),
    /// Delete a label from the query
    Delete {
        /// PromQL query
        query: String,
        /// Name of the label to delete
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// PromQL query
    query: String,
    /// Name of the label matcher to set
    name: String,
    /// Value of the label matcher to set
    value: String,
    /// Type of the label matcher to set: =, !=, =~ or !~
    #[arg(short = 't', long = "type", default_value = "=")]
    op: String,
}

pub(super) fn run(command: &PromqlCommand, output: &mut Output) -> anyhow::Result<u8> {
    let expr = match command {
        PromqlCommand::Format { query } => cepmon_query::parse(query)?,
        PromqlCommand::LabelMatchers(LabelMatchersCommand::Set(args)) => {
            let matcher = args.matcher()?;
            let mut expr = cepmon_query::parse(&args.query)?;
            each_selector(&mut expr, &mut |selector| set(selector, &matcher));
            expr
        }
        PromqlCommand::LabelMatchers(LabelMatchersCommand::Delete { query, name }) => {
            let mut expr = cepmon_query::parse(query)?;
            each_selector(&mut expr, &mut |selector| selector.matchers.retain(|matcher| matcher.name() != name));
            expr
        }
    };
    writeln!(output, "{}", expr.pretty())?;
    Ok(SUCCESS)
}

impl SetArgs {
    fn matcher(&self) -> anyhow::Result<Matcher> {
        let op = match self.op.as_str() {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            other => return Err(anyhow!("enum value must be one of =,!=,=~,!~, got '{other}'")),
        };
        Ok(Matcher::new(&self.name, op, &self.value)?)
    }
}

fn set(selector: &mut Selector, new: &Matcher) {
    let mut is_there = false;
    for matcher in selector.matchers.iter_mut().filter(|matcher| matcher.name() == new.name()) {
        *matcher = new.clone();
        is_there = true;
    }
    if !is_there {
        selector.matchers.push(new.clone());
    }
}

fn each_selector(expr: &mut Expr, change: &mut impl FnMut(&mut Selector)) {
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Selector(selector) => change(selector),
        ExprKind::Range(range) => change(&mut range.selector),
        ExprKind::Subquery(subquery) => each_selector(&mut subquery.expr, change),
        ExprKind::Paren(inner) | ExprKind::Negate(inner) | ExprKind::Plus(inner) => each_selector(inner, change),
        ExprKind::Binary(binary) => {
            each_selector(&mut binary.left, change);
            each_selector(&mut binary.right, change);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.parameter.iter_mut().for_each(|parameter| each_selector(parameter, change));
            each_selector(&mut aggregate.expr, change);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|argument| each_selector(argument, change)),
    }
}
