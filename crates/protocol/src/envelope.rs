//! The answer to a call: exactly one of `{ok: true, data}` and `{ok: false, error}`.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ErrorObject;

/// What an ack callback gets.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The call was carried out.
    Ok {
        /// Always `true`.
        ok: bool,
        /// What the event's row promises.
        data: Box<RawValue>,
    },
    /// It was not.
    Failed {
        /// Always `false`.
        ok: bool,
        /// Why.
        error: ErrorObject,
    },
}

impl From<Result<Box<RawValue>, ErrorObject>> for Answer {
    fn from(result: Result<Box<RawValue>, ErrorObject>) -> Self {
        match result {
            Ok(data) => Self::Ok { ok: true, data },
            Err(error) => Self::Failed { ok: false, error },
        }
    }
}
