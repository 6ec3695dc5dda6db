//! A value that never gets into a log, an error or `config show`.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Value;
use crate::key::Secrecy;

/// What is shown in place of a secret.
pub(crate) const REDACTED: &str = "***";

/// Holds a secret; debugging or serializing it gives `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Takes the secret in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself. Whoever calls this keeps it out of logs.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl Value for Secret<String> {
    const KIND: &'static str = "secret";
    const SECRECY: Secrecy = Secrecy::Whole;

    fn from_text(text: &str) -> Result<Self, String> {
        String::from_text(text).map(Self)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.0.clone()))
    }

    fn shown(&self) -> Option<toml::Value> {
        Some(toml::Value::String(REDACTED.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_is_exposed_only_on_demand(text in "[a-zA-Z0-9]{4,64}") {
            let secret = Secret::<String>::from_text(&text).unwrap();
            prop_assert_eq!(secret.expose(), &text);
            let told = format!(
                "{secret:?} {} {:?}",
                serde_json::to_string(&secret).unwrap(),
                secret.shown(),
            );
            prop_assert!(!told.contains(&text), "{}", told);
        }
    }

    #[test]
    fn a_secret_is_shown_as_three_stars() {
        let secret = Secret::new("correct horse".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }
}
