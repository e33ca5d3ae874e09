//! Whether fetched bytes may be installed at all. The rule: **what comes over the network needs a pinned key's signature, or a digest
//! from the command line, or a digest from an index that is a local file or that a pinned key signed; a local file needs nothing; and
//! whatever was given (signature, digest) has to fit.** What a plugin may do once it is installed is another question.

use crate::Error;
use crate::package::Digest;
use crate::signature::{TrustedKey, verify};
use crate::source::Fetched;

/// What the operator trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Pinned keys.
    pub keys: Vec<TrustedKey>,
    /// The digest that the file has to have.
    pub digest: Option<Digest>,
}

/// Who answers for the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// The id of the pinned key that signed the file, or the index that names its digest.
    pub(crate) signer: Option<String>,
    /// The file's own signature.
    pub(crate) signature: Option<String>,
}

impl Trust {
    pub(crate) fn check(&self, fetched: &Fetched) -> Result<Vouched, Error> {
        let origin = &fetched.source;
        let distrust = |problem: String| Error::Distrust { origin: origin.clone(), problem };
        let digest = Digest::of(&fetched.bytes);
        let promised = fetched.promised.as_ref();
        for (who, wanted) in [("--sha256", self.digest), ("the index", promised.map(|promise| promise.digest))] {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
                return Err(distrust(format!("its digest is {digest}, {who} says {wanted}")));
            }
        }
        if let Some(signature) = fetched.signature.as_ref().filter(|_| !self.keys.is_empty()) {
            let signer = verify(&self.keys, &fetched.bytes, signature).map_err(distrust)?;
            return Ok(Vouched { signer: Some(signer.to_owned()), signature: Some(signature.clone()) });
        }
        let index_signer = promised.and_then(|promise| promise.signer.clone());
        let is_promised = promised.is_some_and(|promise| promise.is_local || promise.signer.is_some());
        if fetched.is_local || is_promised || self.digest.is_some() {
            return Ok(Vouched { signer: index_signer, signature: None });
        }
        let problem = if self.keys.is_empty() {
            format!(
                "nobody answers for it; pass its digest, learnt from somebody whom you trust, with --sha256 (what came has {digest}), or \
                 pin its author's key in plugins.trusted_keys or with --key"
            )
        } else {
            format!(
                "no pinned key has signed it; pass its digest, learnt from somebody whom you trust, with --sha256 (what came has {digest}), \
                 or have it signed: minisign -S -m FILE.wasm"
            )
        };
        Err(Error::Undecided { origin: origin.clone(), problem })
    }
}

#[cfg(test)]
mod tests;
