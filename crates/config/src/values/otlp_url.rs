//! Where traces go.

use std::fmt;

use super::Value;
use super::key_set_url::http_url;

/// The path that spans are posted to.
const PATH: &str = "/v1/traces";

/// An `https://` or `http://` URL without credentials and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpUrl(String);

impl OtlpUrl {
    /// The URL that spans are posted to, whether the path was given with it or not.
    pub fn of_traces(&self) -> String {
        let base = self.0.trim_end_matches('/');
        let base = base.strip_suffix(PATH).unwrap_or(base);
        format!("{base}{PATH}")
    }
}

impl fmt::Display for OtlpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for OtlpUrl {
    const KIND: &'static str = "URL";

    fn from_text(text: &str) -> Result<Self, String> {
        let url = http_url(text, "http://collector:4318")?;
        if url.contains('?') {
            return Err("must not have a query".to_owned());
        }
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
    #[case("http://host:4318", "http://host:4318/v1/traces")]
    #[case("http://host:4318/", "http://host:4318/v1/traces")]
    #[case("http://host:4318/v1/traces", "http://host:4318/v1/traces")]
    #[case("http://host:4318/v1/traces/", "http://host:4318/v1/traces")]
    #[case(
        "https://otlp.example.com/tenant",
        "https://otlp.example.com/tenant/v1/traces"
    )]
    #[case("http://[::1]:4318", "http://[::1]:4318/v1/traces")]
    fn the_path_is_added_unless_it_is_there(#[case] text: &str, #[case] url: &str) {
        assert_eq!(OtlpUrl::from_text(text).unwrap().of_traces(), url);
    }

    #[rstest]
    #[case("collector:4318")]
    #[case("grpc://collector:4317")]
    #[case("http://")]
    #[case("http://user:secret@collector:4318")]
    #[case("http://collector:4318/?key=secret")]
    fn anything_else_is_refused_without_repeating_it(#[case] text: &str) {
        let reason = OtlpUrl::from_text(text).unwrap_err();
        assert!(!reason.contains("secret"), "{reason}");
    }

    proptest! {
        #[test]
        fn every_url_survives_being_written_and_read(text in "\\PC*|https?://[a-z.:@\\[\\]/?]{1,20}") {
            if let Ok(url) = OtlpUrl::from_text(&text) {
                prop_assert!(url.of_traces().ends_with("/v1/traces"));
                prop_assert_eq!(OtlpUrl::from_text(&url.to_string()), Ok(url));
            }
        }
    }
}
