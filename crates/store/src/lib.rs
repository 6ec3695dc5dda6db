//! [`Store`] over PostgreSQL and SQLite.
//!
//! Both databases share everything but their dialect: a `database::Statement` holds a query for
//! each (mostly the same one), a `database::Session` runs it, and the files named for what they do
//! (`conversations`, `several`, `altering`, `messages`, `batch`, `amend`, `reactions`, `receipts`, `presence`,
//! `revocations`, `search`, `statistics`, `sync`, `unread`) hold the rules, once.
//! `postgres` and `sqlite` hold what is particular to each.
//!
//! `seq` and `rev` have no gap because whoever wants the next one locks the conversation's row
//! first, and reads whatever it decides on after that, in another statement (`one_statement` says when one will do). Sends are decided by
//! a pure function (`plan`) for a whole batch at once: while one batch commits, the next one
//! gathers (`group_commit`; watermarks the same way in `marks`), so that a commit's `fsync` is shared and nothing waits on purpose.
//! Organizations have turns (`FairQueue`), and a conversation that somebody else has locked holds
//! up nobody but those who send to it (`group_commit::asides`).
//!
//! # How to add a method
//!
//! 1. Declare it in `switchboard_messaging::store::Store` and say there what it promises, which
//!    refusals it has, and in which order they are checked.
//! 2. If it needs a column or table, add a migration to both folders (`migrations/README.md`).
//! 3. Write it as `async fn (…, database: &Database, …) -> Result<T, Failure>` in the file of its
//!    topic. A read takes `database.read()`; one writing statement `database.write()`; anything
//!    that decides before it writes `database.transaction()`, locks the conversation first, and
//!    writes a `changes` row if it takes a `rev`. Every statement names the organization.
//! 4. Give it its line in `store.rs`: `timed`, and `retried` when it writes.
//! 5. Write its tests in `tests/conformance/`: each runs on both databases.

mod altering;
mod amend;
mod arrivals;
mod batch;
mod conversations;
mod database;
mod examination;
mod failure;
mod group_commit;
mod growth;
mod guard;
mod marks;
mod messages;
mod one_statement;
mod plan;
mod pool;
mod postgres;
mod presence;
mod prober;
mod queue;
mod reactions;
mod receipts;
mod requests;
mod retry;
mod revocations;
mod rows;
mod schema;
mod search;
mod several;
mod sqlite;
mod statistics;
mod store;
mod sync;
mod unread;
mod values;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use switchboard_messaging::store::{StoreError, StoreResult};
use switchboard_messaging::{Circuit, Store};

pub use examination::{PostgresExamination, PostgresFacts, PostgresTrouble};
pub use schema::{SchemaState, known_migrations, migrate, pending, schema_state};

/// Which database, and how much of it.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://path` or `postgres://user:password@host:port/database`.
    pub url: String,
    /// Most connections at a time. SQLite writes with one and reads with at most 8.
    pub max_connections: u32,
    /// How long a statement, and so a call, may take before it is `Unavailable`.
    pub statement_timeout: Duration,
}

/// Without the URL: there may be a password in it.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_connections", &self.max_connections)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

/// Opens a store; the URL's scheme says which. PostgreSQL is connected to when first asked
/// ([`Store::ping`] says whether it answers); SQLite's file is opened, and made if need be, at
/// once. The schema is not looked at: see [`schema_state`] and [`migrate`].
///
/// # Errors
///
/// `Internal` for a URL that cannot be read, `Unavailable` for a file that cannot be opened.
/// Neither shows the URL.
pub async fn open(options: Options) -> StoreResult<Arc<dyn Store>> {
    let deadline = options.statement_timeout;
    // Most connections are for everything else.
    let asides = (options.max_connections as usize / 4).clamp(1, 4);
    let store = match Backend::of(&options.url)? {
        Backend::Postgres => {
            let database = database::Database::Postgres(postgres::open(&options)?);
            let circuit = Circuit::new("postgres", pool::ACQUIRE_TIMEOUT.min(deadline));
            store::SqlStore::new(database, (deadline, asides), Some(circuit))
        }
        // It is in this process: it does not go away.
        Backend::Sqlite => {
            store::SqlStore::new(sqlite::open(&options).await?, (deadline, asides), None)
        }
    };
    Ok(Arc::new(store))
}

/// The file that an `sqlite://` URL names.
pub fn sqlite_file(url: &str) -> StoreResult<std::path::PathBuf> {
    sqlite::file(url)
}

/// Which of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Postgres,
    Sqlite,
}

impl Backend {
    fn of(url: &str) -> StoreResult<Self> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            _ => Err(StoreError::Internal(
                "the database URL must begin with sqlite:// or postgres://".to_owned(),
            )),
        }
    }
}
