//! Requests with a key of their caller's choosing are carried out once, however often they come.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use switchboard_protocol::{ErrorCode, ErrorObject, Timestamp};
use uuid::Uuid;

use crate::pipeline::Messaging;
use crate::store::{Begun, NewRequest, Viewer};

/// How long the answer is remembered.
const KEPT: Duration = Duration::from_hours(24);
/// Whoever carries out a request has done so, or died, after this time.
const ABANDONED: Duration = Duration::from_mins(1);
/// Longest key, in characters.
pub const MAX_KEY: usize = 255;

/// What is to be done about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To carry it out, under this id.
    CarryOut(Uuid),
    /// To answer with what was answered before: status and body.
    Repeat { status: u16, body: String },
}

impl Messaging {
    /// Asks what is to be done about a request; `asked` is all of what it asks for.
    ///
    /// # Errors
    ///
    /// `CONFLICT` while somebody else carries it out, `VALIDATION_FAILED` for a key that is none or
    /// was used for something else; those of the store.
    pub async fn begin_request(
        &self,
        caller: &Viewer,
        key: &str,
        asked: &[u8],
    ) -> Result<Turn, ErrorObject> {
        let is_plain = key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !(1..=MAX_KEY).contains(&key.len()) || !is_plain {
            let text = format!("must be 1 to {MAX_KEY} printable ASCII characters");
            return Err(ErrorObject::invalid("Idempotency-Key", text));
        }
        let hash = digest(&SHA256, asked);
        let fingerprint = URL_SAFE_NO_PAD.encode(hash);
        let at = self.clock.now();
        let new = NewRequest {
            caller: caller.clone(),
            key: key.to_owned(),
            fingerprint,
            id: self.ids.next(),
            at,
            abandoned_before: earlier(at, ABANDONED),
            expires_at: at.plus(KEPT),
        };
        match self.store.requests().begin_request(&new).await? {
            Begun::New(id) => Ok(Turn::CarryOut(id)),
            Begun::Done { status, body } => Ok(Turn::Repeat { status, body }),
            Begun::UnderWay => Err(ErrorObject {
                retry_after_ms: Some(1000),
                ..ErrorObject::new(
                    ErrorCode::Conflict,
                    "a request with this Idempotency-Key is just being carried out",
                )
            }),
            Begun::Other => {
                let text = "was used for another request";
                Err(ErrorObject::invalid("Idempotency-Key", text))
            }
        }
    }

    /// Remembers what came of it: an answer, which is given again from here on, or nothing.
    pub async fn end_request(
        &self,
        (caller, key, id): (&Viewer, &str, Uuid),
        result: Result<(u16, &str), &ErrorObject>,
    ) {
        let requests = self.store.requests();
        let noted = match result {
            Ok(answer) => requests.finish_request(caller, key, id, answer).await,
            Err(error) => {
                // What failed for a reason of ours may have been done in part.
                let nothing_done = error.code.http_status() < 500;
                requests
                    .abandon_request(caller, key, id, nothing_done)
                    .await
            }
        };
        if let Err(error) = noted {
            // Whoever repeats it within a minute is told to wait; then it is carried out again under
            // the same id.
            tracing::warn!(%error, "the end of a request was not noted");
        }
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.as_millis() - by.as_millis() as i64)
}
