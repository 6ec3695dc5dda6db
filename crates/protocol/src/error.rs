//! The one closed table of error codes. Ack bodies, `connect_error`, failure events, HTTP statuses
//! and metric labels all come from it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::objects::{ConversationView, Message};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal;)*) => {
        /// What went wrong, in a word that programs can depend on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it goes over the wire and into metric labels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status of this code.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// No token, or one that does not verify.
    Unauthenticated = "UNAUTHENTICATED", 401;
    /// The token was good and its `exp` has passed.
    TokenExpired = "TOKEN_EXPIRED", 401;
    /// In the same organization but not allowed.
    Forbidden = "FORBIDDEN", 403;
    /// Not there, or in another organization: existence does not leak.
    NotFound = "NOT_FOUND", 404;
    /// A missing, ill-typed or out-of-range field; `details` says which.
    ValidationFailed = "VALIDATION_FAILED", 422;
    /// A token bucket is empty; `retryAfterMs` says for how long.
    RateLimited = "RATE_LIMITED", 429;
    /// The state has moved on; `current` holds it.
    Conflict = "CONFLICT", 409;
    /// An HTTP body or attachment over its limit.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413;
    /// A dependency is away: nothing was acked, retry with the same `clientMessageId`.
    Unavailable = "UNAVAILABLE", 503;
    /// A defect of ours; the log has it whole, the client gets nothing of it.
    Internal = "INTERNAL", 500;
}

impl ErrorCode {
    /// The server event that also tells the socket of a failure.
    pub const fn failure_event(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limit-exceeded",
            Self::ValidationFailed => "validation-error",
            _ => "error",
        }
    }
}

/// One thing that is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Detail {
    /// Where, as `field` or `field[3].inner`; empty for the payload itself.
    pub path: String,
    /// What is wrong, for people.
    pub message: String,
}

impl Detail {
    /// A detail about the field at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// What the state is now, for whoever ran into a conflict.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Current {
    /// The message as it is stored.
    Message(Box<Message>),
    /// The conversation as its caller sees it.
    Conversation(Box<ConversationView>),
}

/// An error as clients get it: in an ack, a failure event or `connect_error.data`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{}: {message}", code.as_str())]
pub struct ErrorObject {
    /// What went wrong.
    pub code: ErrorCode,
    /// The same for people; never internals.
    pub message: String,
    /// The client event that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// With `RATE_LIMITED` and `UNAVAILABLE`: when to try again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With `VALIDATION_FAILED`: every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// With `CONFLICT`: what is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Current>,
}

impl ErrorObject {
    /// An error with a code and a message for people.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let (event, retry_after_ms, current) = (None, None, None);
        Self {
            code,
            message: message.into(),
            event,
            retry_after_ms,
            details: Vec::new(),
            current,
        }
    }

    /// `VALIDATION_FAILED` with its details; the message names the first.
    pub fn validation(details: Vec<Detail>) -> Self {
        let message = match details.first() {
            Some(first) if !first.path.is_empty() => format!("{}: {}", first.path, first.message),
            Some(first) => first.message.clone(),
            None => "the payload is not valid".to_owned(),
        };
        Self {
            details,
            ..Self::new(ErrorCode::ValidationFailed, message)
        }
    }

    /// `VALIDATION_FAILED` about one field.
    pub fn invalid(path: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![Detail::new(path, message)])
    }

    /// `RATE_LIMITED`, to be tried again after `wait` (rounded up to a millisecond, at least one).
    pub fn rate_limited(wait: Duration) -> Self {
        let text = "too many calls; try again after retryAfterMs";
        Self {
            retry_after_ms: Some(millis(wait)),
            ..Self::new(ErrorCode::RateLimited, text)
        }
    }

    /// `UNAVAILABLE`: nothing was acked. Repeating a send with its `clientMessageId` is safe.
    pub fn unavailable() -> Self {
        let text = "temporarily unavailable; nothing was acknowledged, try again";
        Self {
            retry_after_ms: Some(1000),
            ..Self::new(ErrorCode::Unavailable, text)
        }
    }

    /// `UNAVAILABLE`, because there is too much to do; to be tried again after `wait` (rounded as
    /// [`rate_limited`](Self::rate_limited) does).
    pub fn busy(wait: Duration) -> Self {
        let text = "too busy; nothing was acknowledged, try again after retryAfterMs";
        Self {
            retry_after_ms: Some(millis(wait)),
            ..Self::new(ErrorCode::Unavailable, text)
        }
    }

    /// `NOT_FOUND` for a kind of thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("no such {what}"))
    }

    /// `FORBIDDEN` with its reason.
    pub fn forbidden(reason: &str) -> Self {
        Self::new(ErrorCode::Forbidden, reason)
    }

    /// `CONFLICT` with what is there now.
    pub fn conflict(reason: &str, current: Current) -> Self {
        Self {
            current: Some(current),
            ..Self::new(ErrorCode::Conflict, reason)
        }
    }

    /// `INTERNAL`: the cause is in the log, not here.
    pub fn internal() -> Self {
        Self::new(ErrorCode::Internal, "internal error")
    }

    /// The same error, naming the client event that failed.
    #[must_use]
    pub fn of_event(mut self, event: &str) -> Self {
        self.event = Some(event.to_owned());
        self
    }
}

/// A wait that is never too short: rounded up, and at least one.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros().div_ceil(1000))
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_the_same_on_the_wire_and_in_labels() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn a_wait_is_never_rounded_down_to_nothing() {
        let error = ErrorObject::rate_limited(Duration::from_micros(1));
        assert_eq!(error.retry_after_ms, Some(1));
        assert_eq!(
            ErrorObject::rate_limited(Duration::from_micros(1001)).retry_after_ms,
            Some(2)
        );
        let error = ErrorObject::busy(Duration::from_micros(1001));
        assert_eq!(
            (error.code, error.retry_after_ms),
            (ErrorCode::Unavailable, Some(2))
        );
    }

    #[test]
    fn only_what_is_there_is_written() {
        let json = serde_json::to_value(ErrorObject::not_found("message").of_event("message:edit"));
        let expected = serde_json::json!({
            "code": "NOT_FOUND", "message": "no such message", "event": "message:edit"
        });
        assert_eq!(json.unwrap(), expected);
    }
}
