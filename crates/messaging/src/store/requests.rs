//! Requests that may be repeated with the same key and are carried out once.

use async_trait::async_trait;
use switchboard_protocol::Timestamp;
use uuid::Uuid;

use super::{StoreResult, Viewer};

/// A request with a key of its caller's choosing.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub caller: Viewer,
    pub key: String,
    /// What is asked for.
    pub fingerprint: String,
    /// The id that it gets, if it is new.
    pub id: Uuid,
    pub at: Timestamp,
    /// Whoever began it before this moment and has not finished it has died.
    pub abandoned_before: Timestamp,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the caller's to carry out, under this id. It may have been begun before, by somebody
    /// who died: then the id is the same.
    New(Uuid),
    /// Somebody is just carrying it out.
    UnderWay,
    /// The key was used for something else.
    Other,
    /// It was carried out, and answered with this status and body.
    Done { status: u16, body: String },
}

/// What is remembered of requests.
#[async_trait]
pub trait RequestStore: Send + Sync {
    /// Asks for a request to be carried out.
    async fn begin_request(&self, new: &NewRequest) -> StoreResult<Begun>;

    /// Remembers the answer.
    async fn finish_request(
        &self,
        caller: &Viewer,
        key: &str,
        id: Uuid,
        answer: (u16, &str),
    ) -> StoreResult<()>;

    /// Gives up a request that was not carried out, so that it can be repeated: under the same id, or,
    /// if nothing at all was done, `forgotten`, so that the key may be used for something else.
    async fn abandon_request(
        &self,
        caller: &Viewer,
        key: &str,
        id: Uuid,
        forgotten: bool,
    ) -> StoreResult<()>;
}
