//! Who knows a change already, because it was the answer to their own call.
//!
//! Events say so themselves. What is read from the store in place of an event that was lost or
//! came too late does not: the database knows users, not sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_messaging::hub::{BusEvent, Room};
use switchboard_protocol::ConversationId;
use switchboard_socketio::SocketId;

/// Changes of this node's sockets that are remembered; the store is asked for what is seconds old.
const MOST: usize = 8192;

/// The last changes that sockets of this node made. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnChanges(Arc<Mutex<Known>>);

type Place = (ConversationId, i64);

#[derive(Debug, Default)]
struct Known {
    by_place: HashMap<Place, SocketId>,
    oldest_first: VecDeque<Place>,
}

impl OwnChanges {
    /// Takes note of the changes that these events tell of; to be called before the ack is sent.
    pub(super) fn note(&self, events: &[BusEvent]) {
        for event in events {
            let socket = event.except.as_deref().and_then(SocketId::parse);
            if let (Room::Conversation(conversation), Some(rev), Some(socket)) =
                (&event.channel.room, event.rev, socket)
            {
                self.lock().note((*conversation, rev), socket);
            }
        }
    }

    /// The socket that made a change, if it is one of this node and of late.
    pub(super) fn maker(&self, conversation: ConversationId, rev: i64) -> Option<SocketId> {
        self.lock().by_place.get(&(conversation, rev)).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, place: Place, socket: SocketId) {
        if self.by_place.insert(place, socket).is_none() {
            self.oldest_first.push_back(place);
        }
        if self.oldest_first.len() > MOST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_place.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_messaging::clock::{CountingIds, Ids as _};

    fn id() -> SocketId {
        SocketId::parse("a-socket-of-20-chars").unwrap()
    }

    #[test]
    fn only_the_last_changes_are_remembered() {
        let (known, conversation) = (
            OwnChanges::default(),
            ConversationId(CountingIds::default().next()),
        );
        for rev in 0..=MOST as i64 {
            known.lock().note((conversation, rev), id());
        }
        assert_eq!(known.maker(conversation, 0), None);
        assert_eq!(known.maker(conversation, 1), Some(id()));
        assert_eq!(known.maker(conversation, MOST as i64), Some(id()));
    }
}
