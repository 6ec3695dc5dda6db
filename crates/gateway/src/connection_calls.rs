//! `connection:*`: a client looks after its session itself, where its library does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use switchboard_messaging::Following as _;
use switchboard_messaging::hub::{Channel, Room, SessionKey};
use switchboard_protocol::answers::{CreatedSession, RecoveredSession, RecoveryStats, SessionInfo};
use switchboard_protocol::calls::RecoverSession;
use switchboard_protocol::{ConversationId, ErrorObject, Timestamp};
use switchboard_socketio::{Socket, SocketId};

use crate::door::{Door, Opened};
use crate::recovering::{RecoveryFailure, is_key};
use crate::rooms::Entry;

/// How often clients asked to be recovered on this node, and what it came to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecoveryCounts(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl RecoveryCounts {
    pub(crate) fn count(&self, result: Result<(), RecoveryFailure>) {
        let label = match result {
            Ok(()) => "recovered",
            Err(failure) => failure.as_str(),
        };
        metrics::counter!("switchboard_recoveries_total", "result" => label).increment(1);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(label).or_default() += 1;
    }

    fn answer(&self) -> RecoveryStats {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = counts.iter().filter(|(label, _)| **label != "recovered");
        RecoveryStats {
            attempts: counts.values().sum(),
            recovered: counts.get("recovered").copied().unwrap_or(0),
            failures: failures
                .map(|(label, count)| ((*label).to_owned(), *count))
                .collect(),
        }
    }
}

impl Door {
    /// `connection:create-session`.
    pub(crate) fn create_session(&self, opened: &Opened) -> Result<CreatedSession, ErrorObject> {
        let key = opened.key.as_ref();
        let key = key.ok_or_else(|| ErrorObject::forbidden("recovery is turned off here"))?;
        Ok(CreatedSession {
            session_token: key.0.clone(),
            expires_at: self.session_end(),
        })
    }

    /// When a session would be over whose client went now.
    fn session_end(&self) -> Timestamp {
        let lasts = self.options.max_disconnection.as_millis() as i64;
        Timestamp::from_millis(self.messaging.clock.now().as_millis() + lasts)
    }

    /// `connection:session-info`.
    pub(crate) fn session_info(&self, socket: &Socket, opened: &Opened) -> SessionInfo {
        let actor = &opened.session.caller().actor;
        SessionInfo {
            socket_id: socket.id().to_string(),
            user_id: actor.viewer.user.clone(),
            organization_id: actor.viewer.organization.clone(),
            node_id: self.options.node_id.clone(),
            transport: socket.transport().as_str().to_owned(),
            recovered: opened.recovered,
            recovery_failure: opened.failure.map(|failure| failure.as_str().to_owned()),
            recoverable: opened.key.is_some(),
            rooms: self.in_rooms(socket).conversations(),
            token_expires_at: actor.expires_at,
            expires_at: opened.key.is_some().then(|| self.session_end()),
        }
    }

    /// `connection:stats`: of this node, since it started.
    pub(crate) fn recovery_stats(&self) -> RecoveryStats {
        self.recoveries.answer()
    }

    /// `connection:recover`: the answer, and the rooms that the socket follows after it.
    pub(crate) async fn recover_session(
        &self,
        socket: &Socket,
        opened: &Opened,
        input: RecoverSession,
    ) -> Result<(RecoveredSession, Vec<Entry>), ErrorObject> {
        let result = self.former_rooms(socket, opened, &input.token).await?;
        let counted = result.as_ref().map(drop).map_err(|failure| *failure);
        self.recoveries.count(counted);
        let rooms = match result {
            Ok(rooms) => rooms,
            Err(failure) => {
                let viewer = opened.session.viewer();
                let queued = self.messaging.queue_length(viewer).await?;
                let answer = RecoveredSession {
                    recovered: false,
                    recovery_failure: Some(failure.as_str().to_owned()),
                    rooms: Vec::new(),
                    changes: Vec::new(),
                    queued,
                };
                return Ok((answer, Vec::new()));
            }
        };
        let viewer = opened.session.viewer();
        let caught_up = self
            .messaging
            .catch_up(viewer, &rooms, &input.positions)
            .await?;
        let mut entries = Vec::with_capacity(caught_up.len());
        let (mut changes, mut entered) = (Vec::new(), Vec::new());
        let mut names = Vec::with_capacity(caught_up.len());
        for one in caught_up {
            let channel = Channel {
                organization: viewer.organization.clone(),
                room: Room::Conversation(one.conversation),
            };
            entered.push((one.conversation, one.rev));
            entries.push(Entry::after(channel, socket.clone(), one.rev));
            changes.extend(one.changes);
            names.push(one.conversation);
        }
        let queued = self.messaging.queue_length(viewer).await?;
        if let Some(key) = &opened.key {
            self.sessions.moved(key, &entered, &[]).await;
        }
        let answer = RecoveredSession {
            recovered: true,
            recovery_failure: None,
            rooms: names,
            changes,
            queued,
        };
        Ok((answer, entries))
    }

    /// The conversations that the session of a token followed; the token is used up by that.
    async fn former_rooms(
        &self,
        socket: &Socket,
        opened: &Opened,
        token: &str,
    ) -> Result<Result<Vec<ConversationId>, RecoveryFailure>, ErrorObject> {
        let viewer = opened.session.viewer();
        let key = SessionKey(token.to_owned());
        let is_own = opened.key.as_ref() == Some(&key);
        if is_own || !is_key(token) {
            return Ok(Err(RecoveryFailure::Unknown));
        }
        let owner = self.new_owner();
        let record = match self.claim(&key, viewer, &owner).await {
            Ok(record) => record,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(id) = SocketId::parse(&record.socket).filter(|id| *id != socket.id()) {
            let at = self.messaging.clock.now();
            let hub = &self.messaging.hub;
            self.present.take_over(hub, (viewer, at), &id, &owner).await;
        }
        let (rooms, _) = self.rooms_of(viewer, &record).await?;
        self.end_session(&key, viewer, &owner).await;
        Ok(Ok(rooms.into_iter().collect()))
    }
}
