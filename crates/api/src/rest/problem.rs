//! Errors as HTTP has them: problem details (RFC 9457) with the codes that sockets have, too.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use switchboard_messaging::Rate;
use switchboard_protocol::{Current, Detail, ErrorCode, ErrorObject};

/// An error on its way to whoever asked.
#[derive(Debug)]
pub(crate) struct Problem {
    error: ErrorObject,
    status: StatusCode,
    /// The bucket that is empty.
    rate: Option<Rate>,
}

impl From<ErrorObject> for Problem {
    fn from(error: ErrorObject) -> Self {
        let status = StatusCode::from_u16(error.code.http_status());
        Self {
            error,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            rate: None,
        }
    }
}

impl Problem {
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with_rate(self, rate: Rate) -> Self {
        let rate = (self.error.code == ErrorCode::RateLimited).then_some(rate);
        Self { rate, ..self }
    }

    pub(crate) fn error(&self) -> &ErrorObject {
        &self.error
    }
}

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`: `code` says what it is.
    r#type: &'static str,
    /// The status, in words.
    title: String,
    status: u16,
    /// What is wrong, for people.
    detail: String,
    code: ErrorCode,
    /// With `RATE_LIMITED`, `UNAVAILABLE` and requests that are just carried out: when to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// With `VALIDATION_FAILED`: everything that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
    /// With `CONFLICT`: what is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Current>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self {
            error,
            status,
            rate,
        } = self;
        let retry_after = error.retry_after_ms.map(Duration::from_millis);
        let body = ProblemDetails {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: error.message,
            code: error.code,
            retry_after_ms: error.retry_after_ms,
            details: error.details,
            current: error.current,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
        put(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        put(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            put(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = retry_after {
            put(header::RETRY_AFTER, seconds(wait).into());
        }
        if let (Some(rate), Some(wait)) = (rate, retry_after) {
            let limit = HeaderName::from_static("ratelimit-limit");
            put(limit, rate.burst.into());
            put(HeaderName::from_static("ratelimit-remaining"), 0.into());
            let reset = HeaderName::from_static("ratelimit-reset");
            put(reset, seconds(wait).into());
        }
        response
    }
}

/// Rounded up: whoever comes back then finds what it waited for.
fn seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000))
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(response: &Response, name: &str) -> Option<String> {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_refusal_for_its_frequency_says_when_to_come_back() {
        let error = ErrorObject::rate_limited(Duration::from_millis(4_200));
        let rate = Rate::new(300, Duration::from_mins(1));
        let response = Problem::from(error).with_rate(rate).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let of = |name| header(&response, name);
        assert_eq!(of("retry-after").as_deref(), Some("5"));
        assert_eq!(of("ratelimit-limit").as_deref(), Some("300"));
        assert_eq!(of("ratelimit-remaining").as_deref(), Some("0"));
        assert_eq!(of("ratelimit-reset").as_deref(), Some("5"));
        let json = "application/problem+json";
        assert_eq!(of("content-type").as_deref(), Some(json));
    }

    #[test]
    fn every_code_has_its_status_and_only_a_missing_token_is_challenged() {
        for code in ErrorCode::ALL {
            let response = Problem::from(ErrorObject::new(*code, "x")).into_response();
            assert_eq!(response.status().as_u16(), code.http_status());
            let challenged = header(&response, "www-authenticate").is_some();
            assert_eq!(challenged, code.http_status() == 401);
        }
    }
}
