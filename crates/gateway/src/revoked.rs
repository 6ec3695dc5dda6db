//! Sockets whose tokens were revoked, or whose user was sent away, go.

use std::sync::Arc;
use std::time::Duration;

use switchboard_messaging::hub::BusEvent;
use switchboard_messaging::revocations::Revocation;
use switchboard_messaging::{Clock, Messaging, Revocations};
use switchboard_protocol::ServerEvent;
use switchboard_socketio::Socket;
use tokio_util::sync::CancellationToken;

use crate::dialects::Dialects;
use crate::present::Present;
use crate::session::Session;

/// Revocations of so long are looked at together: each look is at all sockets.
const GATHERED: Duration = Duration::from_millis(50);

/// Looks for sockets that are to go. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Revoker {
    revocations: Revocations,
    present: Present,
    clock: Arc<dyn Clock>,
    dialects: Dialects,
}

impl Revoker {
    pub(crate) fn new(messaging: &Messaging, present: &Present, dialects: &Dialects) -> Self {
        Self {
            revocations: messaging.revocations.clone(),
            present: present.clone(),
            clock: Arc::clone(&messaging.clock),
            dialects: dialects.clone(),
        }
    }

    /// Another node tells of a revocation.
    pub(crate) fn heard(&self, event: &BusEvent) {
        let revocation = serde_json::from_str::<Revocation>(event.data.get());
        // What a later version tells is read from the database, or not understood there either.
        if let Ok(revocation) = revocation
            && revocation.organization == event.channel.organization
        {
            self.revocations.learn(&revocation, self.clock.now());
        }
    }

    /// Looks at all sockets whenever there is something new, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut news = self.revocations.news();
        while let Some(Ok(())) = stop.run_until_cancelled(news.changed()).await {
            for (socket, session) in self.present.all() {
                self.judge(&socket, &session);
            }
            tokio::time::sleep(GATHERED).await;
        }
    }

    /// Tells a socket that is to go why, and ends it: its client does not come back by itself. One
    /// that is still connecting is judged once it is connected.
    pub(crate) fn judge(&self, socket: &Socket, session: &Session) {
        let actor = &session.caller().actor;
        let objection = self.revocations.objection(actor, session.connected_at());
        if let Some(error) = objection.filter(|_| socket.is_connected()) {
            metrics::counter!("switchboard_sockets_revoked_total").increment(1);
            let failure = ServerEvent::Failure(Box::new(error));
            self.dialects.emit(socket, &failure);
            socket.disconnect();
        }
    }
}
