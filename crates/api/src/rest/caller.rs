//! Who asks.

use axum::http::{HeaderMap, header};
use switchboard_messaging::store::Viewer;
use switchboard_protocol::ErrorObject;

use super::Rest;

/// The role that may use the service API.
const SERVICE: &str = "service";
/// Where an API key may be, beside `Authorization`.
const API_KEY: &str = "x-api-key";

impl Rest {
    /// The service that asks: by an API key, or by a token with the role for it.
    pub(crate) async fn service(&self, headers: &HeaderMap) -> Result<Viewer, ErrorObject> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let key = text(API_KEY);
        let bearer = text(header::AUTHORIZATION.as_str()).map(bearer);
        let credential = key.or(bearer).unwrap_or_default().trim();
        if let Some(viewer) = self.api_keys.get().find(credential) {
            return Ok(viewer);
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
        Ok(actor.viewer)
    }
}

/// What follows `Bearer`; nothing for another scheme.
fn bearer(header: &str) -> &str {
    match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest,
        _ => "",
    }
}
