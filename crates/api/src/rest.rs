//! The HTTP API on the public listener: the same use cases as over sockets, for programs.

mod answering;
mod caller;
mod openapi;
mod problem;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use switchboard_messaging::auth::{ApiKeys, Authenticator};
use switchboard_messaging::{Live, Messaging};
use switchboard_protocol::{ErrorCode, ErrorObject};
use utoipa_axum::router::OpenApiRouter;

use problem::Problem;

/// Longest body of a request, in bytes.
pub const MAX_BODY: usize = 100 * 1024;

/// What the HTTP API leads to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rest {
    pub messaging: Messaging,
    pub authenticator: Authenticator,
    pub api_keys: Live<ApiKeys>,
}

/// The routes below `prefix` (`/api/v1`, or empty), and the OpenAPI document at `/openapi.json` there
/// and above. With a prefix, whatever else is below it is a problem 404; without one the caller says
/// what becomes of other paths ([`no_such_path`]).
pub fn router(rest: Rest, prefix: &str) -> Router {
    let (routes, document) = OpenApiRouter::new()
        .merge(service::routes())
        .split_for_parts();
    let document: Arc<str> = openapi::document(document, prefix).to_string().into();
    let shown = document.clone();
    let routes = routes
        .route("/openapi.json", get(async move || as_json(&document)))
        .method_not_allowed_fallback(no_such_method)
        .with_state(rest);
    if prefix.is_empty() {
        return routes;
    }
    Router::new()
        .nest(prefix, routes.fallback(no_such_path))
        // Nesting takes everything below, but this.
        .route(&format!("{prefix}/"), any(no_such_path))
        .route("/openapi.json", get(async move || as_json(&shown)))
}

fn as_json(document: &str) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, document.to_owned()).into_response()
}

/// What every path answers that there is not.
pub async fn no_such_path(uri: Uri) -> Response {
    tracing::debug!(path = uri.path(), "no such path");
    Problem::from(ErrorObject::not_found("path")).into_response()
}

async fn no_such_method(method: Method) -> Response {
    let error = ErrorObject::new(
        ErrorCode::NotFound,
        format!("{method} does nothing here; see the header Allow"),
    );
    Problem::from(error)
        .with_status(axum::http::StatusCode::METHOD_NOT_ALLOWED)
        .into_response()
}
