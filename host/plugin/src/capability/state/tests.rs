//! What a plugin keeps, and what it may not.

use super::*;
use crate::testing::{grants, guest, guest_with};

#[tokio::test]
async fn values_outlive_the_guest_and_are_the_plugins_own() {
    let mut first = guest(&grants(&["state:64KiB"]), "", true);
    let state = first.state_mut();
    assert_eq!(Host::get(state, "seen".to_owned()).await.unwrap(), None);
    state.set("seen".to_owned(), b"41".to_vec()).await.unwrap();
    state.set("seen".to_owned(), b"42".to_vec()).await.unwrap();
    state.set("other".to_owned(), vec![0, 255]).await.unwrap();
    assert_eq!(Host::keys(state, String::new()).await.unwrap(), ["other", "seen"]);
    assert_eq!(Host::keys(state, "se".to_owned()).await.unwrap(), ["seen"]);
    state.delete("other".to_owned()).await.unwrap();
    let store = Arc::clone(&state.context.shared.state);
    assert_eq!(store.load("test"), BTreeMap::from([("seen".to_owned(), b"42".to_vec())]));

    // Another process's host over the same store, and another plugin.
    let mut later = guest_with(&grants(&["state:64KiB"]), "test", Arc::clone(&store));
    assert_eq!(Host::get(later.state_mut(), "seen".to_owned()).await.unwrap(), Some(b"42".to_vec()));
    let mut stranger = guest_with(&grants(&["state:64KiB"]), "stranger", store);
    assert_eq!(Host::get(stranger.state_mut(), "seen".to_owned()).await.unwrap(), None);
}

#[tokio::test]
async fn quotas_hold() {
    let mut guest = guest(&grants(&["state:1KiB"]), "", true);
    let full = |result: Result<(), Error>, want: &str| {
        assert!(matches!(&result, Err(Error::Other(message)) if message.contains(want)), "{want}: {result:?}");
    };
    let state = guest.state_mut();
    full(state.set(String::new(), Vec::new()).await, "expected 1 to 256");
    full(state.set("k".repeat(257), Vec::new()).await, "expected 1 to 256");
    full(state.set("k".to_owned(), vec![0; (64 << 10) + 1]).await, "the limit is 65536");
    state.set("a".to_owned(), vec![0; 600]).await.unwrap();
    full(state.set("b".to_owned(), vec![0; 600]).await, "this call has written all of its 1024 bytes");
    // The next call may write again, but not keep more.
    state.call.state_bytes_written = 0;
    full(state.set("b".to_owned(), vec![0; 600]).await, "1 keys and 601 of 1024 bytes are in use");
    state.call.state_bytes_written = 0;
    state.set("a".to_owned(), vec![1; 700]).await.unwrap();
    state.call.state_bytes_written = 0;
    for number in 0..MAX_KEYS {
        let result = state.set(format!("{number:03}"), Vec::new()).await;
        if result.is_err() {
            full(result, "in use");
            return;
        }
        state.call.state_bytes_written = 0;
    }
    panic!("a thousand keys fit into a KiB");
}
