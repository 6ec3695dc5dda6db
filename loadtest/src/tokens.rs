//! Tokens of the run's users: HS256, of one organization and, in `tenants`, of a noisy one beside it.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

/// How long a token is good for; no run is longer.
const VALID_SECONDS: u64 = 48 * 3600;

/// Signs tokens for one organization, and for a noisy one that is called after it: `ORG-noisy`.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    organization: String,
    /// Seconds since 1970.
    now: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    org: &'a str,
    iat: u64,
    exp: u64,
}

impl Signer {
    /// `now` is in seconds since 1970, and when all tokens are issued.
    pub fn new(secret: &[u8], organization: &str, now: u64) -> Self {
        Self {
            key: EncodingKey::from_secret(secret),
            organization: organization.to_owned(),
            now,
        }
    }

    /// A token of the organization, or of the noisy one beside it.
    pub(crate) fn sign(&self, user: &str, is_noisy: bool) -> Result<String, String> {
        let noisy = is_noisy.then(|| format!("{}-noisy", self.organization));
        let claims = Claims {
            sub: user,
            org: noisy.as_deref().unwrap_or(&self.organization),
            iat: self.now,
            exp: self.now + VALID_SECONDS,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .map_err(|error| format!("no token: {error}"))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("organization", &self.organization)
            .finish_non_exhaustive() // not the key
    }
}
