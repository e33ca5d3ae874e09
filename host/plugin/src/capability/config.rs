//! `config`: what the operator set for the whole host.

use crate::abi::wit::config::Host;
use crate::guest::GuestState;

impl Host for GuestState {
    fn host_name(&mut self) -> String {
        self.context.shared.host_name.clone()
    }

    fn external_labels(&mut self) -> Vec<(String, String)> {
        self.context.shared.external_labels.clone()
    }
}
