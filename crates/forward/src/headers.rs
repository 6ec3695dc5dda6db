//! Headers that are for one hop alone (RFC 9110, 7.6.1), and the one that a node adds.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The signature of a forwarded request. From anywhere else it is thrown away.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("x-switchboard-forwarded");

const OF_ONE_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes what was for this hop alone.
pub(crate) fn keep_end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_ONE_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Asks for, or agrees to, a WebSocket on this hop.
pub(crate) fn switch_to_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_for_one_hop_goes_no_further_and_the_rest_does() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade, X-Secret-Of-The-Proxy"),
            ("connection", "close"),
            ("upgrade", "websocket"),
            ("x-secret-of-the-proxy", "1"),
            ("transfer-encoding", "chunked"),
            ("cookie", "a=b"),
            ("sec-websocket-key", "x"),
            ("content-length", "3"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        keep_end_to_end(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "cookie", "sec-websocket-key"]);
        switch_to_websocket(&mut headers);
        assert_eq!(headers[header::UPGRADE], "websocket");
    }
}
