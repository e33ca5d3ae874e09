//! `info`: adds labels of info metrics (by default `target_info`) to the series of the same job and instance (Prometheus 3).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cepmon_model::{LabelSet, METRIC_NAME, MatchOp, Matcher};

use super::{Body, Evaluated, Evaluation, Expr, Function, Grid, VECTOR};
use crate::Error;
use crate::promql::ast::{ExprKind, Selector, Shift};
use crate::promql::evaluate::Pick;
use crate::vector::grouping::Grouping;
use crate::vector::unify::unify_results;
use crate::vector::{Column, StepSeries, StepVector};

pub(super) const FUNCTIONS: &[Function] =
    &[Function { name: "info", args: &[VECTOR, VECTOR], optional: 1, is_variadic: false, returns: VECTOR, body: Body::Whole(info) }];

/// The labels that say whose info it is.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// What the second argument asks for.
struct Wanted {
    /// Conditions on the info metric's name.
    names: Vec<Matcher>,
    /// Conditions on the labels that are added; none = all labels are.
    labels: Vec<Matcher>,
}

impl Wanted {
    fn new(arg: Option<&Expr>) -> Self {
        let Some(ExprKind::Selector(selector)) = arg.map(|arg| &arg.without_parens().kind) else {
            return Self { names: vec![Matcher::equal(METRIC_NAME, "target_info")], labels: Vec::new() };
        };
        let (mut names, labels): (Vec<_>, Vec<_>) = selector.matchers.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
        let is_positive = |matcher: &Matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(is_positive) {
            // "Anything but" means any other info metric, not any other metric.
            names.extend(Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info"));
        }
        Self { names, labels }
    }

    fn is_info_metric(&self, name: &str) -> bool {
        self.names.iter().all(|matcher| matcher.matches(name))
    }

    /// The labels that an info series adds to a series.
    fn data_labels<'l>(&self, base: &LabelSet, info: &'l LabelSet) -> impl Iterator<Item = (&'l str, &'l str)> {
        let is_wanted = |name: &str| self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == name);
        let is_new = |name: &str| name != METRIC_NAME && !IDENTIFYING.contains(&name) && base.get(name).is_none();
        info.iter().filter(move |(name, _)| is_new(name) && is_wanted(name))
    }
}

fn info(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let wanted = Wanted::new(args.get(1));
    let base = evaluation.vector(&args[0], grid)?;
    let identity = Grouping::By(IDENTIFYING.map(str::to_owned).to_vec());
    let matchers = wanted.names.iter().chain(&wanted.labels).cloned().collect();
    let selector = Selector { name: None, matchers, shift: shift_of(&args[0]), extension: None };
    // The samples' times instead of their values: where two series of one info metric overlap, the younger sample counts.
    let infos = evaluation.select(&selector, args[0].span, grid, Pick::TimeOfInfo)?;
    let mut by_identity: HashMap<LabelSet, Vec<&StepSeries>> = HashMap::new();
    for series in &infos {
        by_identity.entry(identity.project(&series.labels)).or_default().push(series);
    }
    let mut result = Vec::with_capacity(base.len());
    for series in base {
        if wanted.is_info_metric(series.labels.metric_name()) {
            result.push(series);
            continue;
        }
        let infos = by_identity.get(&identity.project(&series.labels)).map(Vec::as_slice).unwrap_or_default();
        enrich(evaluation, &wanted, series, infos, &mut result)?;
    }
    Ok(Evaluated::Vector(unify_results(result)?))
}

/// One series per combination of info series that hold at some step.
fn enrich(
    evaluation: &Evaluation<'_>,
    wanted: &Wanted,
    base: StepSeries,
    infos: &[&StepSeries],
    result: &mut StepVector,
) -> Result<(), Error> {
    let needs_info = wanted.labels.iter().any(|matcher| !matcher.matches_empty());
    let mut columns: BTreeMap<Vec<usize>, Column> = BTreeMap::new();
    for index in base.column.steps() {
        let chosen = youngest_of_each_metric(infos, index);
        if chosen.is_empty() && needs_info {
            continue;
        }
        let column = match columns.remove(&chosen) {
            Some(column) => column,
            None => evaluation.budget.column(base.column.len())?,
        };
        columns.entry(chosen).or_insert(column).put(index, base.column.sample(index))?;
    }
    for (chosen, column) in columns {
        let mut labels = base.labels.to_builder();
        for info in chosen {
            for (name, value) in wanted.data_labels(&base.labels, &infos[info].labels) {
                if labels.get(name).is_some_and(|other| other != value) {
                    return Err(Error::execution(format!("conflicting label: {name}")));
                }
                labels.set(name, value);
            }
        }
        result.push(StepSeries { labels: Arc::new(labels.build()), drops_name: base.drops_name, column });
    }
    Ok(())
}

/// The info series, as indexes in ascending order, that hold at a step: one per metric.
fn youngest_of_each_metric(infos: &[&StepSeries], index: usize) -> Vec<usize> {
    let mut youngest: HashMap<&str, (f64, usize)> = HashMap::new();
    for (position, info) in infos.iter().enumerate() {
        let Some(timestamp) = info.column.get(index) else { continue };
        let entry = youngest.entry(info.labels.metric_name()).or_insert((timestamp, position));
        if timestamp > entry.0 {
            *entry = (timestamp, position);
        }
    }
    let mut chosen: Vec<usize> = youngest.into_values().map(|(_, position)| position).collect();
    chosen.sort_unstable();
    chosen
}

/// The info is taken from the time that the first selector looks at.
fn shift_of(expr: &Expr) -> Shift {
    match &expr.kind {
        ExprKind::Selector(selector) => selector.shift.clone(),
        ExprKind::Range(range) => range.selector.shift.clone(),
        _ => expr.children().first().map_or_else(Shift::default, |child| shift_of(child)),
    }
}
