//! Again, when the database gave up a transaction only because of another one.

use crate::failure::Failure;

/// How often a transaction is tried before its caller hears of it.
const ATTEMPTS: usize = 4;

/// Runs `work`, and again while it loses races.
pub(crate) async fn retried<T, F>(mut work: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    for _ in 1..ATTEMPTS {
        match work().await {
            Err(failure) if failure.lost_a_race() => {}
            done => return done,
        }
    }
    work().await
}
