//! Which web pages may talk to the gateway: the `Origin` of a request is checked before anything
//! is allocated for it, and CORS headers are for those that may.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use switchboard_config::Settings;
use switchboard_gateway::{PATH, SocketService};
use switchboard_messaging::Live;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// The allowed origins: exact, `https://*.example.com`, or `*`.
#[derive(Debug)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    pub(crate) fn new(settings: &Settings) -> Self {
        let origins = settings.http.allowed_origins.iter();
        Self(origins.map(|origin| origin.as_str().to_owned()).collect())
    }

    /// Whether a page of `origin` may talk to `host`; its own pages always may.
    fn allows(&self, origin: &str, host: Option<&str>) -> bool {
        let origin = origin.to_ascii_lowercase();
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let is_own = host.is_some_and(|host| authority == Some(host.to_ascii_lowercase().as_str()));
        is_own || self.0.iter().any(|pattern| matches(pattern, &origin))
    }
}

fn matches(pattern: &str, origin: &str) -> bool {
    if pattern == "*" || pattern == origin {
        return true;
    }
    // `https://*.example.com`: one or more labels in place of the star.
    let Some((scheme, suffix)) = pattern.split_once("*.") else {
        return false;
    };
    let middle = origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_suffix(suffix));
    middle.is_some_and(|labels| {
        labels.len() > 1
            && labels.ends_with('.')
            && labels
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
    })
}

/// The gateway's routes, with the guard around them. It is around the service, not around a router:
/// a poll that waits holds every layer between it and its connection.
pub(crate) fn guard(gateway: impl SocketService, origins: &Live<Origins>) -> Router {
    let guarded = Guard {
        inner: cors(origins).layer(gateway),
        origins: origins.clone(),
    };
    Router::new().nest_service(PATH, guarded)
}

/// The HTTP API, which the allowed pages may read the answers of. It believes nothing that a browser
/// sends by itself, so that others need not be refused.
pub(crate) fn share(api: Router, origins: &Live<Origins>) -> Router {
    let told = ["retry-after", "ratelimit-limit", "ratelimit-remaining"];
    let told = told
        .into_iter()
        .chain(["ratelimit-reset", "idempotency-replayed"]);
    let told: Vec<_> = told.map(HeaderName::from_static).collect();
    api.layer(cors(origins).expose_headers(told))
}

fn cors(origins: &Live<Origins>) -> CorsLayer {
    let allowed = origins.clone();
    let is_allowed = move |origin: &HeaderValue, parts: &request::Parts| {
        let origin = origin.to_str().unwrap_or_default();
        allowed.get().allows(origin, host(&parts.headers))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
}

/// Refuses pages of other origins. Programs that are no web pages send no `Origin`; they have tokens
/// to show.
#[derive(Clone)]
struct Guard<S> {
    inner: S,
    origins: Live<Origins>,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN);
        let is_allowed = origin.is_none_or(|origin| {
            let origin = origin.to_str().unwrap_or_default();
            self.origins.get().allows(origin, host(headers))
        });
        if is_allowed {
            Either::Right(self.inner.call(request))
        } else {
            Either::Left(ready(Ok(forbidden())))
        }
    }
}

fn forbidden() -> Response {
    let body = r#"{"code":4,"message":"Forbidden"}"#;
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::FORBIDDEN, json, body).into_response()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Origins {
        Origins(list.iter().map(|&origin| origin.to_owned()).collect())
    }

    #[test]
    fn an_origin_is_exact_or_below_the_star() {
        let origins = origins(&["https://a.test", "https://*.b.test"]);
        for good in [
            "https://a.test",
            "HTTPS://A.TEST",
            "https://x.b.test",
            "https://x.y.b.test",
        ] {
            assert!(origins.allows(good, None), "{good}");
        }
        let bad = [
            "http://a.test",
            "https://a.test:444",
            "https://b.test",
            "https://.b.test",
            "https://evilb.test",
            "https://evil.test/.b.test",
            "https://x.b.test.evil",
            "null",
            "",
        ];
        for bad in bad {
            assert!(!origins.allows(bad, None), "{bad}");
        }
    }

    #[test]
    fn a_page_of_the_gateway_itself_may_always() {
        assert!(origins(&[]).allows("http://localhost:8080", Some("localhost:8080")));
        assert!(!origins(&[]).allows("http://localhost:8081", Some("localhost:8080")));
        assert!(!origins(&[]).allows("null", Some("")));
    }

    #[test]
    fn the_star_allows_every_page() {
        assert!(origins(&["*"]).allows("null", None));
    }
}
