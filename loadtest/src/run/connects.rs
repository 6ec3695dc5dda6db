//! Getting in.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};

use crate::connection::{Connection, Reason};
use crate::figures::count;
use crate::member::Company;

/// The event that says that a socket is in.
const READY: &str = "session:ready";

/// How one member gets in.
pub(super) struct Door {
    pub(super) endpoint: String,
    pub(super) token: Result<String, Reason>,
    /// Microseconds since the run began, in an open loop.
    pub(super) due: u64,
    /// In a closed loop: how many may try at a time.
    pub(super) crowd: Option<Arc<Semaphore>>,
    pub(super) patience: Duration,
}

/// Gets in when it is due. `None` is a failure, which has been counted.
pub(super) async fn enter(door: Door, number: u32, company: &Company) -> Option<Connection> {
    let permit = match &door.crowd {
        Some(crowd) => crowd.acquire().await.ok(),
        None => None,
    };
    let due = if permit.is_some() {
        company.now()
    } else {
        let due = company.epoch + Duration::from_micros(door.due);
        sleep_until(due.into()).await;
        door.due
    };
    let opened = match &door.token {
        Ok(token) => Connection::open(&door.endpoint, token, READY, door.patience).await,
        Err(reason) => Err(reason.clone()),
    };
    let took = company.now().saturating_sub(due);
    let mut figures = company.ledger.of(number);
    match opened {
        Ok(connection) => {
            figures.connect.saturating_record(took);
            company.live.ready.add();
            Some(connection)
        }
        Err(reason) => {
            count(&mut figures.failed, reason);
            company.live.failed.add();
            None
        }
    }
}

/// Stays for a while and leaves. What is heard meanwhile is of no interest.
pub(super) async fn stay(
    mut connection: Connection,
    hold: Duration,
    number: u32,
    company: &Company,
) {
    let ended = timeout(hold, async {
        loop {
            if let Err(reason) = connection.next().await {
                return reason;
            }
        }
    });
    match ended.await {
        Ok(reason) => {
            company.live.ended.add();
            count(&mut company.ledger.of(number).ended, reason);
        }
        Err(_) => connection.close(Duration::from_secs(1)).await,
    }
}
