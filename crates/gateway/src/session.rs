//! What the door remembers of one socket.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_messaging::presence::LocalDevice;
use switchboard_messaging::store::Viewer;
use switchboard_messaging::{Actor, Caller, Following, Live};
use switchboard_protocol::{ConversationId, ErrorCode, Timestamp};
use switchboard_socketio::Socket;

use crate::rooms::conversation_of;

/// Refusals of this kind within [`WINDOW`] that end a connection.
const MOST_REFUSALS: usize = 10;
const WINDOW: Duration = Duration::from_mins(1);

/// One connected socket's session.
#[derive(Debug)]
pub(crate) struct Session {
    viewer: Viewer,
    /// Another one after each newer token.
    caller: Live<Caller>,
    /// Whether somebody is at it.
    pub(crate) device: Arc<LocalDevice>,
    connected_at: Timestamp,
    pub(crate) refusals: Refusals,
}

/// What a socket was refused of late.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Timestamp>>);

impl Session {
    pub(crate) fn new(
        actor: Actor,
        (socket, connected_at): (String, Timestamp),
        following: Option<Arc<dyn Following>>,
    ) -> Self {
        let viewer = actor.viewer.clone();
        let device = Arc::new(LocalDevice::new(&actor, &socket));
        let caller = Caller {
            actor,
            socket: Some(socket),
            following,
        };
        Self {
            viewer,
            caller: Live::new(caller),
            device,
            connected_at,
            refusals: Refusals::default(),
        }
    }

    /// Whose it is, for as long as it lasts.
    pub(crate) fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Who calls, as the newest token says.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.caller.get()
    }

    /// When its connect began.
    pub(crate) fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    /// A newer token of the same user came.
    pub(crate) fn renew(&self, actor: Actor) {
        let caller = Caller {
            actor,
            ..Caller::clone(&self.caller())
        };
        self.caller.set(caller);
    }
}

impl Refusals {
    /// Counts a failed call; `true` when the socket has tried too often what it may not do.
    pub(crate) fn is_too_much(&self, code: ErrorCode, now: Timestamp) -> bool {
        if !matches!(
            code,
            ErrorCode::Unauthenticated | ErrorCode::TokenExpired | ErrorCode::Forbidden
        ) {
            return false;
        }
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.push_back(now);
        while refusals
            .front()
            .is_some_and(|first| now.since(*first) >= WINDOW)
        {
            refusals.pop_front();
        }
        refusals.len() >= MOST_REFUSALS
    }
}

/// The conversations whose rooms a socket is in.
pub(crate) struct InRooms {
    pub(crate) socket: Socket,
    /// In how many it may be; 0 is no limit.
    pub(crate) most: usize,
}

impl fmt::Debug for InRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InRooms").field(&self.socket.id()).finish()
    }
}

impl Following for InRooms {
    fn conversations(&self) -> Vec<ConversationId> {
        let rooms = self.socket.rooms();
        rooms
            .iter()
            .filter_map(|room| conversation_of(room))
            .collect()
    }

    fn places_left(&self) -> usize {
        match self.most {
            0 => usize::MAX,
            most => most.saturating_sub(self.conversations().len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::{OrganizationId, UserId};

    fn session() -> Session {
        let organization = OrganizationId::new("acme").unwrap();
        let viewer = Viewer {
            organization,
            user: UserId::new("alice").unwrap(),
        };
        let (roles, expires_at) = (std::collections::BTreeSet::new(), Timestamp::default());
        Session::new(
            Actor {
                viewer,
                roles,
                device: None,
                token_id: None,
                issued_at: None,
                expires_at,
            },
            ("s".into(), at(0)),
            None,
        )
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn the_tenth_refusal_in_a_minute_is_too_much() {
        let session = session();
        let refused: Vec<bool> = (0..10)
            .map(|i| {
                let codes = [
                    ErrorCode::Forbidden,
                    ErrorCode::Unauthenticated,
                    ErrorCode::TokenExpired,
                ];
                session.refusals.is_too_much(codes[i as usize % 3], at(i))
            })
            .collect();
        assert_eq!(refused.iter().filter(|too_much| **too_much).count(), 1);
        assert!(refused[9]);
    }

    #[test]
    fn old_refusals_and_other_failures_do_not_count() {
        let session = session();
        for i in 0..9 {
            assert!(!session.refusals.is_too_much(ErrorCode::Forbidden, at(i)));
        }
        assert!(
            !session
                .refusals
                .is_too_much(ErrorCode::ValidationFailed, at(9))
        );
        assert!(!session.refusals.is_too_much(ErrorCode::Forbidden, at(60)));
    }
}
