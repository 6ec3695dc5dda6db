//! By what a node knows that a request comes from another one: a MAC over what is asked, for whom
//! and when. The secret itself never goes over the wire.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Uri};
use switchboard_protocol::Timestamp;

/// How far apart the clocks of two nodes may be, the time on the way included.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);

/// What is signed begins with this, so that no other MAC with the same secret can be one of these.
const LABEL: &str = "switchboard forward 1";
const DERIVATION: &[u8] = b"switchboard cluster secret 1";

/// The secret that the nodes of a cluster share.
#[derive(Clone)]
pub struct ClusterKey(hmac::Key);

impl ClusterKey {
    /// A secret that is for this alone.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A key made of a secret that is for something else too; it tells nothing of it.
    pub fn derived_from(secret: &[u8]) -> Self {
        let derived = hmac::sign(&Self::new(secret).0, DERIVATION);
        Self::new(derived.as_ref())
    }

    /// The header that goes with a request.
    pub(crate) fn sign(
        &self,
        asked: &Asked<'_>,
        client: Option<SocketAddr>,
        at: Timestamp,
    ) -> String {
        let client = client.map_or_else(|| NOBODY.to_owned(), |client| client.to_string());
        let at = at.as_millis().to_string();
        let mac = hmac::sign(&self.0, asked.text(&client, &at).as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(mac);
        format!("{at} {client} {mac}")
    }

    /// The client for whom a node asks.
    pub(crate) fn verify(
        &self,
        asked: &Asked<'_>,
        header: &str,
        now: Timestamp,
    ) -> Result<Option<SocketAddr>, Refusal> {
        let mut parts = header.split(' ');
        let (Some(at), Some(client), Some(mac), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed);
        };
        let mac = URL_SAFE_NO_PAD.decode(mac);
        let mac = mac.map_err(|_| Refusal::Malformed)?;
        // This compares in constant time.
        hmac::verify(&self.0, asked.text(client, at).as_bytes(), &mac)
            .map_err(|_| Refusal::Forged)?;
        let at = at.parse().map_err(|_| Refusal::Malformed)?;
        let at = Timestamp::from_millis(at);
        if now.since(at).max(at.since(now)) > WINDOW {
            return Err(Refusal::Stale);
        }
        if client == NOBODY {
            return Ok(None);
        }
        client.parse().map(Some).map_err(|_| Refusal::Malformed)
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(…)")
    }
}

/// In place of a client's address that is not known.
const NOBODY: &str = "-";

/// What a request asks for. None of it can hold a line break.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    method: &'a Method,
    path_and_query: &'a str,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(method: &'a Method, uri: &'a Uri) -> Self {
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            method,
            path_and_query,
        }
    }

    fn text(&self, client: &str, at: &str) -> String {
        let Self {
            method,
            path_and_query,
        } = self;
        format!("{LABEL}\n{method}\n{path_and_query}\n{client}\n{at}")
    }
}

/// Why a request is not taken for another node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no signature, or it is none.
    Malformed,
    /// By whom it is does not know the secret, or what it says was changed on the way.
    Forged,
    /// It is too old, or from the future: somebody repeats it, or the nodes' clocks differ.
    Stale,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::from_millis(1_764_200_000_000);
    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

    fn client() -> Option<SocketAddr> {
        "203.0.113.7:4711".parse().ok()
    }

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn signed(client: Option<SocketAddr>) -> String {
        let uri = uri("/?EIO=4&sid=abc");
        ClusterKey::new(SECRET).sign(&Asked::new(&Method::GET, &uri), client, AT)
    }

    fn verified(header: &str, now: Timestamp) -> Result<Option<SocketAddr>, Refusal> {
        let uri = uri("/?EIO=4&sid=abc");
        ClusterKey::new(SECRET).verify(&Asked::new(&Method::GET, &uri), header, now)
    }

    #[test]
    fn who_knows_the_secret_is_believed_and_the_client_is_told() {
        assert_eq!(verified(&signed(client()), AT), Ok(client()));
        assert_eq!(verified(&signed(None), AT), Ok(None));
        let v6 = "[2001:db8::7]:4711".parse().ok();
        assert_eq!(verified(&signed(v6), AT), Ok(v6));
    }

    #[test]
    fn what_was_signed_for_another_request_is_refused() {
        let header = signed(client());
        let key = ClusterKey::new(SECRET);
        for (method, path) in [
            (Method::POST, "/?EIO=4&sid=abc"),
            (Method::GET, "/?EIO=4&sid=abd"),
            (Method::GET, "/x?EIO=4&sid=abc"),
            (Method::GET, "/"),
        ] {
            let uri = uri(path);
            let verified = key.verify(&Asked::new(&method, &uri), &header, AT);
            assert_eq!(verified, Err(Refusal::Forged), "{method} {path}");
        }
    }

    #[test]
    fn another_secret_is_refused_and_so_is_the_one_that_a_key_was_derived_from() {
        let uri = uri("/?EIO=4&sid=abc");
        let asked = Asked::new(&Method::GET, &uri);
        let header = signed(client());
        for other in [
            ClusterKey::new(b"another secret of at least 32 bytes.."),
            ClusterKey::derived_from(SECRET),
        ] {
            assert_eq!(other.verify(&asked, &header, AT), Err(Refusal::Forged));
        }
        let (one, same) = (
            ClusterKey::derived_from(SECRET),
            ClusterKey::derived_from(SECRET),
        );
        let header = one.sign(&asked, None, AT);
        assert_eq!(same.verify(&asked, &header, AT), Ok(None));
    }

    #[test]
    fn a_signature_is_good_for_a_minute_of_either_clock_and_not_longer() {
        let header = signed(client());
        let millis = |millis: i64| Timestamp::from_millis(AT.as_millis() + millis);
        let window = WINDOW.as_millis() as i64;
        for good in [-window, 0, window] {
            assert_eq!(verified(&header, millis(good)), Ok(client()), "{good}");
        }
        for bad in [-window - 1, window + 1, i64::MIN / 2, i64::MAX / 4] {
            assert_eq!(verified(&header, millis(bad)), Err(Refusal::Stale), "{bad}");
        }
    }

    #[test]
    fn a_key_is_not_told_when_debugged() {
        let told = format!("{:?}", ClusterKey::new(b"hunter2"));
        assert!(!told.contains("hunter2"));
    }

    proptest! {
        #[test]
        fn a_signature_with_any_character_changed_is_refused(at in 0usize..80, to in "[ -~]") {
            let header = signed(client());
            let at = at % header.len();
            let changed = format!("{}{to}{}", &header[..at], &header[at + 1..]);
            prop_assume!(changed != header);
            prop_assert!(verified(&changed, AT).is_err(), "{}", changed);
        }

        #[test]
        fn what_is_no_signature_is_refused(text in "\\PC*|[0-9]{13} - [A-Za-z0-9_-]{43}") {
            prop_assert!(verified(&text, AT).is_err());
        }

        #[test]
        fn whatever_is_signed_is_believed(port: u16, ip: [u8; 4], path in "/[a-z0-9]{0,9}(\\?[a-z0-9=&%]{0,30})?") {
            let client = Some(SocketAddr::from((ip, port)));
            let uri = uri(&path);
            let asked = Asked::new(&Method::POST, &uri);
            let key = ClusterKey::new(SECRET);
            let header = key.sign(&asked, client, AT);
            prop_assert_eq!(key.verify(&asked, &header, AT), Ok(client));
        }
    }
}
