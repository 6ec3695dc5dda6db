//! A client comes back after a short absence, on whichever node: it gets its former socket id, its
//! rooms, and what it missed. Any doubt, and it begins anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use futures_util::StreamExt;
use switchboard_messaging::Actor;
use switchboard_messaging::hub::{
    BusEvent, Channel, Claim, Lost, Missed, Position, Room, SessionKey, SessionRecord,
};
use switchboard_messaging::presence::{organization_channel, user_channel};
use switchboard_messaging::store::{Head, Viewer};
use switchboard_messaging::turns::Turn;
use switchboard_protocol::{ConversationId, ErrorObject};
use switchboard_socketio::{Handshake, Protocol, Socket, SocketId};

use crate::door::{Door, Entrance, Opened};
use crate::rooms::{Post, Resumption, is_receipt, message_at, room_name};

/// Most events that a client is given at once; one that missed more begins anew.
const MOST_MISSED: usize = 1_000;
/// Memberships that are looked at at the same time.
const AT_ONCE: usize = 16;

/// Why a client that asked to be recovered begins anew; the words are those of `recoveryFailure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryFailure {
    /// There is no such session.
    Unknown,
    /// It was away for too long.
    Expired,
    /// It does not say where it stands, or that is no place in the order of now.
    Epoch,
    /// What it missed is not kept any more.
    Trimmed,
    /// It is another user's session.
    Identity,
    /// It missed too much.
    Limit,
}

impl RecoveryFailure {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Epoch => "epoch",
            Self::Trimmed => "trimmed",
            Self::Identity => "identity",
            Self::Limit => "limit",
        }
    }
}

impl From<Lost> for RecoveryFailure {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Epoch => Self::Epoch,
            Lost::Trimmed => Self::Trimmed,
            Lost::TooMany => Self::Limit,
        }
    }
}

/// What asking came to.
#[derive(Debug)]
pub(crate) enum Recovered {
    Yes(Box<Opened>),
    /// With the reason, if it asked at all.
    No(Turn, Option<RecoveryFailure>),
}

/// What a client asks with.
struct Asked {
    key: SessionKey,
    offset: Option<String>,
}

impl Asked {
    fn of(handshake: &Handshake) -> Option<Self> {
        let text = |name: &str| handshake.auth.get(name)?.as_str();
        if handshake.protocol != Protocol::V5 {
            return None;
        }
        // A secret of ours, or none at all: it becomes part of a name in the hub.
        let pid = text("pid").filter(|pid| is_key(pid))?;
        Some(Self {
            key: SessionKey(pid.to_owned()),
            offset: text("offset").map(str::to_owned),
        })
    }

    /// How far the client has everything. One that was told no offset since its session began, or only
    /// one of a former session, has what came before.
    fn position(&self, record: &SessionRecord) -> Option<Position> {
        let began = record.began.as_deref().and_then(Position::parse);
        let Some(offset) = &self.offset else {
            return began;
        };
        let told = Position::parse(offset)?;
        let is_former = |began: &Position| began.epoch == told.epoch && began.offset > told.offset;
        Some(began.filter(is_former).unwrap_or(told))
    }
}

/// Whether a text has the form of a session's secret.
pub(crate) fn is_key(text: &str) -> bool {
    text.len() == 40
        && SocketId::parse(&text[..20]).is_some()
        && SocketId::parse(&text[20..]).is_some()
}

/// A new secret for a session: 240 random bits.
pub(crate) fn new_key() -> SessionKey {
    SessionKey(format!("{}{}", SocketId::random(), SocketId::random()))
}

impl Door {
    /// Gives a client its former place, if it asks for it and there is no doubt. An error is the
    /// store's.
    pub(crate) async fn recover(
        &self,
        handshake: &Handshake,
        (actor, turn): (&Actor, Turn),
        socket: &Socket,
    ) -> Result<Recovered, ErrorObject> {
        let Some(asked) = Asked::of(handshake).filter(|_| self.sessions.are_kept()) else {
            return Ok(Recovered::No(turn, None));
        };
        let result = self.try_recover(&asked, actor, socket).await?;
        let counted = result.as_ref().map(drop).map_err(|failure| *failure);
        self.recoveries.count(counted);
        Ok(match result {
            Ok((mut opened, newest)) => {
                let entrance = Entrance {
                    _turn: turn,
                    to_enter: Vec::new(),
                    newest,
                };
                opened.entrance = Mutex::new(Some(Box::new(entrance)));
                Recovered::Yes(Box::new(opened))
            }
            Err(failure) => Recovered::No(turn, Some(failure)),
        })
    }

