//! Aggregations: `sum by (job) (x)`, `sum(x) by (job)`, `topk(3, x)`.

use super::Parser;
use crate::ParseError;
use crate::promql::ast::{AggregateExpr, Expr, ExprKind, Grouping};
use crate::promql::check;
use crate::vector::aggregate::AggregateOp;

impl Parser<'_> {
    pub(super) fn aggregation(&mut self, op: AggregateOp) -> Result<Expr, ParseError> {
        let start = self.advance().span.start;
        let before = self.grouping()?;
        let args = self.arguments(false)?;
        let after = if before.is_none() { self.grouping()? } else { None };
        let wanted = if op.has_parameter() { 2 } else { 1 };
        if args.len() != wanted {
            let problem = if args.is_empty() {
                "no arguments for aggregate expression provided".to_owned()
            } else {
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {}", args.len())
            };
            return Err(self.error_at(start, problem));
        }
        let grouping = before.or(after).unwrap_or_default();
        let mut args = args.into_iter();
        let parameter = if op.has_parameter() { args.next() } else { None };
        let expr = args.next().expect("BUG: an aggregation was counted to have an argument");
        check::aggregation(op, parameter.as_ref(), &expr).map_err(|(span, problem)| self.error_at(span.start, problem))?;
        self.build(start, ExprKind::Aggregate(Box::new(AggregateExpr { op, grouping, parameter, expr })))
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        if self.take_keyword("by") {
            return Ok(Some(Grouping::By(self.label_list()?)));
        }
        if self.take_keyword("without") {
            return Ok(Some(Grouping::Without(self.label_list()?)));
        }
        Ok(None)
    }
}
