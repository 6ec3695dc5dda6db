//! Errors and other answers, as the JavaScript server words them.

use std::borrow::Cow;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::ws::HandshakeError;

/// What is wrong with a request (engine.io `lib/server.ts`, `errors` and `errorMessages`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    UnknownTransport,
    UnknownSession,
    BadHandshakeMethod,
    BadRequest,
    Forbidden(String),
    UnsupportedProtocol,
    /// A request for a WebSocket that is none.
    Handshake(HandshakeError),
    /// Neither GET nor POST.
    Method,
    /// No new sessions.
    ShuttingDown,
}

impl Problem {
    fn code(&self) -> Option<u8> {
        match self {
            Self::UnknownTransport => Some(0),
            Self::UnknownSession => Some(1),
            Self::BadHandshakeMethod => Some(2),
            Self::BadRequest => Some(3),
            Self::Forbidden(_) => Some(4),
            Self::UnsupportedProtocol => Some(5),
            Self::Handshake(_) | Self::Method | Self::ShuttingDown => None,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Handshake(error) => error.status(),
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        let message = match self {
            Self::Handshake(error) => return error.to_string().into(),
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden(message) if message.is_empty() => "Forbidden",
            Self::Forbidden(message) => message,
            Self::UnsupportedProtocol => "Unsupported protocol version",
            Self::Method => "Method not allowed",
            Self::ShuttingDown => "server is shutting down",
        };
        message.into()
    }

    /// The answer: an object, or the bare message to a request for a WebSocket.
    pub(super) fn answer(&self, wants_upgrade: bool) -> Response<Body> {
        if wants_upgrade {
            let message = self.message().into_owned();
            let mut answer = plain(self.status(), "text/html", message);
            answer
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            if answer.status() == StatusCode::UPGRADE_REQUIRED {
                let version = HeaderValue::from_static("13");
                let headers = answer.headers_mut();
                headers.insert(header::SEC_WEBSOCKET_VERSION, version);
            }
            return answer;
        }
        let mut body = serde_json::json!({ "message": self.message() });
        if let Some(code) = self.code() {
            body["code"] = code.into();
        }
        plain(self.status(), "application/json", body.to_string())
    }
}

/// An answer that no cache keeps.
pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An answer without words.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    plain(status, "text/plain", Body::empty())
}
