//! From DataFusion's errors to ours: a position where there is one, near names where a name is unknown, and our own errors unwrapped.

use arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError};

use crate::catalog::Catalog;
use crate::session::METRICS_SCHEMA;
use crate::{Error, Position};

/// What a statement failed of. The catalogue knows which names would have worked.
pub(crate) fn diagnose(error: DataFusionError, catalog: &Catalog, memory_bytes: usize) -> Error {
    let position =
        error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| Position { line: span.start.line, column: span.start.column });
    let plan_error = |message: String| Error::Plan { position, message };
    match innermost(error) {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::Engine(other),
        },
        DataFusionError::SQL(parser, _) => syntax_error(&parser.to_string()),
        DataFusionError::SchemaError(schema, _) => plan_error(schema_problem(&schema)),
        DataFusionError::Plan(message) => plan_error(plan_problem(&message, catalog)),
        DataFusionError::NotImplemented(message) | DataFusionError::Configuration(message) => plan_error(lower_first(&one_line(&message))),
        DataFusionError::ObjectStore(source) => plan_error(format!("no file or address can be read: {source}")),
        DataFusionError::ResourcesExhausted(message) => Error::Memory { limit_bytes: memory_bytes, detail: one_line(&message) },
        DataFusionError::Execution(message) => Error::Execution { message: lower_first(&one_line(&message)) },
        DataFusionError::ArrowError(source, _) => match *source {
            ArrowError::IoError(..) | ArrowError::MemoryError(_) | ArrowError::IpcError(_) => Error::Engine(source),
            problem => Error::Execution { message: lower_first(&one_line(&problem.to_string())) },
        },
        other => Error::Engine(Box::new(other)),
    }
}

/// The parser's error. It gives the place only as words at the end of its message.
pub(crate) fn syntax_error(message: &str) -> Error {
    let message = message.trim_start_matches("sql parser error: ");
    let (text, place) = message.rsplit_once(" at Line: ").unwrap_or((message, ""));
    let position = place.split_once(", Column: ").and_then(|(line, column)| {
        let column = column.split(|character: char| !character.is_ascii_digit()).next()?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    });
    let text = if position.is_some() { text } else { message };
    Error::Syntax { position, message: lower_first(&one_line(text)) }
}

/// What is under the wrappers that only add words.
fn innermost(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => innermost(*inner),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => innermost(errors.swap_remove(0)),
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => innermost(inner),
            Err(shared) => from_shared(&shared),
        },
        DataFusionError::External(source) => match source.downcast::<DataFusionError>() {
            Ok(inner) => innermost(*inner),
            Err(source) => DataFusionError::External(source),
        },
        DataFusionError::ArrowError(source, context) => match *source {
            ArrowError::ExternalError(source) => innermost(DataFusionError::External(source)),
            source => DataFusionError::ArrowError(Box::new(source), context),
        },
        other => other,
    }
}

/// An error that several partitions wait for cannot be taken; its kind and words can be copied.
fn from_shared(shared: &DataFusionError) -> DataFusionError {
    match shared.find_root() {
        DataFusionError::ResourcesExhausted(message) => DataFusionError::ResourcesExhausted(message.clone()),
        DataFusionError::Execution(message) => DataFusionError::Execution(message.clone()),
        DataFusionError::ArrowError(source, _) => DataFusionError::Execution(source.to_string()),
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(Error::Memory { detail, .. }) => DataFusionError::ResourcesExhausted(detail.clone()),
            Some(Error::Execution { message }) => DataFusionError::Execution(message.clone()),
            _ => DataFusionError::External(with_causes(source.as_ref()).into()),
        },
        other => DataFusionError::External(other.strip_backtrace().into()),
    }
}

/// An error's words and those of its causes: which file is damaged stands at the end.
fn with_causes(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

fn schema_problem(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            let near = near_names(field.name(), known.iter().copied());
            let way_out = match near.is_empty() {
                false => did_you_mean(&near),
                true if known.is_empty() => String::new(),
                true => format!("; there are: {}", list(&known)),
            };
            format!("unknown column \"{}\"{way_out}", field.name())
        }
        SchemaError::AmbiguousReference { field } => {
            format!("column \"{}\" is in more than one table; write table.{}", field.name(), field.name())
        }
        other => one_line(&other.to_string()),
    }
}

fn plan_problem(message: &str, catalog: &Catalog) -> String {
    if let Some(table) = message.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found")) {
        return unknown_table(table, catalog);
    }
    if let Some((function, near)) = message.strip_prefix("Invalid function '").and_then(|rest| rest.split_once("'.\nDid you mean '")) {
        let near = [near.trim_end_matches("'?").to_owned()];
        return format!("unknown function \"{function}\"{}", did_you_mean(&near));
    }
    lower_first(&one_line(message))
}

/// `table` is `catalogue.schema.table`, as DataFusion resolved it.
fn unknown_table(table: &str, catalog: &Catalog) -> String {
    let mut parts = table.splitn(3, '.').skip(1);
    let (schema, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(table));
    let metrics = catalog.metric_names().unwrap_or_default();
    if schema == METRICS_SCHEMA {
        let near: Vec<String> = near_names(name, metrics.iter().map(String::as_str)).iter().map(|near| metric_table(near)).collect();
        return format!("unknown table \"{METRICS_SCHEMA}.{name}\"{}", did_you_mean(&near));
    }
    let defaults = catalog.default_table_names();
    // A metric's table that was named without its schema is the likeliest slip.
    let mut near: Vec<String> = metrics.iter().filter(|metric| *metric == name).map(|metric| metric_table(metric)).collect();
    near.extend(near_names(name, defaults.iter().map(String::as_str)));
    let defaults: Vec<&str> = defaults.iter().map(String::as_str).collect();
    let way_out = if near.is_empty() {
        format!("; there are: {}, and {METRICS_SCHEMA}.<name> for each metric", defaults.join(", "))
    } else {
        did_you_mean(&near)
    };
    format!("unknown table \"{name}\"{way_out}")
}

fn metric_table(metric: &str) -> String {
    if metric.contains(':') { format!("{METRICS_SCHEMA}.\"{metric}\"") } else { format!("{METRICS_SCHEMA}.{metric}") }
}

/// At most three names that are spelt alike, the nearest first.
fn near_names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    const NEAR: f64 = 0.85;
    let lower = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = known.map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known)).collect();
    near.retain(|(likeness, _)| *likeness >= NEAR);
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    near.dedup_by_key(|(_, known)| *known);
    near.into_iter().take(3).map(|(_, known)| known.to_owned()).collect()
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

fn list(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let rest = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{rest}", names[..names.len().min(SHOWN)].join(", "))
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ").trim_end_matches('.').to_owned()
}

/// "Cannot …" → "cannot …", but "SELECT …" stays.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}
