//! The schema: bringing it up to date, and saying whether it is.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{ConnectOptions, Connection, FromRow, PgConnection, SqliteConnection};
use switchboard_messaging::store::{StoreError, StoreResult};

use crate::failure::judge;
use crate::{Backend, postgres, sqlite};

/// Its own lock is a statement that waits, and `create index concurrently` waits for statements: two
/// processes that migrate would wait for each other.
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../../migrations/postgres");
    migrator.set_locking(false).set_ignore_missing(true);
    migrator
});
static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../../migrations/sqlite");
    migrator.set_ignore_missing(true);
    migrator
});

/// How a database's schema compares with what this binary was built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// They are the same.
    Fits,
    /// These migrations are yet to be applied.
    Pending(Vec<String>),
    /// A newer binary has applied these, which this one does not know. Migrations only ever expand
    /// what the release before them relies on (see `migrations/README.md`), so that during a
    /// rolling update the older binary may go on.
    Newer(Vec<String>),
    /// A newer binary has applied these, and they took away what this one may need.
    TooNew(Vec<String>),
}

/// What the description of a migration begins with that takes something away.
const CONTRACTS: &str = "contract ";

/// Applies all pending migrations under a lock that makes other processes wait; their names. To a newer
/// schema nothing is done: the binary can use it, and this may be the way back from an upgrade.
pub async fn migrate(url: &str) -> StoreResult<Vec<String>> {
    let before = pending(url).await?;
    match Backend::of(url)? {
        Backend::Postgres => {
            let mut connection = connect_postgres(url).await?;
            lock(&mut connection).await.map_err(|error| judge(&error))?;
            let done = POSTGRES.run_direct(None, &mut connection, false).await;
            close(connection).await;
            done
        }
        Backend::Sqlite => {
            sqlite::make_folder(&sqlite::file(url)?).await?;
            let mut connection = connect_sqlite(url).await?;
            let done = SQLITE.run_direct(None, &mut connection, false).await;
            close(connection).await;
            done
        }
    }
    .map_err(migration_failed)?;
    Ok(before)
}

/// Key of the advisory lock of whoever migrates: "switchbd".
const LOCK: i64 = 0x7377_6974_6368_6264;
/// Pause before it is asked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// Waits until nobody else migrates; the lock goes with the connection.
async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    loop {
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if taken {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Names of the migrations that [`migrate`] would apply now; changes nothing.
pub async fn pending(url: &str) -> StoreResult<Vec<String>> {
    let applied = applied(url).await?;
    Ok(missing(Backend::of(url)?, &applied))
}

/// How the schema compares with what this binary was built for.
pub async fn schema_state(url: &str) -> StoreResult<SchemaState> {
    let backend = Backend::of(url)?;
    let applied = applied(url).await?;
    let missing = missing(backend, &applied);
    if !missing.is_empty() {
        return Ok(SchemaState::Pending(missing));
    }
    let unknown = applied
        .iter()
        .filter(|(version, _)| !migrator(backend).version_exists(**version));
    let (contracts, expands): (Vec<_>, Vec<_>) =
        unknown.partition(|(_, description)| description.starts_with(CONTRACTS));
    let names = |some: Vec<(&i64, &String)>| -> Vec<String> {
        let named = some.into_iter().map(|(version, what)| name(*version, what));
        named.collect()
    };
    Ok(if !contracts.is_empty() {
        SchemaState::TooNew(names(contracts))
    } else if !expands.is_empty() {
        SchemaState::Newer(names(expands))
    } else {
        SchemaState::Fits
    })
}

fn migrator(backend: Backend) -> &'static Migrator {
    match backend {
        Backend::Postgres => LazyLock::force(&POSTGRES),
        Backend::Sqlite => LazyLock::force(&SQLITE),
    }
}

/// Version and description of what was applied.
type Applied = BTreeMap<i64, String>;

/// How many migrations this binary has for a database.
pub fn known_migrations(url: &str) -> StoreResult<usize> {
    Ok(migrator(Backend::of(url)?).iter().count())
}

fn missing(backend: Backend, applied: &Applied) -> Vec<String> {
    migrator(backend)
        .iter()
        .filter(|migration| !applied.contains_key(&migration.version))
        .map(|migration| name(migration.version, &migration.description))
        .collect()
}

/// The migration's file name without `.sql`.
fn name(version: i64, description: &str) -> String {
    format!("{version:04}_{}", description.replace(' ', "_"))
}

#[derive(FromRow)]
struct AppliedRow {
    version: i64,
    description: String,
}

#[derive(FromRow)]
struct TableRow {
    name: String,
}

const APPLIED: &str =
    "select version, description from _sqlx_migrations where success order by version";

async fn applied(url: &str) -> StoreResult<Applied> {
    let rows = match Backend::of(url)? {
        Backend::Postgres => {
            let mut connection = connect_postgres(url).await?;
            let rows = applied_in_postgres(&mut connection).await;
            close(connection).await;
            rows
        }
        // Looking must not make a file.
        Backend::Sqlite if !sqlite::file(url)?.exists() => return Ok(Applied::new()),
        Backend::Sqlite => {
            let mut connection = connect_sqlite(url).await?;
            let rows = applied_in_sqlite(&mut connection).await;
            close(connection).await;
            rows
        }
    }
    .map_err(|error| judge(&error))?;
    Ok(rows
        .into_iter()
        .map(|row| (row.version, row.description))
        .collect())
}

async fn applied_in_postgres(connection: &mut PgConnection) -> sqlx::Result<Vec<AppliedRow>> {
    let table: Option<TableRow> =
        sqlx::query_as("select to_regclass('_sqlx_migrations')::text as name where to_regclass('_sqlx_migrations') is not null")
            .fetch_optional(&mut *connection)
            .await?;
    match table.map(|table| table.name) {
        Some(_) => sqlx::query_as(APPLIED).fetch_all(connection).await,
        None => Ok(Vec::new()),
    }
}

async fn applied_in_sqlite(connection: &mut SqliteConnection) -> sqlx::Result<Vec<AppliedRow>> {
    let table: Option<TableRow> =
        sqlx::query_as("select name from sqlite_master where name = '_sqlx_migrations'")
            .fetch_optional(&mut *connection)
            .await?;
    match table.map(|table| table.name) {
        Some(_) => sqlx::query_as(APPLIED).fetch_all(connection).await,
        None => Ok(Vec::new()),
    }
}

async fn connect_postgres(url: &str) -> StoreResult<PgConnection> {
    let options = postgres::connect_options(url)?;
    options.connect().await.map_err(|error| judge(&error))
}

async fn connect_sqlite(url: &str) -> StoreResult<SqliteConnection> {
    let options = sqlite::connect_options(url)?;
    options.connect().await.map_err(|error| judge(&error))
}

async fn close(connection: impl Connection) {
    // The work is done or has failed already; a connection that cannot even say goodbye is gone.
    let _ = connection.close().await;
}

fn migration_failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => judge(&error),
        other => StoreError::Internal(other.to_string()),
    }
}
