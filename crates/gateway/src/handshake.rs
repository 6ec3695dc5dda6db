//! Where a token may be, first hit wins: the CONNECT payload, the `Authorization` header, a
//! cookie, the query.

use http::header::{AUTHORIZATION, COOKIE};
use switchboard_socketio::{Handshake, Protocol};

/// When the query parameter `token` is looked at. Queries end up in the logs of proxies, so by
/// default only for clients that have no better place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryToken {
    /// Only for `EIO=3` clients, which have no CONNECT payload.
    #[default]
    Eio3,
    /// For all clients.
    Always,
    /// For none.
    Never,
}

/// The token of a handshake; empty when there is none.
pub(crate) fn token(handshake: &Handshake, cookie: Option<&str>, query: QueryToken) -> String {
    let from_auth = || handshake.auth.get("token")?.as_str().map(str::to_owned);
    // Another scheme, such as a proxy's own Basic, is none of our business.
    let from_header = || {
        let header = handshake.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.to_owned())
    };
    let from_cookie = || cookie_value(handshake, cookie?);
    let from_query = || {
        let looked_at = match query {
            QueryToken::Always => true,
            QueryToken::Eio3 => handshake.protocol == Protocol::V4,
            QueryToken::Never => false,
        };
        looked_at
            .then(|| query_value(&handshake.query, "token"))
            .flatten()
    };
    let places = [from_auth(), from_header(), from_cookie(), from_query()];
    places
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())
        .unwrap_or_default()
}

fn cookie_value(handshake: &Handshake, name: &str) -> Option<String> {
    let headers = handshake
        .headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

fn query_value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)?;
    percent_decoded(value)
}

/// A token is ASCII; what does not decode to UTF-8 is no token.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high * 16 + low
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use serde_json::json;
    use switchboard_socketio::Transport;

    fn handshake(protocol: Protocol) -> Handshake {
        Handshake {
            namespace: "/".to_owned(),
            protocol,
            auth: serde_json::Value::Null,
            headers: HeaderMap::new(),
            query: "EIO=4&token=from%2Bquery%20x".to_owned(),
            remote_addr: None,
            transport: Transport::WebSocket,
        }
    }

    #[test]
    fn the_first_place_with_a_token_wins() {
        let mut all = handshake(Protocol::V5);
        assert_eq!(token(&all, Some("t"), QueryToken::Always), "from+query x");
        all.headers
            .insert(COOKIE, "a=b; t=from-cookie; c=d".parse().unwrap());
        assert_eq!(token(&all, Some("t"), QueryToken::Always), "from-cookie");
        all.headers
            .insert(AUTHORIZATION, "bearer from-header".parse().unwrap());
        assert_eq!(token(&all, Some("t"), QueryToken::Always), "from-header");
        all.auth = json!({"token": "from-auth"});
        assert_eq!(token(&all, Some("t"), QueryToken::Always), "from-auth");
    }

    #[test]
    fn what_holds_no_token_hides_none() {
        let mut some = handshake(Protocol::V5);
        some.auth = json!({"token": ""});
        some.headers
            .insert(AUTHORIZATION, "Basic dXNlcjpwYXNz".parse().unwrap());
        assert_eq!(token(&some, None, QueryToken::Always), "from+query x");
    }

    #[test]
    fn the_query_is_looked_at_only_when_it_may_be() {
        let cases = [
            (Protocol::V5, QueryToken::Eio3, ""),
            (Protocol::V4, QueryToken::Eio3, "from+query x"),
            (Protocol::V4, QueryToken::Never, ""),
        ];
        for (protocol, policy, expected) in cases {
            assert_eq!(token(&handshake(protocol), None, policy), expected);
        }
    }

    #[test]
    fn a_query_that_does_not_decode_has_no_token() {
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
    }
}
