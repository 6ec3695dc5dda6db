//! Who asks.

use axum::http::{HeaderMap, header};
use switchboard_messaging::Actor;
use switchboard_messaging::auth::SERVICE;
use switchboard_protocol::ErrorObject;

use super::Rest;

/// Where an API key may be, beside `Authorization`.
const API_KEY: &str = "x-api-key";

impl Rest {
    /// The service that asks: by an API key, or by a token with the role for it.
    pub(crate) async fn service(&self, headers: &HeaderMap) -> Result<Actor, ErrorObject> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let key = text(API_KEY);
        let bearer = text(header::AUTHORIZATION.as_str()).map(bearer);
        let credential = key.or(bearer).unwrap_or_default().trim();
        let now = self.messaging.clock.now();
        if let Some(actor) = self.api_keys.get().find(credential, now) {
            return Ok(actor);
        }
        let actor = self.authenticator.authenticate(credential).await;
        let actor = actor.map_err(|failure| {
            let reason = failure.as_str();
            metrics::counter!("switchboard_auth_failures_total", "reason" => reason).increment(1);
            ErrorObject::from(failure)
        })?;
        if !actor.roles.contains(SERVICE) {
            return Err(ErrorObject::forbidden("needs the role `service`"));
        }
        Ok(actor)
    }
}

/// What follows `Bearer`; nothing for another scheme.
fn bearer(header: &str) -> &str {
    match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest,
        _ => "",
    }
}
