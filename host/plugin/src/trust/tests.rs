//! The rule, case by case: where the bytes came from, what is beside them, and what the operator gave.

use super::*;
use crate::source::Promise;
use crate::testing::Signer;

fn fetched(is_local: bool, signature: Option<String>, promised: Option<Promise>) -> Fetched {
    let source = "https://a.example/p.wasm".to_owned();
    Fetched { bytes: (*b"plugin").into(), source, is_local, signature, promised }
}

fn promise(bytes: &[u8], is_local: bool, signer: Option<&str>) -> Option<Promise> {
    let (name, version) = ("p".to_owned(), semver::Version::new(1, 0, 0));
    Some(Promise { index: "i".to_owned(), name, version, digest: Digest::of(bytes), is_local, signer: signer.map(str::to_owned) })
}

fn trust(keys: &[&Signer], digest: Option<&[u8]>) -> Trust {
    let keys = keys.iter().map(|signer| TrustedKey::parse(&signer.public_key()).unwrap()).collect();
    Trust { keys, digest: digest.map(Digest::of) }
}

#[test]
fn what_comes_over_the_network_needs_a_signature_or_a_digest_from_somebody_trusted() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let signature = ours.sign(b"plugin");
    let signed = || Some(signature.clone());
    let check = |trust: Trust, fetched: Fetched| trust.check(&fetched);
    let undecided = |result: Result<Vouched, Error>, want: &str| {
        let error = result.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(want), "{error}");
    };
    undecided(check(trust(&[], None), fetched(false, None, None)), "nobody answers for it; pass its digest");
    undecided(check(trust(&[], None), fetched(false, signed(), None)), "pin its author's key");
    undecided(check(trust(&[&ours], None), fetched(false, None, None)), "no pinned key has signed it");
    undecided(check(trust(&[], None), fetched(false, None, promise(b"plugin", false, None))), "nobody answers for it");

    let vouched = check(trust(&[&ours], None), fetched(false, signed(), None)).unwrap();
    assert_eq!(vouched.signer.as_deref(), Some(trust(&[&ours], None).keys[0].id()));
    assert_eq!(vouched.signature, signed());
    assert_eq!(check(trust(&[], Some(b"plugin")), fetched(false, None, None)).unwrap(), Vouched::default());
    assert_eq!(check(trust(&[], None), fetched(false, None, promise(b"plugin", true, None))).unwrap(), Vouched::default());
    let by_index = check(trust(&[&ours], None), fetched(false, None, promise(b"plugin", false, Some("KEY")))).unwrap();
    assert_eq!(by_index, Vouched { signer: Some("KEY".to_owned()), signature: None });

    let distrusted = |result: Result<Vouched, Error>, want: &str| {
        let error = result.unwrap_err();
        assert!(!error.is_usage() && error.to_string().contains(want), "{error}");
    };
    distrusted(check(trust(&[], Some(b"plugim")), fetched(false, None, None)), "--sha256 says sha256:");
    distrusted(check(trust(&[], None), fetched(false, None, promise(b"plugim", true, None))), "the index says sha256:");
    distrusted(check(trust(&[&ours], None), fetched(false, Some(ours.sign(b"plugim")), None)), "it is not what the key");
    // A digest does not make up for a signature that does not fit, nor an index for a wrong digest.
    distrusted(check(trust(&[&ours], Some(b"plugin")), fetched(false, Some(theirs.sign(b"plugin")), None)), "which is not pinned");
    distrusted(check(trust(&[&ours], Some(b"plugim")), fetched(false, signed(), None)), "its digest is");
}

#[test]
fn a_local_file_needs_nothing_but_what_is_given_has_to_fit() {
    let local = || fetched(true, None, None);
    assert_eq!(trust(&[], None).check(&local()).unwrap(), Vouched::default());
    assert_eq!(trust(&[&Signer::new()], None).check(&local()).unwrap(), Vouched::default());
    assert_eq!(trust(&[], Some(b"plugin")).check(&local()).unwrap(), Vouched::default());
    assert!(trust(&[], Some(b"other")).check(&local()).is_err());
}
