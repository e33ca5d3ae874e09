//! Rules and notifications over this process's own storage and query engine: `cepmon-alert`'s traits, made real.

mod evaluate;
mod forward;
mod record;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cepmon_alert::config::{AlertmanagerConfig, AlertmanagerFile, ReceiverEntry, RouteEntry};
use cepmon_alert::rule::{AlertSink, Context, GroupStatus, Scheduler};
use cepmon_alert::{BoxError, Evaluate, Notifier, NotifierOptions, Record};
use cepmon_model::{Clock, LabelSet};
use cepmon_plugin::PluginHost;

use forward::Forward;

pub(crate) use evaluate::{PromqlEvaluate, check_rule_expression, rule_vector};
pub(crate) use forward::{QUEUE_CAPACITY, SentCounts};
pub(crate) use load::{AlertingConfig, load_alerting};
pub(crate) use record::StorageRecord;

/// How often and how long alerts are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlertTimes {
    /// How often a firing alert is reported again.
    pub(crate) resend_delay: Duration,
    /// The longest outage over which pending alerts keep their time.
    pub(crate) outage_tolerance: Duration,
    /// The least time that they stay pending after one.
    pub(crate) grace_period: Duration,
}

impl Default for AlertTimes {
    /// Prometheus's defaults (2.48).
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self { resend_delay: minutes(1), outage_tolerance: minutes(60), grace_period: minutes(10) }
    }
}

/// Alerts held at once: a thousand times a bad day of a small platform.
const MAX_ALERTS: usize = 100_000;

/// The rules that are evaluated and the notifier that tells of them.
#[derive(Debug)]
pub(crate) struct Alerting {
    scheduler: Arc<Scheduler>,
    notifier: Arc<Notifier>,
    forward: Arc<Forward>,
}

impl Alerting {
    /// Without rules and receivers; what an earlier process told is remembered.
    pub(crate) fn open(
        evaluate: Arc<dyn Evaluate>,
        record: Arc<dyn Record>,
        plugins: Arc<PluginHost>,
        clock: Arc<dyn Clock>,
        external_url: String,
        external_labels: LabelSet,
        times: AlertTimes,
    ) -> Result<Self, BoxError> {
        let options = NotifierOptions { external_url: external_url.clone(), max_alerts: MAX_ALERTS };
        let notifier = Notifier::new(nobody(), options, Arc::clone(&clock), Arc::clone(&record))?;
        let context = Context {
            evaluate,
            record,
            clock,
            external_labels,
            external_url,
            resend_delay: times.resend_delay,
            outage_tolerance: times.outage_tolerance,
            grace_period: times.grace_period,
        };
        let forward = Arc::new(Forward::new(Arc::clone(&notifier), plugins));
        let scheduler = Scheduler::new(context, Arc::clone(&forward) as Arc<dyn AlertSink>);
        Ok(Self { scheduler, notifier, forward })
    }

    /// Evaluates these rules and tells these receivers from now on. Waits for an evaluation that is running.
    pub(crate) fn apply(&self, config: AlertingConfig) {
        self.notifier.apply(config.alertmanager.unwrap_or_else(nobody));
        self.forward.apply(config.told);
        self.scheduler.apply(config.groups);
    }

    /// All groups and what their last evaluations gave.
    pub(crate) fn rules(&self) -> Vec<GroupStatus> {
        self.scheduler.groups()
    }

    /// What other Alertmanagers were sent, by URL.
    pub(crate) fn sent(&self) -> BTreeMap<String, SentCounts> {
        self.forward.counts()
    }

    /// Alerts that wait to be sent to them, and those that found no room.
    pub(crate) fn queue(&self) -> (usize, u64) {
        self.forward.queue()
    }

    /// Evaluates and tells until `shutdown` is ready.
    pub(crate) async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send + Clone) {
        let scheduling = Arc::clone(&self.scheduler).run(shutdown.clone());
        let notifying = Arc::clone(&self.notifier).run(shutdown.clone());
        let forwarding = Arc::clone(&self.forward).run(shutdown);
        futures::join!(scheduling, notifying, forwarding);
    }
}

/// Alerts are kept and shown, and nobody is told.
fn nobody() -> AlertmanagerConfig {
    let name = "nobody".to_owned();
    let route = RouteEntry { receiver: Some(name.clone()), ..RouteEntry::default() };
    let receiver = ReceiverEntry { name, ..ReceiverEntry::default() };
    let file = AlertmanagerFile { route: Some(route), receivers: vec![receiver], ..AlertmanagerFile::default() };
    file.check(&[]).expect("BUG: a route to a receiver without integrations is valid")
}
