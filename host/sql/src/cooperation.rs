//! Gives way in operators that make many batches of one. DataFusion lets a statement be stopped where it reads input; a cross join reads one
//! batch and then computes on. `count(*)` over 10^6 x 10^6 rows under a limit of 0.2 s stops after 0.21 s with this (a join on `<` after
//! 0.30 s); without it neither had stopped a second later. Recursive queries give way by themselves.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Names of the operators that can give more batches than they take.
const MULTIPLYING: [&str; 6] =
    ["CrossJoinExec", "HashJoinExec", "NestedLoopJoinExec", "PiecewiseMergeJoinExec", "SortMergeJoinExec", "UnnestExec"];

/// The rule that puts a yield point over each of them.
#[derive(Debug)]
pub(crate) struct YieldAfterMultiplying;

impl PhysicalOptimizerRule for YieldAfterMultiplying {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(if MULTIPLYING.contains(&plan.name()) {
                Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(plan)
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "yield_after_multiplying"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
