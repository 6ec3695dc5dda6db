//! Getting in.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};

use crate::company::{Company, Seat};
use crate::connection::{Connection, Opened, Past};
use crate::figures::{Counts, Time};
use crate::member::GOODBYE;

/// When one member gets in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Microseconds since the run began, in an open loop.
    pub(super) due: u64,
    /// In a closed loop: how many may try at a time.
    pub(super) crowd: Option<Arc<Semaphore>>,
}

/// Gets in when it is due. `None` is a failure, which has been counted.
pub(super) async fn enter(door: Door, seat: &Seat, company: &Company) -> Option<Opened> {
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
    let (entrance, past) = (&company.entrance, Past::default());
    let way = entrance.way(seat.number, seat.role);
    let opened = match entrance.token(&company.user(seat.number), seat.role) {
        Ok(token) => Connection::open(way, &token, &past, entrance.patience).await,
        Err(reason) => Err(reason.into()),
    };
    let took = company.now().saturating_sub(due);
    let mut figures = company.ledger.of(seat.number);
    match opened {
        Ok(opened) => {
            figures.record(Time::Connect, took);
            company.live.ready.add();
            Some(opened)
        }
        Err(turned_away) => {
            figures.count(Counts::Failed, turned_away.reason);
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
            company.ledger.of(number).count(Counts::Ended, reason);
        }
        Err(_) => connection.close(GOODBYE).await,
    }
}
