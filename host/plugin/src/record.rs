//! What outlives the loading of a plugin's file: counters, uses of grants, values and failed calls, by the plugin's name. A new version of a file goes
//! on where the old one was.

use std::sync::Arc;

use crate::capability::state::Values;
use crate::failures::Failures;
use crate::stats::Counters;
use crate::uses::Uses;

/// One plugin's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) counters: Arc<Counters>,
    pub(crate) uses: Arc<Uses>,
    pub(crate) state: Arc<Values>,
    pub(crate) failures: Arc<Failures>,
}
