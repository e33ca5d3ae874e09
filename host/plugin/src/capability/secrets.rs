//! `secrets`: passwords and tokens by name. The operator's configuration holds them; a guest sees the ones that were granted to it.

use std::collections::BTreeMap;
use std::fmt;

use crate::abi::wit::secrets::Host;
use crate::abi::wit::types::Error;
use crate::grant::{Capability, is_secret_name};
use crate::guest::GuestState;

/// Secrets by name. Never shown: its `Debug` prints the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Of names and values.
    pub fn new(secrets: BTreeMap<String, String>) -> Self {
        Self(secrets)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, "<secret>"))).finish()
    }
}

impl Host for GuestState {
    fn get(&mut self, name: String) -> Result<String, Error> {
        if !is_secret_name(&name) {
            return Err(Error::Other(format!("cannot give secret \"{}\": expected letters, digits, - and _", name.escape_default())));
        }
        if !self.context.access.secrets.contains(&name) {
            return Err(self.deny(Capability::Secrets, &name, &format!("secret \"{name}\"")));
        }
        self.used(Capability::Secrets, &name);
        let secrets = self.context.shared.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        secrets
            .0
            .get(&name)
            .cloned()
            .ok_or_else(|| Error::Config(format!("there is no secret \"{name}\"; add it to the configuration under plugins.secrets")))
    }
}
