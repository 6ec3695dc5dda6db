//! Every setting of a node: typed, validated with the place each value came from, and documented
//! from the same declaration that parses it.
//!
//! A key is declared once, as a field of its section's struct (`sections/*.rs`): the field's type is
//! the parser, its doc comment the description, and what follows `=` the default and its range.
//! Loading, `config default`, `config show` and the reference page all read that declaration.
//!
//! Values come from a TOML file and then from the environment (`SWITCHBOARD__SECTION__KEY`), which
//! wins. Every mistake is reported, not only the first.

mod environment;
mod file;
mod key;
mod reader;
mod render;
mod reserved;
mod rules;
mod sections;
mod settings;
mod source;
mod values;

pub use environment::process_environment;
pub use key::{Key, Secrecy, Section};
pub use render::{render_default, render_docs};
pub use reserved::{RESERVED, Reserved};
pub use sections::{
    Admin, Algorithm, AllowQueryToken, Auth, Database, Deletion, Environment, General, Http,
    Limits, LogFormat, Messages, Presence, Preset, Profile, Queue, RateLimits, Realtime, Recovery,
    Redis, SECTIONS, Sanitizer, Shutdown, Telemetry,
};
pub use settings::{Loaded, Settings};
pub use source::{ConfigErrors, Remark, Source};
pub use values::{
    ApiKeys, ClaimName, CookieName, DatabaseBackend, DatabaseUrl, KeyPrefix, KeySetUrl, LogLevel,
    Network, NodeId, NodeUrl, OrgId, Origin, OtlpUrl, PathPrefix, Rate, RateLimit, Ratio, RedisUrl,
    Secret, Size,
};
