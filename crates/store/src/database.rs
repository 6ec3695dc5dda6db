//! The one place that knows that there are two databases: everything above it says what it wants
//! as a [`Statement`] with [`Arg`]s and gets rows.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::failure::Failure;
use crate::pool::{Lent, Pool};
use crate::values::Arg;
use crate::{postgres, sqlite};

/// A statement in both dialects. Parameters are `$1`, `$2` … in both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

impl Statement {
    /// One that both understand.
    pub(crate) const fn both(sql: &'static str) -> Self {
        Self {
            postgres: sql,
            sqlite: sql,
        }
    }
}

/// A row that either database can give.
pub(crate) trait Fetched:
    for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl<T> Fetched for T where
    T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

/// Connections to one of the two.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Postgres(Pool),
    Sqlite {
        /// One connection: SQLite takes one writer at a time anyway, and queueing here is fair.
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

impl Database {
    /// A connection to read from.
    pub(crate) async fn read(&self) -> Result<Session, sqlx::Error> {
        Ok(match self {
            Self::Postgres(pool) => Session::Postgres(pool.lend().await?),
            Self::Sqlite { readers, .. } => {
                Session::Sqlite(Held::Connection(readers.acquire().await?))
            }
        })
    }

    /// A connection on which every statement commits by itself.
    pub(crate) async fn write(&self) -> Result<Session, sqlx::Error> {
        match self {
            Self::Postgres(_) => self.read().await,
            Self::Sqlite { writer, .. } => {
                Ok(Session::Sqlite(Held::Connection(writer.acquire().await?)))
            }
        }
    }

    /// A transaction to write in; undone when dropped before [`Session::commit`]. It reads what
    /// others have committed before each statement (READ COMMITTED), so what is read after taking
    /// a lock is the newest state.
    pub(crate) async fn transaction(&self) -> Result<Session, sqlx::Error> {
        self.transaction_with(None).await
    }

    /// A [`transaction`](Self::transaction) that fails when it waits for a lock for longer than
    /// `patience`. SQLite has but one lock, which the transaction has from its beginning.
    pub(crate) async fn transaction_with(
        &self,
        patience: Option<Duration>,
    ) -> Result<Session, sqlx::Error> {
        Ok(match self {
            Self::Postgres(pool) => {
                let mut lent = pool.lend().await?;
                lent.begin(patience).await?;
                Session::Postgres(lent)
            }
            // Taking the write lock at once: a transaction that begins as a reader cannot wait
            // for it later.
            Self::Sqlite { writer, .. } => Session::Sqlite(Held::Transaction(
                writer.begin_with("begin immediate").await?,
            )),
        })
    }

    /// Waits for running statements and closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// A connection to SQLite, with or without a transaction around what it does.
#[derive(Debug)]
pub(crate) enum Held {
    Connection(PoolConnection<Sqlite>),
    Transaction(Transaction<'static, Sqlite>),
}

impl Deref for Held {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A conversation with the database.
pub(crate) enum Session {
    Postgres(Lent),
    Sqlite(Held),
}

impl Session {
    /// All rows of a query.
    pub(crate) async fn all<T: Fetched>(
        &mut self,
        statement: &Statement,
        args: Vec<Arg>,
    ) -> Result<Vec<T>, Failure> {
        let rows = match self {
            Self::Postgres(lent) => {
                let args = postgres::bind(args)?;
                let rows = sqlx::query_as_with(statement.postgres, args)
                    .fetch_all(lent.asks()?)
                    .await?;
                lent.answered();
                rows
            }
            Self::Sqlite(held) => {
                let args = sqlite::bind(args)?;
                sqlx::query_as_with(statement.sqlite, args)
                    .fetch_all(&mut **held)
                    .await?
            }
        };
        Ok(rows)
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn first<T: Fetched>(
        &mut self,
        statement: &Statement,
        args: Vec<Arg>,
    ) -> Result<Option<T>, Failure> {
        let row = match self {
            Self::Postgres(lent) => {
                let args = postgres::bind(args)?;
                let row = sqlx::query_as_with(statement.postgres, args)
                    .fetch_optional(lent.asks()?)
                    .await?;
                lent.answered();
                row
            }
            Self::Sqlite(held) => {
                let args = sqlite::bind(args)?;
                sqlx::query_as_with(statement.sqlite, args)
                    .fetch_optional(&mut **held)
                    .await?
            }
        };
        Ok(row)
    }

    /// Changes rows; how many.
    pub(crate) async fn execute(
        &mut self,
        statement: &Statement,
        args: Vec<Arg>,
    ) -> Result<u64, Failure> {
        Ok(match self {
            Self::Postgres(lent) => {
                let args = postgres::bind(args)?;
                let done = sqlx::query_with(statement.postgres, args)
                    .execute(lent.asks()?)
                    .await?;
                lent.answered();
                done.rows_affected()
            }
            Self::Sqlite(held) => {
                let args = sqlite::bind(args)?;
                sqlx::query_with(statement.sqlite, args)
                    .execute(&mut **held)
                    .await?
                    .rows_affected()
            }
        })
    }

    /// Makes what was written durable and visible; where every statement commits by itself there is
    /// nothing to do.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Postgres(mut lent) => lent.commit().await?,
            Self::Sqlite(Held::Transaction(transaction)) => transaction.commit().await?,
            Self::Sqlite(Held::Connection(_)) => {}
        }
        Ok(())
    }
}
