//! What the operator set for the whole host.

/// The host's name, as `instance` of jobs without targets.
#[must_use]
pub fn host_name() -> String {
    #[cfg(target_family = "wasm")]
    return crate::bindings::config::host_name();
    #[cfg(not(target_family = "wasm"))]
    return String::from("localhost");
}

/// `global.external_labels`.
#[must_use]
pub fn external_labels() -> Vec<(String, String)> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::config::external_labels();
    #[cfg(not(target_family = "wasm"))]
    return Vec::new();
}
