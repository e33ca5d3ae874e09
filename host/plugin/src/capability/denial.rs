//! What happens when a guest asks for more than it was granted: a typed error for the guest, a count, and at most once a minute and
//! plugin a line in the log that ends with the command which would grant it.

use std::time::Instant;

use crate::abi::wit::types::Error;
use crate::guest::GuestState;

impl GuestState {
    /// Refuses `what`, which `word` would grant.
    pub(crate) fn deny(&mut self, capability: &str, word: &str, what: &str) -> Error {
        let plugin = self.context.name.as_str();
        let message = format!("plugin \"{plugin}\" may not use {capability} for {what}; run: cepmon plugin grant {plugin} {word}");
        self.refuse(capability, message)
    }

    /// Refuses what no grant allows; the message says why.
    pub(crate) fn refuse(&mut self, capability: &str, message: String) -> Error {
        let message = crate::capability::log::escaped(&message);
        if self.context.counters.count_denial(Instant::now()) {
            tracing::warn!(plugin = self.context.name.as_str(), capability, "{message}");
        }
        self.call.denied = Some(message.clone());
        Error::Denied(message)
    }
}
