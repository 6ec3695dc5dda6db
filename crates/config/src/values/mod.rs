//! What a key's value can be: one type a kind, each with its parser.

mod api_keys;
mod collections;
mod duration;
mod key_set_url;
mod names;
mod network;
mod node_url;
mod origin;
mod otlp_url;
mod path_prefix;
mod rate;
mod ratio;
mod scalars;
mod secret;
mod size;
mod url;

pub use api_keys::ApiKeys;
pub use key_set_url::KeySetUrl;
pub use names::{ClaimName, CookieName, KeyPrefix, LogLevel, NodeId, OrgId};
pub use network::Network;
pub use node_url::NodeUrl;
pub use origin::Origin;
pub use otlp_url::OtlpUrl;
pub use path_prefix::PathPrefix;
pub use rate::{Rate, RateLimit};
pub use ratio::Ratio;
pub use secret::Secret;
pub use size::Size;
pub use url::{DatabaseBackend, DatabaseUrl, RedisUrl};

use crate::key::Secrecy;

/// A type that a key can have. Reasons of errors never repeat the value of a secret.
pub(crate) trait Value: Sized {
    /// What kind of value this is, in words that follow "expected a".
    const KIND: &'static str;
    /// The same for a list of them.
    const LIST_KIND: &'static str = "list";
    /// The only values there are; empty when there are too many to list.
    const CHOICES: &'static [&'static str] = &[];
    /// Whether it is written as a TOML table.
    const TABLE: bool = false;
    /// How much of it may be shown.
    const SECRECY: Secrecy = Secrecy::Public;

    /// Reads the text of an environment variable, or of a TOML string.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads what a TOML file holds.
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            other => Err(expected::<Self>(other)),
        }
    }

    /// The value of a key that nobody sets and that has no default; `None` if it needs one.
    fn unset() -> Option<Self> {
        None
    }

    /// How it is written in a file; `None` when it is not set.
    fn to_toml(&self) -> Option<toml::Value>;

    /// The same, with nothing secret in it.
    fn shown(&self) -> Option<toml::Value> {
        self.to_toml()
    }

    /// The number that a range is about: itself, milliseconds or bytes.
    fn magnitude(&self) -> Option<u128> {
        None
    }
}

fn expected<T: Value>(found: &toml::Value) -> String {
    format!("expected a {}, found a TOML {}", T::KIND, found.type_str())
}

/// An enum whose values are written as words.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ pub enum $name:ident {
        $($(#[doc = $variant_doc:literal])+ $variant:ident = $text:literal),+ $(,)?
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $variant_doc])+ $variant),+ }

        impl $name {
            /// How it is written in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::values::Value for $name {
            const KIND: &'static str = "word";
            const LIST_KIND: &'static str = "list of words";
            const CHOICES: &'static [&'static str] = &[$($text),+];

            fn from_text(text: &str) -> Result<Self, String> {
                match text.trim() {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("must be one of {}", Self::CHOICES.join(", "))),
                }
            }

            fn to_toml(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.as_str().to_owned()))
            }
        }
    };
}
pub(crate) use choice;
