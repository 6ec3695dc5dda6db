//! What stands between a call and the database: its deadline, the circuit, and the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard_messaging::circuit::{Circuit, Cut, Verdict};
use switchboard_messaging::store::{StoreError, StoreResult};

use crate::failure::Failure;

/// What stands between a call and the database: its deadline, and the circuit.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) circuit: Option<Arc<Circuit>>,
    pub(crate) deadline: Duration,
}

impl Guard {
    /// Runs what asks the database. When it is given up, what became of a write is not known: it
    /// is not acked, and repeating it with the same client id is safe.
    pub(crate) fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> impl Future<Output = StoreResult<T>> {
        // It is large, and each layer around it would hold it again.
        let work = Box::pin(work);
        async {
            let work = async { work.await.map_err(StoreError::from) };
            let Some(circuit) = &self.circuit else {
                return self.in_time(work).await;
            };
            let run = circuit.run(self.deadline, work, verdict).await;
            run.map_err(|cut| match cut {
                Cut::Failed(error) => error,
                Cut::Late => late(),
                Cut::Open => StoreError::CircuitOpen,
            })
        }
    }

    /// Waits for what others ask the database.
    pub(crate) async fn wait<T>(
        &self,
        work: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        // Each layer around it would hold and move it again.
        let work = self.in_time(Box::pin(work));
        match &self.circuit {
            None => work.await,
            Some(circuit) => circuit
                .unless_open(work)
                .await
                .unwrap_or(Err(StoreError::CircuitOpen)),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let done = tokio::time::timeout(self.deadline, work).await;
        done.unwrap_or_else(|_| Err(late()))
    }
}

fn late() -> StoreError {
    StoreError::Unavailable("no answer in time".to_owned())
}

fn verdict(error: &StoreError) -> Verdict {
    match error {
        StoreError::Unavailable(_) => Verdict::Away,
        _ => Verdict::Answered,
    }
}

/// Measures what the database is asked under the name `operation`.
pub(crate) async fn measured<T>(
    operation: &'static str,
    work: impl Future<Output = StoreResult<T>>,
) -> StoreResult<T> {
    let _span = switchboard_trace::span("store").does(operation);
    let begun = Instant::now();
    let done = work.await;
    metrics::histogram!("switchboard_store_duration_seconds", "operation" => operation)
        .record(begun.elapsed().as_secs_f64());
    done
}
