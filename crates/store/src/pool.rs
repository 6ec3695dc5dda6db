//! Connections to PostgreSQL that are kept. One that comes back with nothing left to hear is lent
//! again as it is: a round trip at each return would be as many as there are statements.

use std::fmt;
use std::time::{Duration, Instant};

use deadpool::managed::{
    Manager, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long a call may wait for a connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one that was given back in the middle of something may take until it is ready again; a
/// place of the pool is taken meanwhile.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that nobody used for this long is asked whether it is still there before it is used: no
/// database goes away and comes back faster.
const ASKED_WHEN_IDLE_FOR: Duration = Duration::from_millis(100);
/// How often it is looked for connections that are not needed, or old.
const LOOK: Duration = Duration::from_mins(1);
const NOT_NEEDED_AFTER: Duration = Duration::from_mins(10);
/// Servers behind one address change, and what a server keeps for a connection only grows.
const OLD_AFTER: Duration = Duration::from_mins(30);

/// The connections. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    inner: deadpool::managed::Pool<Connections>,
    /// Whoever has a connection.
    borrowers: TaskTracker,
}

struct Connections {
    options: PgConnectOptions,
}

/// Without the options: there may be a password in them.
impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// A connection of the pool.
#[derive(Debug)]
struct Pooled {
    connection: PgConnection,
    /// Since when nobody has it.
    idle_since: Instant,
}

impl Manager for Connections {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Pooled, sqlx::Error> {
        // It is large, seldom needed, and would be part of every call's future.
        let connection = Box::pin(self.options.connect()).await?;
        Ok(Pooled {
            connection,
            idle_since: Instant::now(),
        })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if pooled.idle_since.elapsed() < ASKED_WHEN_IDLE_FOR {
            return Ok(());
        }
        pooled
            .connection
            .ping()
            .await
            .map_err(RecycleError::Backend)
    }
}

impl Pool {
    /// Connects when it is first asked: a node can start before its database.
    pub(crate) fn new(options: PgConnectOptions, most: usize) -> Result<Self, sqlx::Error> {
        let inner = deadpool::managed::Pool::builder(Connections { options })
            .max_size(most.max(1))
            // Those that are not needed are found by their idleness.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let borrowers = TaskTracker::new();
        Ok(Self { inner, borrowers })
    }

    /// One for the caller alone.
    pub(crate) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        let token = self.borrowers.token();
        // For all of it: a place, and a connection that is made or asked.
        let getting = tokio::time::timeout(ACQUIRE_TIMEOUT, self.inner.get()).await;
        let got = getting.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let object = got.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => sqlx::Error::PoolClosed,
            _ => sqlx::Error::PoolTimedOut,
        })?;
        Ok(Lent {
            object: Some((object, token)),
            is_answered: true,
            in_transaction: false,
            borrowers: self.borrowers.clone(),
        })
    }

    /// Closes those that are not needed, and those that are old, until `stop`.
    pub(crate) async fn tidy(self, stop: CancellationToken) {
        let tidying = async {
            let mut looks = tokio::time::interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                self.close_idle(NOT_NEEDED_AFTER, OLD_AFTER).await;
            }
        };
        stop.run_until_cancelled(tidying).await;
    }

    async fn close_idle(&self, idle_for: Duration, old: Duration) {
        let is_kept = |pooled: &Pooled, metrics: Metrics| {
            pooled.idle_since.elapsed() < idle_for && metrics.age() < old
        };
        for pooled in self.inner.retain(is_kept).removed {
            // It is gone either way.
            let _ = tokio::time::timeout(SETTLE_TIMEOUT, pooled.connection.close()).await;
        }
    }

    /// Lends none any more, waits for those that are lent, and closes all.
    pub(crate) async fn close(&self) {
        self.close_idle(Duration::ZERO, Duration::ZERO).await;
        self.inner.close();
        self.borrowers.close();
        self.borrowers.wait().await;
    }
}

/// A connection that somebody has. When this is dropped the next one gets it: at once when all that
/// was asked has been answered, otherwise when that is so.
#[derive(Debug)]
pub(crate) struct Lent {
    object: Option<(Object<Connections>, TaskTrackerToken)>,
    is_answered: bool,
    in_transaction: bool,
    borrowers: TaskTracker,
}

impl Lent {
    /// To ask something: [`answered`](Self::answered) says that all of the answer was heard.
    pub(crate) fn asks(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.is_answered = false;
        let (object, _) = self.object.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        Ok(&mut object.connection)
    }

    pub(crate) fn answered(&mut self) {
        self.is_answered = true;
    }

    /// Begins a transaction, which is undone unless it is committed. When `patience` is given, a
    /// lock is waited for no longer than this; said together with `begin`, it costs no round trip.
    pub(crate) async fn begin(&mut self, patience: Option<Duration>) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        let begin = match patience {
            None => "begin".to_owned(),
            // Zero would be for ever.
            Some(patience) => {
                let millis = patience.as_millis().max(1);
                format!("begin; set local lock_timeout = {millis}")
            }
        };
        self.asks()?.execute(AssertSqlSafe(begin)).await?;
        self.answered();
        Ok(())
    }

    /// Commits the transaction, if there is one.
    pub(crate) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        if !self.in_transaction {
            return Ok(());
        }
        self.asks()?.execute("commit").await?;
        self.answered();
        self.in_transaction = false;
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some((mut object, token)) = self.object.take() else {
            return;
        };
        if self.is_answered && !self.in_transaction {
            object.idle_since = Instant::now();
            return;
        }
        let in_transaction = self.in_transaction;
        // Where nothing can be waited for, it is closed.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return drop(Object::take(object));
        };
        let settling = async move {
            let settled = settle(&mut object.connection, in_transaction);
            match tokio::time::timeout(SETTLE_TIMEOUT, settled).await {
                Ok(Ok(())) => object.idle_since = Instant::now(),
                // Without a goodbye, which it might not hear either.
                _ => drop(Object::take(object)),
            }
            drop(token);
        };
        self.borrowers.spawn_on(settling, &runtime);
    }
}

