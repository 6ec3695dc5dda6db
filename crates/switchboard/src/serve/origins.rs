//! Which web pages may talk to the gateway: the `Origin` of a request is checked before anything
//! is allocated for it, and CORS headers are for those that may.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use switchboard_config::Settings;
use switchboard_messaging::Live;
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

/// Puts the guard around routes.
pub(crate) fn guard(routes: Router, origins: &Live<Origins>) -> Router {
    let allowed = origins.clone();
    let is_allowed = move |origin: &HeaderValue, parts: &request::Parts| {
        let origin = origin.to_str().unwrap_or_default();
        allowed.get().allows(origin, host(&parts.headers))
    };
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request());
    routes
        .layer(cors)
        .layer(from_fn_with_state(origins.clone(), refuse_others))
}

async fn refuse_others(
    axum::extract::State(origins): axum::extract::State<Live<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    // Programs that are no web pages send no Origin; they have tokens to show.
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if !origins.get().allows(origin, host(request.headers())) {
            let body = r#"{"code":4,"message":"Forbidden"}"#;
            let json = [(header::CONTENT_TYPE, "application/json")];
            return (StatusCode::FORBIDDEN, json, body).into_response();
        }
    }
    next.run(request).await
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
