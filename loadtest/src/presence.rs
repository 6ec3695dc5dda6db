//! Users who change, and watchers who are subscribed to them.

mod board;
mod user;
mod watcher;

use crate::company::{Company, Role};
use crate::connection::Reason;
use crate::figures::Counts;
use crate::member::Outcome;
use crate::stream::Stream;

pub(crate) use board::Board;
pub(crate) use user::{User, Ways};
pub(crate) use watcher::Watcher;

/// What is left of somebody who is in no room.
fn outcome(company: &Company, number: u32, ended: Option<Reason>, pings: u64) -> Outcome {
    let stayed = ended.is_none();
    if let Some(reason) = ended {
        company.live.ended.add();
        company.ledger.of(number).count(Counts::Ended, reason);
    }
    Outcome {
        number,
        role: Role::Steady,
        stream: Stream::default(),
        stayed,
        unanswered: 0,
        unsent: 0,
        pings,
    }
}
