//! The playground of the development environment: a chat page on the stock client, and the tokens
//! for it. Neither exists in production.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use switchboard_messaging::Clock;
use switchboard_messaging::auth::Signer;
use switchboard_protocol::{OrganizationId, UserId};

/// How long a development token is good.
const TTL: Duration = Duration::from_hours(24);

/// The page may load its own files and talk to its own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/playground"]
struct Page;

/// What the token endpoint signs with.
#[derive(Clone, Debug)]
pub struct DevelopmentTokens {
    pub signer: Arc<Signer>,
    pub clock: Arc<dyn Clock>,
}

/// `/` and its files, and `POST /dev/token` when there is a key to sign with.
pub fn router(tokens: Option<DevelopmentTokens>) -> Router {
    let page = Router::new().route("/", get(index)).fallback(file);
    match tokens {
        Some(tokens) => page.merge(
            Router::new()
                .route("/dev/token", post(token))
                .with_state(tokens),
        ),
        None => page,
    }
}

/// Who the token shall say that its bearer is.
#[derive(Debug, Deserialize)]
struct Wanted {
    sub: UserId,
    org: OrganizationId,
    #[serde(default)]
    roles: Vec<String>,
}

async fn token(
    State(tokens): State<DevelopmentTokens>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Json(wanted)) => wanted,
        Err(rejection) => {
            let message = rejection.body_text();
            return (rejection.status(), Json(json!({"message": message}))).into_response();
        }
    };
    let now = tokens.clock.now();
    match tokens
        .signer
        .sign(&wanted.sub, &wanted.org, &wanted.roles, (now, TTL))
    {
        Ok(token) => {
            let body = json!({"token": token, "expiresInSeconds": TTL.as_secs()});
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "development token not signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn index() -> Response {
    serve("index.html")
}

async fn file(uri: Uri) -> Response {
    serve(uri.path().trim_start_matches('/'))
}

fn serve(path: &str) -> Response {
    let Some(file) = Page::get(path) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    // The names of built assets change with their content; the page itself does not.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Body::from(file.data.into_owned())).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}
