//! `presence:subscribe`, `presence:unsubscribe` and `presence:activity`: about this socket alone.

use serde_json::value::RawValue;
use switchboard_messaging::publish;
use switchboard_protocol::answers::Nothing;
use switchboard_protocol::{Call, ClientEvent, ErrorObject, UserId};
use switchboard_socketio::Socket;

use crate::door::{Door, Opened};
use crate::watchers;

/// Whether it is the door that carries this call out.
pub(crate) fn is_one(call: &Call) -> bool {
    matches!(
        call,
        Call::SubscribePresence(_) | Call::UnsubscribePresence(_) | Call::Activity { .. }
    )
}

impl Door {
    /// Carries out one of those calls.
    pub(crate) async fn presence_call(
        &self,
        socket: &Socket,
        opened: &Opened,
        call: Call,
    ) -> Result<Box<RawValue>, ErrorObject> {
        match call {
            Call::SubscribePresence(users) => self.watch(socket, opened, users).await,
            Call::UnsubscribePresence(users) => {
                let organization = &opened.session.viewer().organization;
                self.watchers.unwatch(organization, &socket.id(), &users);
                self.how_they_are(opened, users).await
            }
            Call::Activity { activity, .. } => {
                let device = &opened.session.device;
                self.messaging.presence.activity(device, activity).await;
                publish::raw(&Nothing {})
            }
            _ => Err(ErrorObject::not_found("event")),
        }
    }

    /// How they are now, and from here on each change.
    async fn watch(
        &self,
        socket: &Socket,
        opened: &Opened,
        users: Vec<UserId>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let organization = &opened.session.viewer().organization;
        if !self.watchers.watch(organization, socket, &users) {
            let most = watchers::MOST;
            let text =
                format!("a socket can be subscribed to {most} users; unsubscribe some first");
            return Err(ErrorObject::forbidden(&text));
        }
        // After it listens, so that no change is between the two.
        self.how_they_are(opened, users).await
    }

    async fn how_they_are(
        &self,
        opened: &Opened,
        users: Vec<UserId>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let caller = opened.session.caller();
        publish::raw(&self.messaging.presences(&caller, users).await?)
    }

    /// A client made a call: somebody is there, unless that is just what it denies.
    pub(crate) async fn gives_sign_of_life(&self, opened: &Opened, event: &str) {
        if event != ClientEvent::PresenceActivity.name() {
            let device = &opened.session.device;
            self.messaging.presence.is_active(device).await;
        }
    }
}