/// Hears what is left to hear, and undoes what was not committed.
async fn settle(connection: &mut PgConnection, in_transaction: bool) -> Result<(), sqlx::Error> {
    if in_transaction {
        connection.execute("rollback").await?;
    }
    connection.ping().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::AssertSqlSafe;

    const LONG: Duration = Duration::from_mins(1);

    async fn pool(most: usize) -> Pool {
        let url = switchboard_testkit::postgres::fresh_database().await.url;
        let pool = Pool::new(crate::postgres::connect_options(&url).unwrap(), most).unwrap();
        run(&mut pool.lend().await.unwrap(), "create table t (n int)").await;
        pool
    }

    async fn run(lent: &mut Lent, sql: &'static str) {
        lent.asks().unwrap().execute(sql).await.unwrap();
        lent.answered();
    }

    async fn number(lent: &mut Lent, sql: &'static str) -> i64 {
        let query = sqlx::query_scalar(sql);
        let number = query.fetch_one(lent.asks().unwrap()).await.unwrap();
        lent.answered();
        number
    }

    const SERVED_BY: &str = "select pg_backend_pid()::bigint";

    #[tokio::test]
    async fn a_connection_is_lent_again_and_there_are_no_more_than_the_most() {
        let pool = pool(2).await;
        let (mut a, mut b) = (pool.lend().await.unwrap(), pool.lend().await.unwrap());
        let (first, second) = (
            number(&mut a, SERVED_BY).await,
            number(&mut b, SERVED_BY).await,
        );
        assert_ne!(first, second);
        assert!(matches!(pool.lend().await, Err(sqlx::Error::PoolTimedOut)));
        drop(a);
        let mut again = pool.lend().await.unwrap();
        assert_eq!(number(&mut again, SERVED_BY).await, first);
    }

    #[tokio::test]
    async fn what_was_not_committed_is_undone() {
        let pool = pool(1).await;
        for (commits, rows) in [(false, 0), (true, 1)] {
            let mut lent = pool.lend().await.unwrap();
            lent.begin(None).await.unwrap();
            run(&mut lent, "insert into t values (1)").await;
            if commits {
                lent.commit().await.unwrap();
            }
            drop(lent);
            let mut lent = pool.lend().await.unwrap();
            assert_eq!(number(&mut lent, "select count(*) from t").await, rows);
        }
    }

    #[tokio::test]
    async fn one_that_is_given_back_in_the_middle_of_a_statement_is_lent_when_it_is_over_or_replaced()
     {
        // One statement ends in time, the other does not.
        for (statement, is_same) in [
            ("select pg_sleep(0.3)", true),
            ("select pg_sleep(5)", false),
        ] {
            let pool = pool(1).await;
            let mut lent = pool.lend().await.unwrap();
            let first = number(&mut lent, SERVED_BY).await;
            let asked = lent.asks().unwrap().execute(statement);
            let given_up = tokio::time::timeout(Duration::from_millis(50), asked).await;
            assert!(given_up.is_err());
            drop(lent);
            // Whoever comes first may find the only place taken.
            let mut lent = match pool.lend().await {
                Err(_) => pool.lend().await.unwrap(),
                Ok(lent) => lent,
            };
            assert_eq!(number(&mut lent, "select 7::bigint").await, 7);
            assert_eq!(number(&mut lent, SERVED_BY).await == first, is_same);
        }
    }

    #[tokio::test]
    async fn one_that_died_while_nobody_had_it_is_replaced() {
        let pool = pool(2).await;
        let mut other = pool.lend().await.unwrap();
        let mut lent = pool.lend().await.unwrap();
        let dead = number(&mut lent, SERVED_BY).await;
        drop(lent);
        let kill = format!("select pg_terminate_backend({dead})");
        let killed = other.asks().unwrap().execute(AssertSqlSafe(kill)).await;
        killed.unwrap();
        tokio::time::sleep(ASKED_WHEN_IDLE_FOR).await;
        let mut lent = pool.lend().await.unwrap();
        assert_ne!(number(&mut lent, SERVED_BY).await, dead);
    }

    #[tokio::test]
    async fn those_that_are_idle_or_old_are_closed_and_others_stay() {
        let pool = pool(1).await;
        let served_by = async || number(&mut pool.lend().await.unwrap(), SERVED_BY).await;
        let first = served_by().await;
        pool.close_idle(LONG, LONG).await;
        assert_eq!(served_by().await, first);
        pool.close_idle(Duration::ZERO, LONG).await;
        let second = served_by().await;
        assert_ne!(second, first);
        pool.close_idle(LONG, Duration::ZERO).await;
        assert_ne!(served_by().await, second);
    }

    #[tokio::test]
    async fn closing_waits_for_those_that_are_lent() {
        let pool = pool(1).await;
        let mut lent = pool.lend().await.unwrap();
        let closing = pool.close();
        tokio::pin!(closing);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut closing).await;
        assert!(early.is_err());
        run(&mut lent, "insert into t values (1)").await;
        drop(lent);
        closing.await;
        assert!(matches!(pool.lend().await, Err(sqlx::Error::PoolClosed)));
    }
}
