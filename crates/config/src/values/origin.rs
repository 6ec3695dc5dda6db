//! Web origins: exact, `https://*.example.com`, or `*`.

use std::fmt;

use super::Value;

/// One entry of `http.allowed_origins`, in lower case as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// `*`, `scheme://host[:port]` or `scheme://*.host[:port]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `*`: every origin there is.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Origin {
    const KIND: &'static str = "origin";
    const LIST_KIND: &'static str = "list of origins";

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || {
            "must be *, or an origin like https://app.example.com or https://*.example.com, \
             without a path"
                .to_owned()
        };
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme_fits = !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let host = rest.strip_prefix("*.").unwrap_or(rest);
        let host_fits = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:[]".contains(&b));
        if scheme_fits && host_fits {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(wrong())
        }
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
    #[case("*")]
    #[case("https://app.example.com")]
    #[case("http://localhost:5173")]
    #[case("https://*.example.com:8443")]
    #[case("http://[::1]:3000")]
    #[case("capacitor://localhost")]
    fn an_origin_is_a_scheme_and_a_host(#[case] text: &str) {
        assert_eq!(Origin::from_text(text).unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case("app.example.com")]
    #[case("https://")]
    #[case("https://*.")]
    #[case("https://*")]
    #[case("https://app.example.com/")]
    #[case("https://a.*.example.com")]
    #[case("https://user@app.example.com")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Origin::from_text(text).is_err());
    }

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        assert_eq!(
            Origin::from_text("HTTPS://App.Example.com")
                .unwrap()
                .as_str(),
            "https://app.example.com"
        );
    }

    proptest! {
        #[test]
        fn every_origin_survives_being_written_and_read(text in "\\PC*|[a-z]{1,5}://(\\*\\.)?[a-z.]{1,9}") {
            if let Ok(origin) = Origin::from_text(&text) {
                prop_assert_eq!(Origin::from_text(origin.as_str()), Ok(origin));
            }
        }
    }
}
