//! What an operator wants to know of a PostgreSQL, read on a connection of its own. Nothing is changed.

use std::fmt;

use sqlx::{ConnectOptions as _, Connection as _, FromRow, PgConnection};
use switchboard_messaging::store::{StoreError, StoreResult};
use switchboard_protocol::Timestamp;

use crate::failure::judge;
use crate::postgres;

/// Why PostgreSQL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresTrouble {
    /// It does not let the user in: wrong password, no such user, not from here.
    Credentials(String),
    /// There is no such database, or the user may not connect to it.
    Database(String),
    /// It cannot be connected to, or does not answer.
    Unreachable(String),
    /// It has no connection left.
    Full(String),
    /// Anything else.
    Other(String),
}

impl PostgresTrouble {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(told) => {
                let text = told.message().to_owned();
                // https://www.postgresql.org/docs/current/errcodes-appendix.html
                match told.code().as_deref() {
                    Some("28P01" | "28000") => Self::Credentials(text),
                    Some("3D000" | "42501") => Self::Database(text),
                    Some("53300") => Self::Full(text),
                    Some("57P03") => Self::Unreachable(text),
                    _ => Self::Other(text),
                }
            }
            sqlx::Error::Io(_) => Self::Unreachable(error.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for PostgresTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(text)
            | Self::Database(text)
            | Self::Unreachable(text)
            | Self::Full(text)
            | Self::Other(text) => f.write_str(text),
        }
    }
}

/// What a server says of itself to this user.
#[derive(Clone, Debug, FromRow)]
pub struct PostgresFacts {
    /// Such as `17.6`.
    pub version: String,
    /// The same as a number, 170006.
    pub version_number: i32,
    pub database: String,
    pub username: String,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
    /// Whether this user's transactions are read-only.
    pub is_read_only: bool,
    /// `on`, `off` or what else there is, for this user and database.
    pub synchronous_commit: String,
    pub fsync: String,
    pub full_page_writes: String,
    /// The most connections, less those that are kept for superusers.
    pub connections: i32,
    /// How many connections there are to all of its databases, of whomever.
    pub connected: i64,
}

const FACTS: &str = "select split_part(current_setting('server_version'), ' ', 1) as version, \
     current_setting('server_version_num')::int as version_number, \
     current_database()::text as database, current_user::text as username, \
     pg_is_in_recovery() as is_standby, \
     current_setting('default_transaction_read_only')::bool as is_read_only, \
     current_setting('synchronous_commit') as synchronous_commit, \
     current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes, \
     current_setting('max_connections')::int \
       - current_setting('superuser_reserved_connections')::int as connections, \
     (select count(*) from pg_stat_activity where backend_type = 'client backend') as connected";

/// A connection to a PostgreSQL.
#[derive(Debug)]
pub struct PostgresExamination(PgConnection);

impl PostgresExamination {
    /// Connects as a node does. There is no bound in time.
    pub async fn connect(url: &str) -> Result<Self, PostgresTrouble> {
        let unreadable = |error: StoreError| PostgresTrouble::Other(error.to_string());
        let options = postgres::connect_options(url).map_err(unreadable)?;
        let connected = options.connect().await;
        connected
            .map(Self)
            .map_err(|error| PostgresTrouble::of(&error))
    }

    /// What it says of itself.
    pub async fn facts(&mut self) -> StoreResult<PostgresFacts> {
        let facts = sqlx::query_as(FACTS).fetch_one(&mut self.0).await;
        facts.map_err(|error| judge(&error))
    }

    /// Its time.
    pub async fn time(&mut self) -> StoreResult<Timestamp> {
        let now = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
        let now = sqlx::query_scalar(now).fetch_one(&mut self.0).await;
        now.map(Timestamp::from_millis)
            .map_err(|error| judge(&error))
    }

    /// Closes the connection.
    pub async fn close(self) {
        // All is read by now.
        let _ = self.0.close().await;
    }
}
