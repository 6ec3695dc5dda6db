//! What a call means for the rooms of its socket, carried out around its ack.

use switchboard_messaging::{Outcome, RoomEffect};
use switchboard_protocol::{ClientEvent, ConversationId};
use switchboard_socketio::{Ack, Socket};

use crate::door::{Door, Opened, conversation_channel};
use crate::rooms::{Entry, room_name};

impl Door {
    /// Carries out the room effects and sends the ack, in such an order that no event of a room comes
    /// before the ack which says where its events begin.
    pub(crate) async fn answer(
        &self,
        socket: &Socket,
        opened: &Opened,
        (call, outcome): (ClientEvent, Outcome),
        ack: Option<Ack>,
    ) {
        let Outcome {
            data,
            rooms,
            events,
        } = outcome;
        let in_rooms = socket.rooms();
        let (mut entries, mut entered, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for effect in rooms {
            match effect {
                RoomEffect::Leave { conversation } => {
                    let channel = conversation_channel(opened, conversation);
                    self.rooms.leave(&channel, socket).await;
                    left.push(conversation);
                }
                RoomEffect::Enter { conversation, rev } => {
                    let channel = conversation_channel(opened, conversation);
                    if !in_rooms.contains(&room_name(&channel)) {
                        entered.push((conversation, rev));
                    }
                    entries.push(Entry::after(channel, socket.clone(), rev));
                }
            }
        }
        if let Some(key) = &opened.key
            && !(entered.is_empty() && left.is_empty())
        {
            self.sessions.moved(key, &entered, &left).await;
        }
        let (dialects, told) = (self.dialects.clone(), socket.clone());
        let send_ack = move || dialects.acknowledge(&told, call, data, ack);
        self.enter(opened, entries, send_ack).await;
        self.messaging.publish(events).await;
    }

    async fn enter(
        &self,
        opened: &Opened,
        mut entries: Vec<Entry>,
        send_ack: impl FnOnce() + Send + 'static,
    ) {
        if entries.len() > 1 {
            // One ack for all: none of them tells anything before it, and all of them are live then.
            let organization = &opened.session.viewer().organization;
            let channels = entries.iter().map(Entry::channel).cloned().collect();
            let hold = self.rooms.hold(organization, channels).await;
            send_ack();
            self.rooms.enter_all(entries).await;
            self.rooms.release(hold).await;
            return;
        }
        match entries.pop() {
            None => send_ack(),
            Some(entry) => {
                self.rooms.enter_all(vec![entry.then(send_ack)]).await;
            }
        }
    }

    /// Takes a socket out of those of these rooms whose members its user is not among any more.
    pub(crate) async fn leave_if_removed(
        &self,
        socket: &Socket,
        opened: &Opened,
        conversations: &[ConversationId],
    ) -> Vec<ConversationId> {
        if conversations.is_empty() {
            return Vec::new();
        }
        let viewer = opened.session.viewer();
        let sights = match self.messaging.store.sights(viewer, conversations).await {
            Ok(sights) => sights,
            Err(error) => {
                // It comes back, and is looked at again.
                tracing::debug!(%error, "memberships not read once more");
                socket.close();
                return Vec::new();
            }
        };
        let removed = sights.into_iter().filter(|sight| sight.seen.is_none());
        let removed: Vec<_> = removed.map(|sight| sight.conversation).collect();
        for conversation in &removed {
            let channel = conversation_channel(opened, *conversation);
            self.rooms.leave(&channel, socket).await;
        }
        removed
    }
}
