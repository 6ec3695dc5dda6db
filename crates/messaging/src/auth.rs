//! Tokens: which are good, and who they say it is.

use std::collections::BTreeSet;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};
use switchboard_protocol::{ErrorCode, ErrorObject, OrganizationId, Timestamp, UserId};

use crate::actor::Actor;
use crate::live::Live;
use crate::store::Viewer;

mod api_keys;
mod authenticator;
mod keys;
mod published;
mod signer;

pub use api_keys::ApiKeys;
pub use authenticator::Authenticator;
pub use keys::{KeyError, KeyRing};
pub use published::{KeySource, PublishedKeys};
pub use signer::Signer;

/// The last millisecond of the year 9999.
const LAST_MOMENT: i64 = 253_402_300_799_999;

/// The role that may use the service API.
pub const SERVICE: &str = "service";

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
    /// Its `kid` is of no key that is known.
    UnknownKey,
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
    /// It was revoked, or issued before its user's tokens were.
    Revoked,
}

impl AuthFailure {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Revoked => "revoked",
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
            AuthFailure::Revoked => unauthenticated("the token was revoked"),
            AuthFailure::Invalid
            | AuthFailure::UnknownKey
            | AuthFailure::Issuer
            | AuthFailure::Audience => unauthenticated("the token is not valid"),
        }
    }
}

/// Judges tokens.
#[derive(Debug)]
pub struct Verifier {
    keys: KeyRing,
    published: Option<Live<PublishedKeys>>,
    options: AuthOptions,
}

impl Verifier {
    /// A judge with these keys and rules.
    pub fn new(keys: KeyRing, options: AuthOptions) -> Self {
        Self {
            keys,
            published: None,
            options,
        }
    }

    /// With keys that somebody publishes, and replaces at times.
    #[must_use]
    pub fn with_published(self, keys: Live<PublishedKeys>) -> Self {
        Self {
            published: Some(keys),
            ..self
        }
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
        let claims = self.claims(token, &header)?;
        check_times(&claims, now)?;
        self.check_parties(&claims)?;
        self.actor(&claims)
    }

    /// The claims, if a key that may be used with this algorithm has signed them.
    fn claims(&self, token: &str, header: &Header) -> Result<Map<String, Value>, AuthFailure> {
        let (kid, algorithm) = (header.kid.as_deref(), header.alg);
        let published = self.published.as_ref().map(Live::get);
        let found = published
            .as_ref()
            .and_then(|keys| keys.find(kid, algorithm));
        if let Some(key) = found {
            return signed_claims(token, key, algorithm);
        }
        let own = self.keys.for_algorithm(algorithm);
        let claims = own
            .ok_or(AuthFailure::Invalid)
            .and_then(|key| signed_claims(token, key, algorithm));
        // It may be published by now.
        let may_be_new = kid.is_some() && published.is_some_and(|keys| !keys.has(kid));
        claims.map_err(|failure| match failure {
            AuthFailure::Invalid if may_be_new => AuthFailure::UnknownKey,
            other => other,
        })
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
        let moment = |name: &str| claims.get(name).and_then(Value::as_f64).map(moment);
        Ok(Actor {
            viewer: Viewer { organization, user },
            roles,
            device: text("deviceId").map(str::to_owned),
            token_id: text("jti").map(str::to_owned),
            issued_at: moment("iat"),
            expires_at: moment("exp").ok_or(AuthFailure::Claims)?,
        })
    }
}

/// A NumericDate (RFC 7519, 2). Later than the end of the year 9999 cannot be written as RFC 3339.
fn moment(seconds: f64) -> Timestamp {
    Timestamp::from_millis(((seconds * 1000.0) as i64).clamp(0, LAST_MOMENT))
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
