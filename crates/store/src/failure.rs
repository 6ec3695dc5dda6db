//! What can go wrong below a store method, and what its caller gets to hear.

use sqlx::error::DatabaseError;
use switchboard_messaging::store::{Refusal, StoreError};

/// A refusal, or an error of the database that nobody has judged yet.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(StoreError),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal.into())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Database(error) => judge(&error),
        }
    }
}

impl Failure {
    /// Whether the database undid the transaction only because of another one, so that the same
    /// again may well succeed.
    pub(crate) fn lost_a_race(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        // Deadlock and serialization failure of PostgreSQL; SQLITE_BUSY_SNAPSHOT.
        matches!(error.code().as_deref(), Some("40P01" | "40001" | "517"))
    }

    /// Whether a lock was waited for in vain (`lock_not_available` of PostgreSQL).
    pub(crate) fn is_of_a_lock(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().as_deref() == Some("55P03")
    }
}

/// An error of something that the database said and that does not make sense.
pub(crate) fn nonsense(what: impl Into<String>) -> Failure {
    Failure::Store(StoreError::Internal(what.into()))
}

/// Whether it is the database that is away or busy, or a defect of ours.
pub(crate) fn judge(error: &sqlx::Error) -> StoreError {
    let away = match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => is_away(error.as_ref()),
        _ => false,
    };
    if away {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Internal(error.to_string())
    }
}

fn is_away(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else {
        return false;
    };
    match code.len() {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, rollback
        // because of others, resources, not in this state (lock timeout), operator intervention
        // (shutdown, statement timeout), system error; then: read-only, which is what a standby
        // says, and authorization, which comes and goes with rotated passwords.
        5 => {
            ["08", "40", "53", "55", "57", "58", "28"]
                .iter()
                .any(|class| code.starts_with(class))
                || code == "25006"
        }
        // https://sqlite.org/rescode.html: the low byte is the class. Busy, locked, read-only,
        // interrupted, I/O error, disk full, cannot open.
        _ => code
            .parse::<i32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 9 | 10 | 13 | 14)),
    }
}
