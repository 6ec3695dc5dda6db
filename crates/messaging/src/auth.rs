//! Tokens: which are good, and who they say it is.

use std::collections::BTreeSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use switchboard_protocol::{ErrorCode, ErrorObject, OrganizationId, Timestamp, UserId};

use crate::actor::Actor;
use crate::store::Viewer;

mod keys;
mod signer;

pub use keys::{KeyError, KeyRing};
pub use signer::Signer;

/// How tokens are judged.
#[derive(Clone, Debug)]
pub struct AuthOptions {
    /// `iss` must be one of these; empty: any will do.
    pub issuers: Vec<String>,
    /// `aud` must be or hold one of these; empty: any will do.
    pub audiences: Vec<String>,
    /// Claim with the organization's id.
    pub org_claim: String,
    /// Claim with the array of roles.
    pub roles_claim: String,
    /// Organization of tokens that name none.
    pub default_org: Option<OrganizationId>,
}

impl Default for AuthOptions {
    fn default() -> Self {
        let (org_claim, roles_claim) = ("org".to_owned(), "roles".to_owned());
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            org_claim,
            roles_claim,
            default_org: None,
        }
    }
}

/// Why a token was refused. Clients hear only of the code; the label is for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// No token at all.
    Missing,
    /// Not a token, an algorithm that is not allowed, or a signature that does not fit.
    Invalid,
    /// `exp` has passed.
    Expired,
    /// `nbf` is yet to come.
    NotYet,
    /// Another `iss`.
    Issuer,
    /// Another `aud`.
    Audience,
    /// `sub`, `org` or `exp` is missing or not of its form.
    Claims,
}

impl AuthFailure {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claims => "claims",
        }
    }
}

impl From<AuthFailure> for ErrorObject {
    fn from(failure: AuthFailure) -> Self {
        let unauthenticated = |text: &str| Self::new(ErrorCode::Unauthenticated, text);
        match failure {
            AuthFailure::Missing => unauthenticated("no token: pass it as auth.token"),
            AuthFailure::Expired => Self::new(ErrorCode::TokenExpired, "the token has expired"),
            AuthFailure::NotYet => unauthenticated("the token is not valid yet"),
            AuthFailure::Claims => unauthenticated("the token lacks a claim that is needed"),
            AuthFailure::Invalid | AuthFailure::Issuer | AuthFailure::Audience => {
                unauthenticated("the token is not valid")
            }
        }
    }
}

/// Judges tokens.
#[derive(Debug)]
pub struct Verifier {
    keys: KeyRing,
    options: AuthOptions,
}

impl Verifier {
    /// A judge with these keys and rules.
    pub fn new(keys: KeyRing, options: AuthOptions) -> Self {
        Self { keys, options }
    }

    /// Who `token` says it is, at the time `now`. A leading `Bearer ` is accepted.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Actor, AuthFailure> {
        let token = match token.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            _ => token.trim(),
        };
        if token.is_empty() {
            return Err(AuthFailure::Missing);
        }
        // `alg: none` is no algorithm that the library knows, so its header does not parse.
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthFailure::Invalid)?;
        let key = self
            .keys
            .for_algorithm(header.alg)
            .ok_or(AuthFailure::Invalid)?;
        let claims = signed_claims(token, key, header.alg)?;
        check_times(&claims, now)?;
        self.check_parties(&claims)?;
        self.actor(&claims)
    }

    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), AuthFailure> {
        let is_one = |value: &Value, wanted: &[String]| {
            value
                .as_str()
                .is_some_and(|text| wanted.iter().any(|one| one == text))
        };
        let holds = |name: &str, wanted: &[String]| match claims.get(name) {
            _ if wanted.is_empty() => true,
            Some(Value::Array(many)) => many.iter().any(|value| is_one(value, wanted)),
            Some(value) => is_one(value, wanted),
            None => false,
        };
        if !holds("iss", &self.options.issuers) {
            return Err(AuthFailure::Issuer);
        }
        if !holds("aud", &self.options.audiences) {
            return Err(AuthFailure::Audience);
        }
        Ok(())
    }

    fn actor(&self, claims: &Map<String, Value>) -> Result<Actor, AuthFailure> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let user = text("sub")
            .and_then(|sub| UserId::new(sub).ok())
            .ok_or(AuthFailure::Claims)?;
        let organization = match claims.get(&self.options.org_claim) {
            None | Some(Value::Null) => self.options.default_org.clone(),
            Some(org) => org.as_str().and_then(|org| OrganizationId::new(org).ok()),
        };
        let organization = organization.ok_or(AuthFailure::Claims)?;
        let roles: BTreeSet<String> = claims
            .get(&self.options.roles_claim)
            .and_then(Value::as_array)
            .map(|roles| {
                roles
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default();
        let exp = claims
            .get("exp")
            .and_then(Value::as_f64)
            .ok_or(AuthFailure::Claims)?;
        Ok(Actor {
            viewer: Viewer { organization, user },
            roles,
            device: text("deviceId").map(str::to_owned),
            token_id: text("jti").map(str::to_owned),
            expires_at: Timestamp::from_millis((exp * 1000.0) as i64),
        })
    }
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), AuthFailure> {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now = now.as_millis() as f64 / 1000.0;
    let exp = seconds("exp").ok_or(AuthFailure::Claims)?;
    if exp <= now {
        return Err(AuthFailure::Expired);
    }
    if claims.contains_key("nbf") && seconds("nbf").ok_or(AuthFailure::Claims)? > now {
        return Err(AuthFailure::NotYet);
    }
    Ok(())
}

/// The claims, once the signature fits; times are judged by the caller's clock.
fn signed_claims(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<Map<String, Value>, AuthFailure> {
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    jsonwebtoken::decode::<Map<String, Value>>(token, key, &rules)
        .map(|data| data.claims)
        .map_err(|_| AuthFailure::Invalid)
}

#[cfg(test)]
mod tests;
