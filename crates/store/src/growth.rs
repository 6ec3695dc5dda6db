//! Plans of statements while a new database grows.
//!
//! Statements find rows by keys, whatever their parameters are, so one plan does for all of them; made
//! anew each time, as PostgreSQL prefers with lists, a plan takes longer than carrying it out. But a plan
//! is made for tables as they are at that time: when they are empty any index seems as good as another,
//! and one that reads a whole conversation would be kept while that grows. `analyze` has every connection
//! plan anew. Autovacuum does that, too, but looks once a minute, when a table can have 100,000 rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::pool::Pool;

/// `plan_cache_mode` of each connection.
pub(crate) const PLANS: &str = "force_generic_plan";

/// How often it is looked whether there is more.
const LOOK: Duration = Duration::from_secs(1);
/// After so many messages, and after each doubling.
const FIRST: u64 = 250;
/// Larger tables are left to autovacuum: no plan changes from there on.
const LARGE: i64 = 64 << 20;
/// The tables in which conversations are looked for.
const TABLES: [&str; 4] = ["conversations", "members", "messages", "changes"];

/// How many messages this node stored. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored(Arc<AtomicU64>);

impl Stored {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Has plans made anew as messages become more, until they are many or `stop`.
pub(crate) async fn watch(pool: Pool, stored: Stored, stop: CancellationToken) {
    let watching = async {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = FIRST;
        loop {
            looks.tick().await;
            if stored.get() < next {
                continue;
            }
            next = stored.get() * 2;
            // After an error it is done with the next doubling, or by autovacuum.
            if let Ok(false) = plan_anew(&pool).await {
                return;
            }
        }
    };
    stop.run_until_cancelled(watching).await;
}

/// Whether the tables are still small.
async fn plan_anew(pool: &Pool) -> Result<bool, sqlx::Error> {
    let size = "select pg_relation_size('messages')";
    let mut lent = pool.lend().await?;
    let size: i64 = sqlx::query_scalar(size).fetch_one(lent.asks()?).await?;
    lent.answered();
    if size >= LARGE {
        return Ok(false);
    }
    let analyze = format!("analyze {}", TABLES.join(", "));
    sqlx::query(AssertSqlSafe(analyze))
        .execute(lent.asks()?)
        .await?;
    lent.answered();
    Ok(true)
}