    async fn try_recover(
        &self,
        asked: &Asked,
        actor: &Actor,
        socket: &Socket,
    ) -> Result<Result<(Opened, Option<Vec<Head>>), RecoveryFailure>, ErrorObject> {
        let viewer = &actor.viewer;
        let owner = self.new_owner();
        let record = match self.claim(&asked.key, viewer, &owner).await {
            Ok(record) => record,
            Err(failure) => return Ok(Err(failure)),
        };
        let hub = &self.messaging.hub;
        let id = SocketId::parse(&record.socket);
        let id = id.filter(|_| record.namespace == socket.namespace());
        let (Some(id), Some(position)) = (id, asked.position(&record)) else {
            return Ok(Err(self
                .given_up(asked, viewer, &owner, RecoveryFailure::Epoch)
                .await));
        };
        let at = self.messaging.clock.now();
        let is_free = self.present.take_over(hub, (viewer, at), &id, &owner).await;
        // What does not go on here begins anew, and is told there if there are too many.
        let most = self.options.connections_per_org;
        let place = self.places.take(&viewer.organization, most);
        let Some(place) = place.filter(|_| is_free && !self.has_too_many_sockets(viewer)) else {
            return Ok(Err(self
                .given_up(asked, viewer, &owner, RecoveryFailure::Unknown)
                .await));
        };
        let (rooms, heads) = self.rooms_of(viewer, &record).await?;
        let total_unread = self.messaging.count_unread(viewer).await?;
        let back = Back {
            asked,
            id,
            position,
        };
        if let Err(failure) = self.go_on(back, actor, socket, (&record, &rooms)).await {
            return Ok(Err(self.given_up(asked, viewer, &owner, failure).await));
        }
        let record = SessionRecord {
            owner: owner.clone(),
            ..record
        };
        self.sessions
            .begin(&viewer.organization, &asked.key, record)
            .await;
        let opened = Opened {
            session: self.session(actor.clone(), socket, id),
            rooms: rooms.into_iter().collect(),

            total_unread,
            recovered: true,
            failure: None,
            key: Some(asked.key.clone()),
            owner,
            place,
            entrance: Mutex::default(),
        };
        Ok(Ok((opened, self.newest(&heads))))
    }

    pub(crate) async fn claim(
        &self,
        key: &SessionKey,
        viewer: &Viewer,
        owner: &str,
    ) -> Result<SessionRecord, RecoveryFailure> {
        let ttl = self.sessions.ttl_ms();
        let (organization, user) = (&viewer.organization, &viewer.user);
        let claim = self
            .messaging
            .hub
            .session_claim(organization, key, user, owner, ttl);
        match claim.await {
            Ok(Claim::Granted(record)) => Ok(*record),
            Ok(Claim::Unknown) => Err(RecoveryFailure::Unknown),
            Ok(Claim::Expired) => Err(RecoveryFailure::Expired),
            Ok(Claim::Identity) => Err(RecoveryFailure::Identity),
            Err(error) => {
                tracing::debug!(cause = error.0, "session not claimed");
                Err(RecoveryFailure::Unknown)
            }
        }
    }

    /// The session is of no more use: its client begins anew, under another secret.
    async fn given_up(
        &self,
        asked: &Asked,
        viewer: &Viewer,
        owner: &str,
        failure: RecoveryFailure,
    ) -> RecoveryFailure {
        self.end_session(&asked.key, viewer, owner).await;
        failure
    }

    pub(crate) async fn end_session(&self, key: &SessionKey, viewer: &Viewer, owner: &str) {
        let hub = &self.messaging.hub;
        let ending = hub.session_end(&viewer.organization, key, owner);
        if let Err(error) = ending.await {
            tracing::debug!(cause = error.0, "a session that is over was not ended");
        }
    }

    /// The conversations that the socket follows and its user is still a member of, and the user's
    /// newest.
    pub(crate) async fn rooms_of(
        &self,
        viewer: &Viewer,
        record: &SessionRecord,
    ) -> Result<(BTreeSet<ConversationId>, Vec<Head>), ErrorObject> {
        let store = &self.messaging.store;
        let heads = self.messaging.newest(viewer).await?;
        let own = heads.iter().map(|head| head.conversation);
        let mut rooms: BTreeSet<_> = own.filter(|id| !record.left.contains(id)).collect();
        let others: Vec<_> = record
            .entered
            .keys()
            .copied()
            .filter(|id| !rooms.contains(id))
            .collect();
        let memberships = others.into_iter().map(|id| async move {
            let membership = store.membership(viewer, id).await?;
            let is_member = membership.is_some_and(|found| found.member.is_some());
            Ok::<_, ErrorObject>(is_member.then_some(id))
        });
        let looked: Vec<_> = futures_util::stream::iter(memberships)
            .buffered(AT_ONCE)
            .collect()
            .await;
        for found in looked {
            rooms.extend(found?);
        }
        Ok((rooms, heads))
    }

