//! A few values that outlive a guest: positions, tokens, what was seen last. They survive restarts and upgrades of the plugin. Natively
//! they lie in the thread's memory, so that a test can look at what the plugin kept.

use crate::Error;

/// The value of a key, if there is one.
///
/// # Errors
/// [`Error::Other`] when the host cannot read it.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::state::get(key).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    return Ok(native::VALUES.with_borrow(|values| values.get(key).cloned()));
}

/// Sets a value. When this returns, a crash no longer loses it.
///
/// # Errors
/// [`Error::Other`] over the quota, or when the host cannot keep it.
pub fn set(key: &str, value: &[u8]) -> Result<(), Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::state::set(key, value).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    {
        native::VALUES.with_borrow_mut(|values| values.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }
}

/// Removes a key; one that is not there is fine.
///
/// # Errors
/// As [`set`].
pub fn delete(key: &str) -> Result<(), Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::state::delete(key).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    {
        native::VALUES.with_borrow_mut(|values| values.remove(key));
        Ok(())
    }
}

/// The keys that begin with `prefix`, sorted.
///
/// # Errors
/// As [`get`].
pub fn keys(prefix: &str) -> Result<Vec<String>, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::state::keys(prefix).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    return Ok(native::VALUES.with_borrow(|values| values.keys().filter(|key| key.starts_with(prefix)).cloned().collect()));
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        pub(super) static VALUES: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natively_values_lie_in_memory() {
        set("a/1", b"x").unwrap();
        set("a/2", b"y").unwrap();
        delete("a/1").unwrap();
        assert_eq!((get("a/1").unwrap(), get("a/2").unwrap()), (None, Some(b"y".to_vec())));
        assert_eq!(keys("a/").unwrap(), ["a/2"]);
    }
}
