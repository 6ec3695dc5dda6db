//! Signs development tokens.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, json};
use switchboard_protocol::{OrganizationId, Timestamp, UserId};

use super::AuthOptions;

/// Signs tokens with the HMAC secret that they are verified with, naming the organization and the
/// roles as the verifier looks for them.
pub struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    options: AuthOptions,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer of HS256, or of the first HMAC algorithm of `allowed`, if that has any.
    pub fn new(secret: &[u8], allowed: &[String], options: AuthOptions) -> Self {
        let hmac = allowed.iter().find_map(|name| match name.as_str() {
            "HS256" => Some(Algorithm::HS256),
            "HS384" => Some(Algorithm::HS384),
            "HS512" => Some(Algorithm::HS512),
            _ => None,
        });
        let (key, algorithm) = (
            EncodingKey::from_secret(secret),
            hmac.unwrap_or(Algorithm::HS256),
        );
        Self {
            key,
            algorithm,
            options,
        }
    }

    /// A token that is good from `now` for `ttl`.
    pub fn sign(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        roles: &[String],
        (now, ttl): (Timestamp, Duration),
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let issued = now.as_millis().div_euclid(1000);
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(user));
        claims.insert(self.options.org_claim.clone(), json!(organization));
        claims.insert("iat".to_owned(), json!(issued));
        claims.insert(
            "exp".to_owned(),
            json!(issued.saturating_add_unsigned(ttl.as_secs())),
        );
        if !roles.is_empty() {
            claims.insert(self.options.roles_claim.clone(), json!(roles));
        }
        if let Some(issuer) = self.options.issuers.first() {
            claims.insert("iss".to_owned(), json!(issuer));
        }
        if let Some(audience) = self.options.audiences.first() {
            claims.insert("aud".to_owned(), json!(audience));
        }
        jsonwebtoken::encode(&Header::new(self.algorithm), &claims, &self.key)
    }
}
