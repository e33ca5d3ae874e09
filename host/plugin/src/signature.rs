//! Signatures in minisign's format: the keys that an operator has pinned, and whether one of them has signed some bytes. Which bytes
//! need a signature is decided in `trust.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{PublicKey, Signature};

use crate::Error;

/// A public key that the operator trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    id: String,
    key: PublicKey,
}

impl TrustedKey {
    /// Reads a key: the 56 letters of a minisign public key, or the whole text of its `.pub` file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let key = PublicKey::from_base64(line).ok().zip(key_id(line));
        let Some((key, id)) = key else {
            let problem = "wanted a minisign public key, 56 letters that begin with RW".to_owned();
            return Err(Error::Key { key: text.trim().to_owned(), problem });
        };
        Ok(Self { id, key })
    }

    /// Its id, as minisign prints it: sixteen hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The id of the key that signed the bytes, if it is one of these; else why not.
pub(crate) fn verify<'k>(keys: &'k [TrustedKey], bytes: &[u8], signature: &str) -> Result<&'k str, String> {
    let malformed = || "its signature is not in minisign's format".to_owned();
    let parsed = Signature::decode(signature).map_err(|_| malformed())?;
    let id = signature.lines().nth(1).and_then(key_id).ok_or_else(malformed)?;
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return Err(format!("it is signed by the key {id}, which is not pinned; pin it in plugins.trusted_keys, or pass --key"));
    };
    // Without the hash of the first generation, which minisign has not written since 2019.
    match key.key.verify(bytes, &parsed, false) {
        Ok(()) => Ok(&key.id),
        Err(minisign_verify::Error::UnexpectedAlgorithm) => {
            Err("its signature is of the old kind; sign it with: minisign -H -S".to_owned())
        }
        Err(_) => Err(format!("it is not what the key {id} signed")),
    }
}

/// Both keys and signatures carry the key's id in the bytes 2 to 10.
fn key_id(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim()).ok()?;
    let id: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Signer;

    #[test]
    fn only_the_pinned_key_and_the_very_bytes_count() {
        let (ours, theirs) = (Signer::new(), Signer::new());
        let keys = [TrustedKey::parse(&ours.public_key()).unwrap()];
        assert_eq!(verify(&keys, b"plugin", &ours.sign(b"plugin")).unwrap(), keys[0].id());
        let check = |bytes: &[u8], signature: &str, want: &str| {
            let problem = verify(&keys, bytes, signature).unwrap_err();
            assert!(problem.contains(want), "{problem}");
        };
        check(b"plugim", &ours.sign(b"plugin"), "it is not what the key");
        check(b"plugin", &theirs.sign(b"plugin"), "which is not pinned");
        check(b"plugin", "signed, me", "not in minisign's format");
        check(b"plugin", &ours.sign(b"plugin").replace("trusted comment: ", "trusted comment: more "), "");
    }

    #[test]
    fn a_key_is_read_from_its_line_or_its_file() {
        let signer = Signer::new();
        let line = TrustedKey::parse(&signer.public_key()).unwrap();
        let file = TrustedKey::parse(&format!("untrusted comment: minisign public key\n{}\n", signer.public_key())).unwrap();
        assert_eq!(line, file);
        assert!(line.id().len() == 16 && line.id().bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", line.id());
        let message = TrustedKey::parse("RWnope").unwrap_err().to_string();
        assert_eq!(message, "cannot use the key \"RWnope\": wanted a minisign public key, 56 letters that begin with RW");
    }
}
