//! Where an issuer publishes its keys.

use std::fmt;
use std::net::IpAddr;

use super::Value;

/// An `https://` or `http://` URL without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetUrl(String);

impl KeySetUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody on the way can exchange the keys: it is encrypted, or stays on this machine.
    pub fn is_safe(&self) -> bool {
        let Some(rest) = self.0.strip_prefix("http://") else {
            return true;
        };
        let host = host_of(rest);
        let address = host.trim_matches(['[', ']']).parse();
        host == "localhost" || address.is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of what comes after the scheme.
fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The text without what is around it, if it is an `https://` or `http://` URL without credentials. The
/// reason shows the `example`, and nothing of what was given.
pub(super) fn http_url<'t>(text: &'t str, example: &str) -> Result<&'t str, String> {
    let wrong = || format!("must be like {example}");
    let text = text.trim();
    let rest = text.strip_prefix("https://");
    let rest = rest
        .or_else(|| text.strip_prefix("http://"))
        .ok_or_else(wrong)?;
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&b));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if !is_plain || host_of(rest).is_empty() || authority.ends_with(':') {
        return Err(wrong());
    }
    if authority.contains('@') {
        return Err("must not hold a user or password".to_owned());
    }
    Ok(text)
}

impl Value for KeySetUrl {
    const KIND: &'static str = "URL";

    fn from_text(text: &str) -> Result<Self, String> {
        let url = http_url(text, "https://id.example.com/.well-known/jwks.json")?;
        Ok(Self(url.to_owned()))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://id.example.com/.well-known/jwks.json", true)]
    #[case("https://id.example.com:8443/keys?tenant=a", true)]
    #[case("http://127.0.0.1:9000/keys", true)]
    #[case("http://[::1]:9000/keys", true)]
    #[case("http://localhost/keys", true)]
    #[case("http://localhost.evil.example/keys", false)]
    #[case("http://id.example.com/keys", false)]
    #[case("http://10.0.0.7:9000/keys", false)]
    fn a_set_is_where_it_is_encrypted_or_on_this_machine(#[case] text: &str, #[case] safe: bool) {
        assert_eq!(KeySetUrl::from_text(text).unwrap().is_safe(), safe);
    }

    #[rstest]
    #[case("")]
    #[case("id.example.com/keys")]
    #[case("ftp://id.example.com/keys")]
    #[case("file:///etc/keys")]
    #[case("https://")]
    #[case("https:///keys")]
    #[case("https://:443/keys")]
    #[case("https://id.example.com:/keys")]
    #[case("https://user:secret@id.example.com/keys")]
    #[case("https://id.example.com/a b")]
    #[case("https://id.example.com/#keys")]
    fn anything_else_is_refused(#[case] text: &str) {
        let reason = KeySetUrl::from_text(text).unwrap_err();
        assert!(!reason.contains("secret"));
    }

    proptest! {
        #[test]
        fn every_url_survives_being_written_and_read(text in "\\PC*|https?://[a-z.:@\\[\\]/?]{1,20}") {
            if let Ok(url) = KeySetUrl::from_text(&text) {
                let _ = url.is_safe();
                prop_assert_eq!(KeySetUrl::from_text(url.as_str()), Ok(url));
            }
        }
    }
}
