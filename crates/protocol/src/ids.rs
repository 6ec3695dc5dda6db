//! Identifiers. Users and organizations are named by the token's issuer; everything that the
//! gateway makes itself is a UUIDv7.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest user or organization id, in characters.
pub const MAX_NAME: usize = 128;

/// Why a user or organization id was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 characters of A-Z a-z 0-9 _ . @ : -")]
pub struct InvalidName;

/// The same as a regular expression, but for the length.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9_.@:-]+$";

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.@:-".contains(&b))
}

macro_rules! name {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id, if `text` is 1 to 128 characters of `A-Za-z0-9_.@:-`.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": concat!($($doc),*).trim(),
                    "type": "string",
                    "pattern": NAME_PATTERN,
                    "minLength": 1,
                    "maxLength": MAX_NAME,
                })
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The `sub` claim: who it is, unique within an organization.
    UserId
}
name! {
    /// The `org` claim: the tenant that everything belongs to.
    OrganizationId
}

macro_rules! uuid_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": concat!($($doc),*).trim(),
                    "type": "string",
                    "format": "uuid",
                })
            }
        }
    };
}

uuid_id! {
    /// A conversation's id (UUIDv7).
    ConversationId
}
uuid_id! {
    /// A message's id (UUIDv7).
    MessageId
}
uuid_id! {
    /// The id of an event in a user's offline queue (UUIDv7).
    QueuedEventId
}
uuid_id! {
    /// A notification's id (UUIDv7).
    NotificationId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_128_characters() {
        assert!(UserId::new("").is_err());
        assert!(UserId::new("a").is_ok());
        assert!(UserId::new(&"a".repeat(128)).is_ok());
        assert!(UserId::new(&"a".repeat(129)).is_err());
    }

    #[test]
    fn a_name_has_only_harmless_characters() {
        assert!(UserId::new("Ann_9.b@x:y-z").is_ok());
        for bad in ["a b", "a/b", "a{b", "ä", "a\n", "a*"] {
            assert!(UserId::new(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
