//! What a socket gets when it has come: its rooms, and word of where it stands.

use switchboard_messaging::store::{Head, ListPage};
use switchboard_protocol::server_events::{SessionReady, Unread, UnreadCount};
use switchboard_protocol::{ConversationId, ConversationStatus, ServerEvent};
use switchboard_socketio::Socket;

use crate::door::{Door, Opened, conversation_channel};
use crate::rooms::Entry;

/// Most conversations with unread messages that a socket is told of.
const MOST_UNREAD: i64 = 200;

impl Door {
    /// Lets a socket into its rooms and tells it and the others that it is there.
    pub(crate) async fn welcome(&self, socket: &Socket, opened: &Opened) {
        let device = &opened.session.device;
        let entrance = opened.enters();
        let to_enter = entrance.as_ref().map_or(&[][..], |one| &one.to_enter);
        let newest = entrance.as_ref().and_then(|one| one.newest.as_deref());
        // Who was told that it is ready can be found by others.
        let (removed, ()) = tokio::join!(
            self.enter_rooms(socket, opened, to_enter),
            self.messaging.presence.socket_came(device, newest)
        );
        self.say_where_it_stands(socket, opened, &removed).await;
        self.tell_unread(socket, opened).await;
        drop(entrance);
        let actor = &opened.session.caller().actor;
        self.queue.came(&actor.viewer, socket.clone());
        self.expiry.watch(socket.clone(), actor.expires_at);
        // It may have been revoked while nobody knew of this socket yet.
        self.revoker.judge(socket, &opened.session);
    }

    /// Enters the conversations' rooms; returns those from which the user was removed meanwhile.
    async fn enter_rooms(
        &self,
        socket: &Socket,
        opened: &Opened,
        to_enter: &[Head],
    ) -> Vec<ConversationId> {
        let entry = |head: &Head| {
            let channel = conversation_channel(opened, head.conversation);
            Entry::new(channel, socket.clone())
        };
        let stood = self
            .rooms
            .enter_all(to_enter.iter().map(entry).collect())
            .await;
        // What happened before a room was live it did not tell; what happens from here on it does.
        let went_on = to_enter.iter().zip(stood);
        let went_on = went_on.filter(|(head, stood)| *stood > head.rev);
        let went_on: Vec<_> = went_on.map(|(head, _)| head.conversation).collect();
        self.leave_if_removed(socket, opened, &went_on).await
    }

    /// With its first event a client has an offset to come back with. Where it gets none, the place is
    /// kept for it.
    async fn say_where_it_stands(
        &self,
        socket: &Socket,
        opened: &Opened,
        removed: &[ConversationId],
    ) {
        let organization = &opened.session.viewer().organization;
        let ready = self.ready(opened, removed);
        let packets = self.dialects.packets(socket, ready.name(), &ready);
        let tells_nothing = packets.is_empty();
        for packet in packets {
            self.rooms.tell(organization, socket.clone(), packet).await;
        }
        if tells_nothing
            && let (Some(key), false) = (&opened.key, opened.recovered)
            && let Some(place) = self.rooms.place(organization).await
        {
            self.sessions.began(key, &place).await;
        }
    }

    /// Tells a socket of its conversations with unread messages, where its dialect says so.
    async fn tell_unread(&self, socket: &Socket, opened: &Opened) {
        let dialect = self.dialects.of(socket.namespace());
        let is_told = dialect.is_some_and(switchboard_protocol::Dialect::unread_on_connect);
        let total = opened.total_unread;
        if !is_told || total == 0 {
            return;
        }
        let page = ListPage {
            status: ConversationStatus::Active,
            after: None,
            limit: MOST_UNREAD,
        };
        let viewer = opened.session.viewer();
        let listed = self.messaging.store.list(viewer, page).await;
        let views = listed.unwrap_or_else(|error| {
            tracing::debug!(%error, "unread messages of a socket not read");
            Vec::new()
        });
        let organization = &viewer.organization;
        for view in views.into_iter().filter(|view| view.unread_count > 0) {
            let count = ServerEvent::UnreadCount(UnreadCount {
                conversation_id: view.conversation.id,
                unread_count: view.unread_count,
                total,
            });
            for packet in self.dialects.packets(socket, count.name(), &count) {
                self.rooms.tell(organization, socket.clone(), packet).await;
            }
        }
    }

    fn ready(&self, opened: &Opened, removed: &[ConversationId]) -> ServerEvent {
        let viewer = opened.session.viewer();
        let rooms = opened.rooms.iter().filter(|id| !removed.contains(id));
        ServerEvent::SessionReady(Box::new(SessionReady {
            session_id: self.messaging.ids.next().to_string(),
            user_id: viewer.user.clone(),
            organization_id: viewer.organization.clone(),
            node_id: self.options.node_id.clone(),
            recovered: opened.recovered,
            recovery_failure: opened.failure.map(|failure| failure.as_str().to_owned()),
            server_time: self.messaging.clock.now(),
            session_token: opened.key.as_ref().map(|key| key.0.clone()),
            rooms: rooms.copied().collect(),
            unread: Unread {
                total: opened.total_unread,
            },
        }))
    }
}
