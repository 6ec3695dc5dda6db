//! The parameters of Engine.IO in a URL.

use crate::{Protocol, Transport};

#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) protocol: Protocol,
    pub(super) transport: Option<Transport>,
    pub(super) sid: Option<String>,
    /// The client cannot take binary bodies (Engine.IO 3).
    pub(super) base64: bool,
    /// Index of the JSONP callback (Engine.IO 3).
    pub(super) jsonp: Option<String>,
}

impl Query {
    /// Any revision but 4 is taken for 3, and the first of several values counts, as in the
    /// JavaScript server. None of these values needs percent-encoding.
    pub(super) fn parse(query: &str) -> Self {
        let value = |name: &str| value(query, name);
        Self {
            protocol: match value("EIO") {
                Some("4") => Protocol::V5,
                _ => Protocol::V4,
            },
            transport: match value("transport") {
                Some("polling") => Some(Transport::Polling),
                Some("websocket") => Some(Transport::WebSocket),
                _ => None,
            },
            sid: super::session_id(query).map(str::to_owned),
            base64: value("b64").is_some_and(|flag| !flag.is_empty()),
            jsonp: value("j").map(str::to_owned),
        }
    }
}

/// The first value of this name.
pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_stock_clients_send() {
        let query = Query::parse("EIO=4&transport=polling&t=abc&sid=xyz");
        assert_eq!(query.protocol, Protocol::V5);
        assert_eq!(query.transport, Some(Transport::Polling));
        assert_eq!(query.sid.as_deref(), Some("xyz"));
        let old = Query::parse("EIO=3&transport=polling&b64=1&j=0");
        assert_eq!(old.protocol, Protocol::V4);
        assert!(old.base64);
        assert_eq!(old.jsonp.as_deref(), Some("0"));
    }

    #[test]
    fn takes_any_revision_but_4_for_3_and_knows_two_transports() {
        assert_eq!(Query::parse("EIO=5").protocol, Protocol::V4);
        assert_eq!(Query::parse("").protocol, Protocol::V4);
        assert_eq!(Query::parse("transport=webtransport").transport, None);
        assert_eq!(Query::parse("sid=").sid, None);
    }
}
