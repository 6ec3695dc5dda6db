//! Where messages are stored.

use std::time::Duration;

use super::section;
use crate::key::{derived, value};
use crate::values::DatabaseUrl;

section! {
    /// Where conversations and messages are stored.
    pub struct Database at "database", "database." {
        /// `sqlite://<path>` for a single node, `postgres://user:password@host:5432/name` for many.
        url: DatabaseUrl = value("sqlite://./data/switchboard.db");
        /// Most connections to the database that this node holds.
        max_connections: u32 = value("10").within("1", "1000");
        /// A statement that takes longer is cancelled. Whoever waits for it then gets `UNAVAILABLE`, which
        /// should not take them two seconds.
        statement_timeout: Duration = value("1500ms").within("100ms", "10m");
        /// Whether `serve` brings the schema up to date itself; otherwise run `switchboard migrate`.
        migrate_on_start: bool = derived(
            "`true` with SQLite and in development, `false` with PostgreSQL in production",
            |reader| {
                let production = reader.text("environment") == Some("production");
                let postgres = reader
                    .text("database.url")
                    .is_some_and(|url| url.starts_with("postgres"));
                if production && postgres { "false" } else { "true" }
            },
        );
    }
}
