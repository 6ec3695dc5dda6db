//! Finds out when a database that went away is back: one question at a time, nobody else asks.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use switchboard_messaging::Circuit;
use tokio_util::sync::CancellationToken;

use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::guard::Guard;

/// Between two probes, give or take a half: the nodes of a cluster do not ask all at once.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two calls of our own while all is well.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a probe may take.
const PATIENCE: Duration = Duration::from_secs(1);

const PING: Statement = Statement::both("select 1");

/// Whether the database answers.
pub(crate) async fn ping(database: &Database) -> Result<(), Failure> {
    let mut session = database.read().await?;
    session.execute(&PING, Vec::new()).await?;
    Ok(())
}

/// Whenever the circuit opens, probes until the database answers, and closes it; until `stop`.
/// While it is closed a call now and then finds out before the users do that the database is away.
pub(crate) async fn run(
    database: Database,
    circuit: Arc<Circuit>,
    guard: Guard,
    stop: CancellationToken,
) {
    let probing = async {
        loop {
            tokio::select! {
                () = circuit.opened() => probe(&database, &circuit).await,
                // Its failure is the circuit's to judge.
                () = tokio::time::sleep(HEARTBEAT) => drop(guard.run(ping(&database)).await),
            }
        }
    };
    // A probe in the middle is of no more use.
    let _ = stop.run_until_cancelled(probing).await;
}

/// One probe, and the pause after one that failed.
async fn probe(database: &Database, circuit: &Circuit) {
    circuit.half_open();
    let why = match tokio::time::timeout(PATIENCE, Box::pin(ping(database))).await {
        Ok(Ok(())) => return circuit.close(),
        Ok(Err(failure)) => switchboard_messaging::store::StoreError::from(failure).to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    circuit.open(&why);
    let jitter = rand::rng().random_range(0.5..1.5);
    tokio::time::sleep(PAUSE.mul_f64(jitter)).await;
}
