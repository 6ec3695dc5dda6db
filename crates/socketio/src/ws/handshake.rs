//! The request that opens a WebSocket (RFC 6455 §4.2).

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{
        AsHeaderName, CONNECTION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use sha1::{Digest as _, Sha1};

use super::extension;

/// What every server appends to the key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Length of a decoded key in bytes.
const KEY_LEN: usize = 16;

/// Takes keys whose unused last bits are not 0: the key is only echoed, and lax encoders exist.
const LAX_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A legal request and what its answer, `101 Switching Protocols`, depends on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// Value of `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// Value of `Sec-WebSocket-Extensions`, if the client offers compression in a way that can be
    /// accepted. Sending it is up to the server; both sides may compress if it does.
    pub(crate) deflate: Option<&'static str>,
}

/// Why a request does not open a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("method is not GET")]
    Method,
    #[error("version of HTTP is not 1.1")]
    HttpVersion,
    #[error("no upgrade to websocket is asked for")]
    NoUpgrade,
    #[error("Sec-WebSocket-Version is not 13")]
    Version,
    #[error("Sec-WebSocket-Key is not 16 bytes in base64")]
    Key,
}

impl HandshakeError {
    /// Status of the answer. One with [`Version`](Self::Version) has to carry
    /// `Sec-WebSocket-Version: 13` too (RFC 6455 §4.4).
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::HttpVersion | Self::NoUpgrade | Self::Key => StatusCode::BAD_REQUEST,
        }
    }
}

/// Checks a request's line and headers (RFC 6455 §4.2.1).
///
/// Only HTTP/1.1: an upgrade is not possible before it, and works otherwise since HTTP/2.
pub(crate) fn check(
    headers: &HeaderMap,
    method: &Method,
    version: Version,
) -> Result<Upgrade, HandshakeError> {
    if method != Method::GET {
        return Err(HandshakeError::Method);
    }
    if version != Version::HTTP_11 {
        return Err(HandshakeError::HttpVersion);
    }
    if !has_token(headers, UPGRADE, "websocket") || !has_token(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::NoUpgrade);
    }
    if only(headers, SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key))
        .ok_or(HandshakeError::Key)?;
    Ok(Upgrade {
        accept: accept_key(key),
        deflate: extension::negotiate(values(headers, SEC_WEBSOCKET_EXTENSIONS)),
    })
}

/// Value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
pub(crate) fn accept_key(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

fn is_key(key: &str) -> bool {
    // 24 characters without padding would be 18 bytes.
    let mut decoded = [0; 18];
    key.len() == 24 && LAX_BASE64.decode_slice(key, &mut decoded) == Ok(KEY_LEN)
}

/// Values of a header that are text, in order.
fn values(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

/// Value of a header that is there exactly once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).into_iter();
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then(|| value.trim())
}

fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}
