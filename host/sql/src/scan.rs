//! The plan node that reads storage: batches made on a blocking thread, handed over through a short channel. What is read is a [`Source`].

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream};

use crate::Error;
use crate::session::external;

/// Batches of a source.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>;

/// Something that can be read once per statement.
pub(crate) trait Source: Debug + Send + Sync {
    /// The columns of its batches.
    fn schema(&self) -> SchemaRef;

    /// What it reads and what storage filters for it, for EXPLAIN.
    fn describe(&self) -> String;

    /// About how many rows it gives, so that a join holds the smaller side in memory; none if that is not known.
    fn estimate(&self) -> Option<u64> {
        None
    }

    /// The same rows with other columns, where there is a quicker way to them than through the source's own.
    fn with_columns(&self, _wanted: &[Wanted<'_>], _schema: SchemaRef) -> Option<Arc<dyn Source>> {
        None
    }

    /// Starts reading; may block.
    fn open(&self) -> Result<Batches, Error>;
}

/// A column that a plan makes of a source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A column as it is.
    Column(usize),
    /// The value of a key in a column of maps: `labels['job']`.
    MapValue { column: usize, key: &'a str },
}

impl<'a> Wanted<'a> {
    fn of(expr: &'a dyn PhysicalExpr) -> Option<Self> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return Some(Self::Column(column.index()));
        }
        let get_field = expr.downcast_ref::<ScalarFunctionExpr>().filter(|function| function.name() == "get_field")?;
        let [map, key] = get_field.args() else { return None };
        let (column, key) = (map.downcast_ref::<Column>()?, key.downcast_ref::<Literal>()?);
        Some(Self::MapValue { column: column.index(), key: key.value().try_as_str()?? })
    }
}

/// Batches between the reading thread and the plan: enough for one to be made while one is used.
const BATCHES_IN_FLIGHT: usize = 2;

/// Reads a source in one partition.
#[derive(Debug)]
pub(crate) struct ScanExec {
    source: Arc<dyn Source>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    /// A plan node over a source; it ends after `limit` rows.
    pub(crate) fn plan(source: Arc<dyn Source>, limit: Option<usize>) -> Arc<dyn ExecutionPlan> {
        let equivalences = EquivalenceProperties::new(source.schema());
        let partitioning = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(equivalences, partitioning, EmissionType::Incremental, Boundedness::Bounded)
            .with_scheduling_type(SchedulingType::Cooperative);
        Arc::new(Self { source, limit, properties: Arc::new(properties) })
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "StorageScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a storage scan has no children") }
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = self.source.estimate().and_then(|rows| usize::try_from(rows).ok());
        let rows = rows.map_or(Precision::Absent, |rows| Precision::Inexact(self.limit.map_or(rows, |limit| rows.min(limit))));
        Ok(Arc::new(Statistics::new_unknown(&self.schema()).with_num_rows(rows)))
    }

    /// A label of each series is a word to look up; made from the map of all its labels in every row, it costs four times as much (11 M
    /// rows grouped by one label: 140 ms of CPU against 620).
    fn try_swapping_with_projection(&self, projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let wanted: Option<Vec<Wanted<'_>>> = projection.expr().iter().map(|column| Wanted::of(column.expr.as_ref())).collect();
        let source = wanted.and_then(|wanted| self.source.with_columns(&wanted, projection.schema()));
        Ok(source.map(|source| Self::plan(source, self.limit)))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a storage scan has one partition, got {partition}");
        }
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.source.schema(), BATCHES_IN_FLIGHT);
        let (source, sender, limit) = (Arc::clone(&self.source), stream.tx(), self.limit);
        stream.spawn_blocking(move || {
            let mut rows_left = limit.unwrap_or(usize::MAX);
            for batch in source.open().map_err(external)? {
                let batch = batch.map_err(external)?;
                let batch = if batch.num_rows() > rows_left { batch.slice(0, rows_left) } else { batch };
                rows_left -= batch.num_rows();
                // Nobody listens any more: the statement has ended or was cancelled.
                if sender.blocking_send(Ok(batch)).is_err() || rows_left == 0 {
                    break;
                }
            }
            Ok(())
        });
        Ok(stream.build())
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageScan: {}", self.source.describe())?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}
