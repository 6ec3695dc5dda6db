//! Identities: public ones of sockets, secret ones of connections.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;

/// Characters of every id, as many as the JavaScript server's have.
const LENGTH: usize = 20;

/// Most characters of [`Options::engine_id_prefix`](crate::Options::engine_id_prefix): what is
/// left is still 84 random bits.
pub(crate) const MAX_PREFIX: usize = 6;

/// Public identity of a socket: 20 characters of base64url.
///
/// It is unrelated to the Engine.IO session id, which is a bearer secret of polling clients, and
/// differs per namespace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; LENGTH]);

impl SocketId {
    /// An id from the thread's cryptographic generator.
    pub fn random() -> Self {
        Self(random())
    }

    /// An id that came from elsewhere, such as another node; no socket need have it. `None` unless
    /// it is 20 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text).map(Self)
    }

    /// The 20 characters.
    pub fn as_str(&self) -> &str {
        as_str(&self.0)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Secret identity of an Engine.IO session. Whoever knows that of a polling session can speak for
/// its client, so it is never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EngineId([u8; LENGTH]);

impl EngineId {
    /// A random id that begins with `prefix`, which is base64url and at most [`MAX_PREFIX`] long.
    pub(crate) fn random(prefix: &str) -> Self {
        let mut id = random();
        let prefix = &prefix.as_bytes()[..prefix.len().min(MAX_PREFIX)];
        id[..prefix.len()].copy_from_slice(prefix);
        Self(id)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        parse(text).map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        as_str(&self.0)
    }

    /// A number to spread ids by; from the end, which is random whatever the prefix.
    pub(crate) fn spread(&self) -> usize {
        let [.., a, b, c, d] = self.0;
        usize::from(a) ^ usize::from(b) << 2 ^ usize::from(c) << 4 ^ usize::from(d) << 6
    }
}

impl fmt::Debug for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineId(…)")
    }
}

pub(crate) fn is_base64url(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn random() -> [u8; LENGTH] {
    let mut bytes = [0; 15];
    rand::rng().fill_bytes(&mut bytes);
    let mut text = [b'0'; LENGTH];
    // 15 bytes are exactly 20 characters.
    let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
    text
}

fn parse(text: &str) -> Option<[u8; LENGTH]> {
    if !is_base64url(text) {
        return None;
    }
    text.as_bytes().try_into().ok()
}

fn as_str(id: &[u8; LENGTH]) -> &str {
    // Only base64url gets in.
    str::from_utf8(id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_ids_as_long_as_those_of_javascript() {
        let (one, other) = (SocketId::random(), SocketId::random());
        assert_eq!(one.as_str().len(), 20);
        assert!(is_base64url(one.as_str()));
        assert_ne!(one, other);
        assert_eq!(SocketId::parse(one.as_str()), Some(one));
    }

    #[test]
    fn takes_no_id_of_another_length_or_alphabet() {
        for text in [
            "",
            "abcdefghijklmnopqrs",
            "abcdefghijklmnopqrstu",
            "abcdefghijklmnopqrs+",
        ] {
            assert_eq!(SocketId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn puts_a_prefix_in_front_and_keeps_the_length() {
        let id = EngineId::random("node42");
        assert!(id.as_str().starts_with("node42"));
        assert_eq!(id.as_str().len(), 20);
        assert_ne!(id, EngineId::random("node42"));
    }

    #[test]
    fn keeps_engine_ids_out_of_debug_output() {
        let id = EngineId::random("");
        assert!(!format!("{id:?}").contains(id.as_str()));
    }
}
