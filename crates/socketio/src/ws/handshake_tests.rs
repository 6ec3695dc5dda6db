use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use super::handshake::{HandshakeError, Upgrade, accept_key, check};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Headers of a request that is fine.
fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ]
}

/// The same, with these values of one header instead of its own.
fn with(name: &'static str, values: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    let mut all = good();
    all.retain(|(other, _)| *other != name);
    all.extend(values.iter().map(|value| (name, *value)));
    all
}

fn checked(headers: Vec<(&'static str, &'static str)>) -> Result<Upgrade, HandshakeError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        map.append(HeaderName::from_static(name), value);
    }
    check(&map, &Method::GET, Version::HTTP_11)
}

#[test]
fn answers_the_key_of_the_rfc() {
    assert_eq!(accept_key(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn accepts_the_usual_request() {
    let expected = Upgrade {
        accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned(),
        deflate: None,
    };
    assert_eq!(checked(good()), Ok(expected));
}

#[test]
fn finds_tokens_in_lists_of_any_case_and_number() {
    for headers in [
        with("connection", &["keep-alive, UPGRADE"]),
        with("connection", &["keep-alive", "upgrade"]),
        with("connection", &[" , upgrade ,"]),
        with("upgrade", &["h2c,WebSocket"]),
    ] {
        assert!(checked(headers.clone()).is_ok(), "{headers:?}");
    }
}

#[test]
fn refuses_requests_that_ask_for_no_websocket() {
    for headers in [
        with("connection", &[]),
        with("connection", &["keep-alive"]),
        with("connection", &["upgraded"]),
        with("upgrade", &[]),
        with("upgrade", &["h2c"]),
        with("upgrade", &["websocket/13"]),
        with("upgrade", &["web socket"]),
    ] {
        assert_eq!(
            checked(headers.clone()),
            Err(HandshakeError::NoUpgrade),
            "{headers:?}"
        );
    }
}

#[test]
fn refuses_other_versions_of_the_protocol() {
    for values in [&[][..], &["8"], &["13, 8"], &["13", "13"], &["013"], &["é"]] {
        let result = checked(with("sec-websocket-version", values));
        assert_eq!(result, Err(HandshakeError::Version), "{values:?}");
    }
}

#[test]
fn refuses_keys_that_are_not_16_bytes_in_base64() {
    for values in [
        &[][..],
        &[""],
        &["dGhlIHNhbXBsZSBub25jZQ"],
        &["dGhlIHNhbXBsZSBub25jZQ="],
        &["dGhlIHNhbXBsZSBub25j"],
        &["dGhlIHNhbXBsZSBub25jZWE="],
        &["dGhlIHNhbXBsZSBub25jZWFi"],
        &["dGhlIHNhbXBsZSBub25jZ?=="],
        &["dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="],
        &[KEY, KEY],
    ] {
        let result = checked(with("sec-websocket-key", values));
        assert_eq!(result, Err(HandshakeError::Key), "{values:?}");
    }
}

#[test]
fn accepts_a_key_whose_unused_bits_are_not_zero() {
    assert!(checked(with("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZR=="])).is_ok());
}

#[test]
fn refuses_other_methods_and_versions_of_http() {
    let headers = HeaderMap::new();
    assert_eq!(
        check(&headers, &Method::POST, Version::HTTP_11),
        Err(HandshakeError::Method)
    );
    for version in [Version::HTTP_10, Version::HTTP_2] {
        assert_eq!(
            check(&headers, &Method::GET, version),
            Err(HandshakeError::HttpVersion)
        );
    }
}

#[test]
fn passes_offers_of_compression_on_from_all_headers() {
    let offers = ["x-other", "permessage-deflate; unknown, permessage-deflate"];
    let upgrade = checked(with("sec-websocket-extensions", &offers)).unwrap();
    assert!(upgrade.deflate.unwrap().starts_with("permessage-deflate; "));
    let upgrade = checked(with("sec-websocket-extensions", &["é"])).unwrap();
    assert_eq!(upgrade.deflate, None);
}

#[test]
fn names_a_status_for_each_refusal() {
    for (error, status) in [
        (HandshakeError::Method, 405),
        (HandshakeError::HttpVersion, 400),
        (HandshakeError::NoUpgrade, 400),
        (HandshakeError::Version, 426),
        (HandshakeError::Key, 400),
    ] {
        assert_eq!(error.status(), status, "{error}");
    }
}
