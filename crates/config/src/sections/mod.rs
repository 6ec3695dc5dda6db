//! One struct a section. The macro turns each field into the key's declaration and its reading.

mod admin;
mod auth;
mod database;
mod general;
mod http;
mod limits;
mod messages;
mod presence;
mod queue;
mod rate_limits;
mod realtime;
mod recovery;
mod redis;
mod shutdown;
mod telemetry;

pub use admin::Admin;
pub use auth::{Algorithm, AllowQueryToken, Auth};
pub use database::Database;
pub use general::{Environment, General, Profile};
pub use http::Http;
pub use limits::Limits;
pub use messages::{Deletion, Messages, Sanitizer};
pub use presence::Presence;
pub use queue::Queue;
pub use rate_limits::{Preset, RateLimits};
pub use realtime::Realtime;
pub use recovery::Recovery;
pub use redis::Redis;
pub use shutdown::Shutdown;
pub use telemetry::{LogFormat, Telemetry};

use crate::key::Section;

/// Every section, in the order in which they are documented.
pub const SECTIONS: &[Section] = &[
    General::SECTION,
    Http::SECTION,
    Admin::SECTION,
    Database::SECTION,
    Redis::SECTION,
    Auth::SECTION,
    Realtime::SECTION,
    Presence::SECTION,
    Recovery::SECTION,
    Queue::SECTION,
    RateLimits::SECTION,
    Messages::SECTION,
    Limits::SECTION,
    Telemetry::SECTION,
    Shutdown::SECTION,
];

/// `struct Http at "http", "http."` is the section `[http]`, whose keys begin with `http.`. A field
/// is a key: its doc comment is the description, its type the parser, and what follows `=` the
/// default, the range and whether it can be reloaded.
macro_rules! section {
    ($(#[doc = $doc:literal])+ pub struct $name:ident at $table:literal, $prefix:literal {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty = $meta:expr;)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[doc = $field_doc])+ pub $field: $type),+ }

        impl $name {
            pub(crate) const SECTION: $crate::key::Section = $crate::key::Section {
                name: $table,
                doc: concat!($($doc),+),
                keys: Self::KEYS,
            };

            const KEYS: &'static [$crate::key::Key] = &[$($crate::key::Key {
                path: concat!($prefix, stringify!($field)),
                kind: <$type as $crate::values::Value>::KIND,
                choices: <$type as $crate::values::Value>::CHOICES,
                table: <$type as $crate::values::Value>::TABLE,
                secrecy: <$type as $crate::values::Value>::SECRECY,
                default: $meta.default,
                to_toml: |text| {
                    let value = <$type as $crate::values::Value>::from_text(text).ok()?;
                    $crate::values::Value::to_toml(&value)
                },
                range: $meta.range,
                reloadable: $meta.reloadable,
                doc: concat!($($field_doc),+),
            }),+];

            /// Reads every field before giving up on one, so that every mistake is noted.
            pub(crate) fn read(reader: &mut $crate::reader::Reader) -> Option<Self> {
                let mut keys = Self::KEYS.iter();
                $(let $field = keys.next().and_then(|key| reader.read::<$type>(key));)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}
use section;
