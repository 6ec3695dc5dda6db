//! Public identity of sockets.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;

/// Public identity of a socket: 20 characters of base64url from a cryptographic generator.
/// It is unrelated to the Engine.IO session id, which is a bearer secret of polling clients.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(Arc<str>);

impl SocketId {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 15];
        rand::rng().fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The 20 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id that came from elsewhere, such as another node; no socket need have it.
impl From<&str> for SocketId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for SocketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
