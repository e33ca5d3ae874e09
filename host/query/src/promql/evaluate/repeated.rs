//! What stands in an expression twice is evaluated once: `sum by (a) (rate(x[5m])) / on () group_left sum(rate(x[5m]))`.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::Error;
use crate::promql::annotation::Annotation;
use crate::promql::ast::{Expr, ExprKind, Span};
use crate::vector::{Budget, Grid, StepSeries, StepVector};

/// The repeated pieces of one query.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    /// By place, which piece stands there. Empty for most queries.
    pieces: HashMap<Span, usize>,
    kept: RefCell<Vec<Option<Kept>>>,
}

/// The value of a piece that will be needed again.
#[derive(Debug)]
struct Kept {
    vector: StepVector,
    grid: Grid,
    /// Where it was evaluated, and what there was to say.
    span: Span,
    annotations: Vec<Annotation>,
    uses_left: usize,
}

impl Repeated {
    /// Finds the pieces: selectors, calls and aggregations with the same text, the largest ones only.
    pub(crate) fn new(expr: &Expr) -> Self {
        let mut repeated = Self::default();
        // Without an operator nothing can stand there twice, or it is a matter of scalars.
        if !has_operator(expr) {
            return repeated;
        }
        let mut places: HashMap<String, Vec<Span>> = HashMap::new();
        collect(expr, &mut |expr| {
            places.entry(expr.to_string()).or_default().push(expr.span);
            true
        });
        collect(expr, &mut |expr| {
            let Some(places) = places.get(&expr.to_string()).filter(|places| places.len() > 1) else { return true };
            if !repeated.pieces.contains_key(&expr.span) {
                let number = repeated.kept.get_mut().len();
                repeated.kept.get_mut().push(None);
                repeated.pieces.extend(places.iter().map(|place| (*place, number)));
            }
            false
        });
        repeated
    }

    /// The value, if it was kept, and the annotations, moved to this place.
    pub(crate) fn take(&self, expr: &Expr, grid: &Grid, budget: &Budget) -> Result<Option<(StepVector, Vec<Annotation>)>, Error> {
        let Some(number) = self.pieces.get(&expr.span) else { return Ok(None) };
        let slot = &mut self.kept.borrow_mut()[*number];
        let Some(kept) = slot.as_mut().filter(|kept| kept.grid == *grid) else { return Ok(None) };
        let moved =
            |span: Span| Span { start: span.start + expr.span.start - kept.span.start, end: span.end + expr.span.start - kept.span.start };
        let annotations =
            kept.annotations.iter().map(|annotation| Annotation { span: moved(annotation.span), ..annotation.clone() }).collect();
        kept.uses_left -= 1;
        let vector = if kept.uses_left == 0 { std::mem::take(&mut kept.vector) } else { copy(&kept.vector, budget)? };
        if kept.uses_left == 0 {
            *slot = None;
        }
        Ok(Some((vector, annotations)))
    }

    /// Keeps a value that is needed again.
    pub(crate) fn keep(
        &self,
        expr: &Expr,
        grid: &Grid,
        vector: &StepVector,
        annotations: &[Annotation],
        budget: &Budget,
    ) -> Result<(), Error> {
        let Some(number) = self.pieces.get(&expr.span) else { return Ok(()) };
        let slot = &mut self.kept.borrow_mut()[*number];
        if slot.is_none() {
            let uses_left = self.pieces.values().filter(|other| *other == number).count() - 1;
            let annotations = annotations.iter().filter(|annotation| expr.span.contains(annotation.span)).cloned().collect();
            *slot = Some(Kept { vector: copy(vector, budget)?, grid: *grid, span: expr.span, annotations, uses_left });
        }
        Ok(())
    }
}

fn copy(vector: &StepVector, budget: &Budget) -> Result<StepVector, Error> {
    vector
        .iter()
        .map(|series| {
            let column = series.column.copy(budget)?;
            Ok(StepSeries { labels: std::sync::Arc::clone(&series.labels), drops_name: series.drops_name, column })
        })
        .collect()
}

fn has_operator(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Binary(_)) || expr.children().into_iter().any(has_operator)
}

/// Calls `visit` with every piece that could be repeated; it says whether to look inside too.
fn collect<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr) -> bool) {
    let is_piece = matches!(expr.kind, ExprKind::Selector(_) | ExprKind::Call(_) | ExprKind::Aggregate(_));
    if !is_piece || visit(expr) {
        expr.children().into_iter().for_each(|child| collect(child, visit));
    }
}