    /// Puts the socket where it was, with what it missed, in its words.
    async fn go_on(
        &self,
        back: Back<'_>,
        actor: &Actor,
        socket: &Socket,
        former: (&SessionRecord, &BTreeSet<ConversationId>),
    ) -> Result<(), RecoveryFailure> {
        let id = back.id;
        self.dialects.comes_back(socket, id, actor);
        let went_on = self.resume(back, &actor.viewer, socket, former).await;
        if went_on.is_err() {
            self.dialects.gone(&id);
        }
        went_on
    }

    async fn resume(
        &self,
        back: Back<'_>,
        viewer: &Viewer,
        socket: &Socket,
        (record, rooms): (&SessionRecord, &BTreeSet<ConversationId>),
    ) -> Result<(), RecoveryFailure> {
        let organization = &viewer.organization;
        let mut channels = vec![
            user_channel(organization, &viewer.user),
            organization_channel(organization),
        ];
        channels.extend(rooms.iter().map(|conversation| Channel {
            organization: organization.clone(),
            room: Room::Conversation(*conversation),
        }));
        let names: Vec<Room> = channels
            .iter()
            .map(|channel| channel.room.clone())
            .collect();
        let hold = self.rooms.hold(organization, channels).await;
        let hub = &self.messaging.hub;
        let missed = hub
            .missed(organization, &names, &back.position, MOST_MISSED)
            .await;
        let missed = match missed {
            Ok(Missed::Events(events)) => Ok(events),
            Ok(Missed::Unknown(lost)) => Err(lost.into()),
            Err(error) => {
                tracing::debug!(cause = error.0, "what a client missed was not read");
                Err(RecoveryFailure::Unknown)
            }
        };
        let missed = match missed {
            Ok(missed) => missed,
            Err(failure) => {
                self.rooms.release(hold).await;
                return Err(failure);
            }
        };
        let posts = self.posts_of(viewer, socket, &missed).await;
        let resumption = Resumption {
            posts,
            socket: socket.clone(),
            id: back.id,
            pid: back.asked.key.0.clone(),
            position: back.position,
            missed,
            known: record
                .entered
                .iter()
                .map(|(id, rev)| (*id, *rev))
                .collect::<HashMap<_, _>>(),
        };
        let resumed = self.rooms.resume(hold, resumption).await;
        resumed.map_err(|_| RecoveryFailure::Epoch)
    }

    /// The messages that receipts are about, for a socket that is told of them by their ids.
    async fn posts_of(
        &self,
        viewer: &Viewer,
        socket: &Socket,
        missed: &[BusEvent],
    ) -> HashMap<ConversationId, Vec<Post>> {
        let Some(dialect) = self.dialects.of(socket.namespace()) else {
            return HashMap::new();
        };
        let receipts = missed.iter().filter_map(|event| {
            let Room::Conversation(conversation) = event.channel.room else {
                return None;
            };
            let told = is_receipt(&event.name) && dialect.tells_of(&event.name);
            let receipt = told.then(|| serde_json::from_str::<serde_json::Value>(event.data.get()));
            Some((conversation, receipt?.ok()?["upToSeq"].as_i64()?))
        });
        let wanted: BTreeSet<(ConversationId, i64)> = receipts.collect();
        let found: Vec<_> = futures_util::stream::iter(wanted)
            .map(|(conversation, seq)| async move {
                let organization = &viewer.organization;
                let found = message_at(&self.messaging, organization, conversation, seq).await;
                let message = serde_json::to_value(found?).ok()?;
                Some((conversation, Post::of(&message)?))
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut posts: HashMap<_, Vec<Post>> = HashMap::new();
        for (conversation, post) in found.into_iter().flatten() {
            posts.entry(conversation).or_default().push(post);
        }
        posts
    }

    /// The rooms of a user's sockets are counted without the one that comes back.
    fn has_too_many_sockets(&self, viewer: &Viewer) -> bool {
        let own_room = room_name(&user_channel(&viewer.organization, &viewer.user));
        let most = self.options.connections_per_user;
        most > 0 && self.rooms.sockets_in(&own_room) >= most
    }
}

/// Who comes back, from where.
struct Back<'a> {
    asked: &'a Asked,
    id: SocketId,
    position: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_out_is_taken_for_a_secret() {
        assert!(is_key(&new_key().0));
        for bad in [
            "",
            "x",
            "a:b",
            &"x".repeat(39),
            &"x".repeat(41),
            &"é".repeat(20),
        ] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(!is_key(&format!("{}*", "x".repeat(39))));
    }
}
