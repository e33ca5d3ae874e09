//! Basic authentication against bcrypt hashes (`basic_auth_users` of Prometheus's web configuration). Every path needs it, as there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// Answers that are remembered: a hash takes a tenth of a second of CPU, and a Grafana asks many times a second.
const MAX_REMEMBERED: usize = 100;
/// Hashes that are computed at once, so that guessing cannot take all cores.
const HASHES_AT_ONCE: usize = 1;
/// The longest password that bcrypt looks at.
const MAX_PASSWORD_BYTES: usize = 72;
/// Compared with where there is no such user, so that the time says nothing.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Users {
    hashes: BTreeMap<String, String>,
    /// Whether credentials are right, by their digest.
    remembered: Mutex<HashMap<[u8; 32], bool>>,
    slots: Semaphore,
}

impl Users {
    /// Names and bcrypt hashes.
    pub(crate) fn new(hashes: BTreeMap<String, String>) -> Self {
        Self { hashes, remembered: Mutex::default(), slots: Semaphore::new(HASHES_AT_ONCE) }
    }

    async fn allows(&self, user: &str, password: &str) -> bool {
        let (hash, is_known) = self.hashes.get(user).map_or((NOBODY, false), |hash| (hash.as_str(), true));
        let mut digest = Sha256::new();
        for part in [user, hash, password] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let key: [u8; 32] = digest.finalize().into();
        let remembered = |key| self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(is_right) = remembered(&key) {
            return is_right && is_known;
        }
        let Ok(_slot) = self.slots.acquire().await else { return false };
        // Somebody else may have asked the same while this waited.
        if let Some(is_right) = remembered(&key) {
            return is_right && is_known;
        }
        let (hash, password) = (hash.to_owned(), password.to_owned());
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = matches!(verified, Ok(Ok(true)));
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, is_right);
        is_right && is_known
    }
}

/// The middleware: 401 or the request goes on.
pub(crate) async fn require_user(State(users): State<Arc<Users>>, request: Request, next: Next) -> Response {
    let is_allowed = match credentials(request.headers()) {
        Some((user, password)) if password.len() <= MAX_PASSWORD_BYTES => users.allows(&user, &password).await,
        _ => false,
    };
    if is_allowed {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
    (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_taken() {
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        let users = Users::new(BTreeMap::from([("alice".to_owned(), hash)]));
        for _ in 0..2 {
            assert!(users.allows("alice", "s3cret").await);
            assert!(!users.allows("alice", "other").await);
            assert!(!users.allows("bob", "s3cret").await);
        }
    }

    #[test]
    fn credentials_are_read_from_the_header() {
        let f = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        assert_eq!(f("Basic YWxpY2U6YTpi"), Some(("alice".to_owned(), "a:b".to_owned())));
        assert_eq!(f("Bearer YWxpY2U6YTpi"), None);
        assert_eq!(f("Basic %%%"), None);
    }
}
