//! Asks another node whether it would take what is forwarded to it. The request is signed as any other and
//! names no session: a node that believes the signature says that it is not the one for it (421), and
//! nothing else happens.

use std::fmt;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use switchboard_protocol::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::NodeClient;
use crate::forwarder;
use crate::headers::FORWARDED;
use crate::signature::{Asked, ClusterKey};

/// Knocks at other nodes.
pub struct Knocker {
    key: ClusterKey,
    client: NodeClient,
}

impl fmt::Debug for Knocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knocker").finish_non_exhaustive()
    }
}

/// What a node said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It believes this one.
    Welcome,
    /// It does not: its secret, or its clock, is another.
    Refused,
    /// It takes nothing that is forwarded.
    NotForwarding,
    /// Something that no node says.
    Other(u16),
}

/// A node's answer.
#[derive(Clone, Debug)]
pub struct Answered {
    pub said: Said,
    /// The time that it is for the node, to the second, if it says so.
    pub at: Option<Timestamp>,
    pub took: Duration,
}

impl Knocker {
    /// With the key that this node has, and the owner of its connections.
    pub fn new(key: ClusterKey, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let client = NodeClient::new(tasks, stop);
        Self { key, client }
    }

    /// Asks the node at `address` (`http://host:port`). It waits for as long as the node likes, but for
    /// the connection itself.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn knock(&self, address: &str, now: Timestamp) -> Result<Answered, String> {
        let owner = address.strip_prefix("http://").unwrap_or(address).parse();
        let owner = owner.map_err(|_| format!("`{address}` is no address"))?;
        let path = Uri::from(PathAndQuery::from_static("/"));
        let signature = self.key.sign(&Asked::new(&Method::GET, &path), None, now);
        let request = Request::get(forwarder::uri(&owner, &path));
        let request = request.header(FORWARDED, signature).body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let began = Instant::now();
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| innermost(&error))?;
        let said = match answer.status() {
            StatusCode::MISDIRECTED_REQUEST => Said::Welcome,
            StatusCode::FORBIDDEN => Said::Refused,
            StatusCode::NOT_FOUND => Said::NotForwarding,
            other => Said::Other(other.as_u16()),
        };
        Ok(Answered {
            said,
            at: date(answer.headers()),
            took: began.elapsed(),
        })
    }
}

/// The cause that says most: what is around it is always the same.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// RFC 9110, 6.6.1: the form of RFC 5322, in UTC.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let moment = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Timestamp::from_millis(moment.unix_timestamp() * 1000))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn dated(text: &str) -> Option<Timestamp> {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_str(text).ok()?);
        date(&headers)
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let moment = dated("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(moment, Some(Timestamp::from_millis(784_111_777_000)));
        assert_eq!(dated("yesterday"), None);
    }

    proptest! {
        #[test]
        fn no_date_makes_it_panic(text in "\\PC*|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
            dated(&text);
        }
    }
}
