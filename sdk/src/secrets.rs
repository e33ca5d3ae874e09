//! Passwords and tokens by name: the operator's configuration holds them under `plugins.secrets`, and grants each by name.

use crate::Error;

/// The secret of that name.
///
/// # Errors
/// [`Error::Denied`] for a name that is not granted, [`Error::Config`] when the operator has set none.
pub fn get(name: &str) -> Result<String, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::secrets::get(name).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    return Err(Error::Denied(format!("cannot give secret \"{name}\": secrets need a cepmon around the plugin")));
}
