//! Functions that statements may call: DataFusion's, without those that make gigabytes of one row, plus mathematics on floats and
//! access to maps (`labels['mode']`), and `promql`, which gives a table.

mod math;
pub(crate) mod promql;

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionStateDefaults;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, GetFieldAccess, ScalarUDF};

/// Functions whose result can be larger than their input by any factor, outside the memory pool.
const UNBOUNDED: [&str; 3] = ["lpad", "repeat", "rpad"];

/// All scalar functions.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    let mut functions = SessionStateDefaults::default_scalar_functions();
    functions.retain(|function| !UNBOUNDED.contains(&function.name()));
    functions.extend(math::all().map(|function| Arc::new(ScalarUDF::new_from_impl(function))));
    functions
}

/// What operators and special syntax mean.
pub(crate) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners = SessionStateDefaults::default_expr_planners();
    planners.push(Arc::new(MapAccess));
    planners
}

/// `map['key']`. DataFusion's own planner for it comes with the array functions, which are not linked.
#[derive(Debug)]
struct MapAccess;

impl ExprPlanner for MapAccess {
    fn plan_field_access(&self, access: RawFieldAccessExpr, _: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match access.field_access {
            GetFieldAccess::NamedStructField { name } => {
                Ok(PlannerResult::Planned(get_field().call(vec![access.expr, Expr::Literal(name, None)])))
            }
            GetFieldAccess::ListIndex { key } => Ok(PlannerResult::Planned(get_field().call(vec![access.expr, *key]))),
            field_access => Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr: access.expr })),
        }
    }
}
