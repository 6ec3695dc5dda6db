//! `presence:history`: when a user was there, as others saw it; one's own, or for operators anybody's.

use switchboard_protocol::answers::{self, PresenceSession, PresenceTotals};
use switchboard_protocol::calls::PresenceHistory;
use switchboard_protocol::{ErrorObject, PresenceStatus, Timestamp};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::Viewer;

/// More changes than that are too many for one answer.
const MOST_CHANGES: i64 = 1_000;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: PresenceHistory,
) -> Result<Outcome, ErrorObject> {
    let own = caller.viewer();
    if input.user != own.user && !caller.actor.is_operator() {
        let text = "only operators may see when others were there";
        return Err(ErrorObject::forbidden(text));
    }
    let viewer = Viewer {
        organization: own.organization.clone(),
        user: input.user,
    };
    let span = (input.from, input.to);
    let changes = app
        .store
        .presence_records(&viewer, span, MOST_CHANGES + 1)
        .await?;
    if changes.len() as i64 > MOST_CHANGES {
        let text = format!("there are more than {MOST_CHANGES} changes; ask for less time");
        return Err(ErrorObject::invalid("to", text));
    }
    Outcome::of(&history(&changes, span, app.clock.now()))
}

/// The sessions of a time, from its changes.
fn history(
    changes: &[(Timestamp, PresenceStatus)],
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> answers::PresenceHistory {
    let mut sessions: Vec<PresenceSession> = Vec::new();
    let mut status = PresenceStatus::Offline;
    for (at, next) in changes {
        if *next == status {
            continue;
        }
        status = *next;
        let at = (*at).max(from);
        if let Some(last) = sessions.last_mut().filter(|last| last.to.is_none()) {
            last.to = Some(at);
        }
        if status != PresenceStatus::Offline {
            sessions.push(PresenceSession {
                status,
                from: at,
                to: None,
            });
        }
    }
    // One that goes on beyond what was asked for ends with that.
    if let Some(last) = sessions.last_mut()
        && to <= now
    {
        last.to.get_or_insert(to);
    }
    sessions.retain(|session| session.to != Some(session.from));
    let totals = totals(&sessions, now);
    answers::PresenceHistory { sessions, totals }
}

fn totals(sessions: &[PresenceSession], now: Timestamp) -> PresenceTotals {
    let of = |status: PresenceStatus| -> i64 {
        let those = sessions.iter().filter(|session| session.status == status);
        let lengths = those.map(|session| {
            let end = session.to.unwrap_or(now).as_millis();
            // Another node's clock may be ahead.
            (end - session.from.as_millis()).max(0)
        });
        lengths.sum()
    };
    PresenceTotals {
        online_ms: of(PresenceStatus::Online),
        away_ms: of(PresenceStatus::Away),
        busy_ms: of(PresenceStatus::Busy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PresenceStatus::{Away, Busy, Offline, Online};
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn told(changes: &[(i64, PresenceStatus)], to: i64, now: i64) -> answers::PresenceHistory {
        let changes: Vec<_> = changes
            .iter()
            .map(|(ms, status)| (at(*ms), *status))
            .collect();
        history(&changes, (at(100), at(to)), at(now))
    }

    fn session(status: PresenceStatus, from: i64, to: Option<i64>) -> PresenceSession {
        PresenceSession {
            status,
            from: at(from),
            to: to.map(at),
        }
    }

    #[test]
    fn sessions_end_with_the_next_change_and_are_cut_to_what_was_asked_for() {
        let changes = [
            (50, Online),
            (150, Away),
            (150, Away),
            (180, Offline),
            (250, Busy),
        ];
        let found = told(&changes, 300, 1_000);
        let expected = [
            session(Online, 100, Some(150)),
            session(Away, 150, Some(180)),
            session(Busy, 250, Some(300)),
        ];
        assert_eq!(found.sessions, expected);
        let PresenceTotals {
            online_ms,
            away_ms,
            busy_ms,
        } = found.totals;
        assert_eq!((online_ms, away_ms, busy_ms), (50, 30, 50));
    }

    #[test]
    fn one_that_still_lasts_has_no_end() {
        let found = told(&[(150, Online), (160, Online)], 300, 200);
        assert_eq!(found.sessions, [session(Online, 150, None)]);
        assert_eq!(found.totals.online_ms, 50);
    }

    proptest! {
        #[test]
        fn no_session_leaves_what_was_asked_for_or_overlaps_another(
            mut changes in prop::collection::vec((0i64..400, 0usize..4), 0..20),
            to in 100i64..400,
            now in 400i64..500,
        ) {
            changes.sort_unstable();
            let changes: Vec<_> = changes
                .into_iter()
                .filter(|(ms, _)| *ms < to)
                .map(|(ms, n)| (ms, [Offline, Away, Online, Busy][n]))
                .collect();
            let mut end = at(100);
            for session in told(&changes, to, now).sessions {
                let until = session.to.unwrap();
                prop_assert!(end <= session.from && session.from < until && until <= at(to));
                end = until;
            }
        }
    }
}
