//! What every store must do, whichever database it has: each test runs on PostgreSQL and SQLite.
//!
//! PostgreSQL comes from `cargo run -p switchboard-testkit -- run cargo nextest run …`.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is unexpected ends them"
)]

mod altering;
mod appending;
mod changing;
mod conversations;
mod failing;
mod growing;
mod listing;
mod makers;
mod many_nodes;
mod presence;
mod queueing;
mod reaching;
mod reacting;
mod reading;
mod receipts;
mod repeating;
mod revoking;
mod schema;
mod searching;
mod several;
mod syncing;
mod tenants;
mod world;

/// Makes each of these functions a test on each database. A function that is not named here is
/// dead code, which the compiler refuses.
macro_rules! on_both_databases {
    ($($test:ident),* $(,)?) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::world::World::on_postgres().await).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::world::World::on_sqlite().await).await;
            })*
        }
    };
}
pub(crate) use on_both_databases;
