//! One socket's way in: token → session → calls in their order, each acked exactly once.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_messaging::auth::Authenticator;
use switchboard_messaging::hub::{Channel, Room, SessionKey, SessionRecord};
use switchboard_messaging::presence::{self, organization_channel, user_channel};
use switchboard_messaging::store::{Head, Viewer};
use switchboard_messaging::turns::Turn;
use switchboard_messaging::{Actor, Messaging, Outcome, publish};
use switchboard_protocol::envelope::Answer;
use switchboard_protocol::{Call, ClientEvent, ConversationId, ErrorCode, ErrorObject};
use switchboard_socketio::{
    Ack, Application, DisconnectReason, Event, Handshake, Refusal, Socket, SocketId,
};
use switchboard_trace::TraceContext;
use tokio::sync::OwnedSemaphorePermit;

use crate::arriving::Traffic;
use crate::connection_calls::RecoveryCounts;
use crate::connection_log::ConnectionLog;
use crate::dialects::Dialects;
use crate::expiry::Expiry;
use crate::places::{Place, Places};
use crate::present::Present;
use crate::queue::Queue;
use crate::recovering::{RecoveryFailure, new_key};
use crate::revoked::Revoker;
use crate::rooms::{Entry, Rooms, room_name};
use crate::seat::Seat;
use crate::session::{InRooms, Refusals, Session};
use crate::sessions::Sessions;
use crate::watchers::Watchers;
use crate::{GatewayOptions, presence_calls, traces};

/// What the Socket.IO runtime hands its sockets to.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) options: GatewayOptions,
    pub(crate) messaging: Messaging,
    pub(crate) authenticator: Authenticator,
    pub(crate) rooms: Rooms,
    pub(crate) dialects: Dialects,
    pub(crate) expiry: Expiry,
    pub(crate) sessions: Sessions,
    pub(crate) present: Present,
    pub(crate) queue: Queue,
    pub(crate) watchers: Watchers,
    pub(crate) log: ConnectionLog,
    pub(crate) recoveries: RecoveryCounts,
    pub(crate) revoker: Revoker,
    /// Held while a user's sockets are counted and one is added.
    pub(crate) counting: Mutex<()>,
    pub(crate) places: Places,
    pub(crate) traffic: Traffic,
}

/// A session, and what its socket is to be told first.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: Arc<Session>,
    /// The conversations that it follows.
    pub(crate) rooms: Vec<ConversationId>,
    pub(crate) total_unread: i64,
    pub(crate) recovered: bool,
    /// Why it is not, if it asked for it.
    pub(crate) failure: Option<RecoveryFailure>,
    /// The secret under which it may come back.
    pub(crate) key: Option<SessionKey>,
    /// This connection, in the session's record.
    pub(crate) owner: String,
    /// Among its organization's sockets.
    pub(crate) place: Place,
    /// Until it has been welcomed.
    pub(crate) entrance: Mutex<Option<Box<Entrance>>>,
}

/// What only matters until a socket is in.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// When this is dropped the next one may come in.
    pub(crate) _turn: Turn,
    /// Those of its conversations whose rooms it is yet to enter, with what was known of each when it
    /// was seen that the user is a member.
    pub(crate) to_enter: Vec<Head>,
    /// The user's newest conversations, if it is known that these are they.
    pub(crate) newest: Option<Vec<Head>>,
}

impl Opened {
    /// What to welcome it with, once.
    pub(crate) fn enters(&self) -> Option<Box<Entrance>> {
        let mut entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        entrance.take()
    }
}

impl Door {
    /// A name for one connection that no other in the cluster has.
    pub(crate) fn new_owner(&self) -> String {
        format!("{}/{}", self.options.node_id, SocketId::random())
    }

    async fn open(&self, handshake: &Handshake, socket: &Socket) -> Result<Opened, ErrorObject> {
        let actor = self.who_connects(handshake).await?;
        let viewer = actor.viewer.clone();
        let turn = self.traffic.comes(&viewer, socket).await?;
        let opened = self.let_in(handshake, (actor, turn), socket).await;
        let connection = opened.as_ref().map(|opened| opened.owner.as_str());
        self.log.connects(handshake, &viewer, connection);
        opened
    }

    /// A session that is new.
    pub(crate) async fn begin(
        &self,
        (actor, turn): (Actor, Turn),
        socket: &Socket,
        failure: Option<RecoveryFailure>,
    ) -> Result<Opened, ErrorObject> {
        let viewer = &actor.viewer;
        let place = self.place_in(viewer)?;
        self.take_place(viewer, socket)?;
        self.dialects.came(socket, &actor);
        // A conversation that is made from here on is told of in these; earlier ones are read.
        let own = [
            user_channel(&viewer.organization, &viewer.user),
            organization_channel(&viewer.organization),
        ];
        let entries = own.map(|channel| Entry::new(channel, socket.clone()));
        self.rooms.enter_all(entries.into()).await;
        let opening = match self.messaging.open_session(viewer).await {
            Ok(opening) => opening,
            Err(error) => {
                let organization = &viewer.organization;
                self.rooms.socket_gone(organization, &socket.id()).await;
                self.dialects.gone(&socket.id());
                return Err(error);
            }
        };
        let rooms: Vec<_> = opening.heads.iter().map(|head| head.conversation).collect();
        let owner = self.new_owner();
        let key = self.keep(viewer, socket, &owner, &rooms).await;
        let entrance = Entrance {
            _turn: turn,
            newest: self.newest(&opening.heads),
            to_enter: opening.heads,
        };
        Ok(Opened {
            session: self.session(actor, socket, socket.id()),
            rooms,
            total_unread: opening.total_unread,
            recovered: false,
            failure,
            key,
            owner,
            place,
            entrance: Mutex::new(Some(Box::new(entrance))),
        })
    }

    /// These, if they are all that matter to those who are told of the user's presence.
    pub(crate) fn newest(&self, heads: &[Head]) -> Option<Vec<Head>> {
        let most = self.messaging.rules.get().auto_join;
        presence::are_all(heads, most).then(|| heads.to_vec())
    }

    /// Keeps the session for when its client comes back.
    async fn keep(
        &self,
        viewer: &Viewer,
        socket: &Socket,
        owner: &str,
        rooms: &[ConversationId],
    ) -> Option<SessionKey> {
        let key = new_key();
        if !self.sessions.are_kept() || socket.set_pid(&key.0).is_err() {
            return None;
        }
        // Which are the newest changes; when those are not all, they are noted.
        let are_all = (rooms.len() as i64) < self.messaging.rules.get().auto_join;
        let noted = if are_all { &[] } else { rooms };
        let record = SessionRecord {
            user: viewer.user.clone(),
            socket: socket.id().to_string(),
            namespace: socket.namespace().to_owned(),
            began: None,
            owner: owner.to_owned(),
            entered: noted.iter().map(|id| (*id, 0)).collect(),
            left: std::collections::BTreeSet::new(),
        };
        self.sessions
            .begin(&viewer.organization, &key, record)
            .await;
        Some(key)
    }

    /// A place among the sockets of the organization.
    fn place_in(&self, viewer: &Viewer) -> Result<Place, ErrorObject> {
        let most = self.options.connections_per_org;
        let place = self.places.take(&viewer.organization, most);
        place.ok_or_else(|| too_many("organization"))
    }

    /// Joins the user's room, in which the user's sockets are counted.
    fn take_place(&self, viewer: &Viewer, socket: &Socket) -> Result<(), ErrorObject> {
        let own_room = room_name(&user_channel(&viewer.organization, &viewer.user));
        let most = self.options.connections_per_user;
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if most > 0 && self.rooms.sockets_in(&own_room) >= most {
            return Err(too_many("user"));
        }
        // One that is gone meanwhile is of no more interest.
        socket.join(&own_room);
        Ok(())
    }

    pub(crate) fn in_rooms(&self, socket: &Socket) -> InRooms {
        InRooms {
            socket: socket.clone(),
            most: self.options.rooms_per_socket,
        }
    }

    /// Says that a call failed, by its ack and by an event, and ends a socket that tries too often.
    pub(crate) fn fail(
        &self,
        socket: &Socket,
        refusals: &Refusals,
        error: &ErrorObject,
        ack: Option<Ack>,
    ) {
        self.dialects.refuse(socket, error, ack);
        if refusals.is_too_much(error.code, self.messaging.clock.now()) {
            tracing::info!(socket = %socket.id(), "disconnected after repeated refusals");
            socket.disconnect();
        }
    }

    async fn handle(
        &self,
        socket: &Socket,
        opened: &Opened,
        event: &Event,
        turn: OwnedSemaphorePermit,
    ) -> Result<Handled, ErrorObject> {
        if let Some(answer) = self.authenticate_again(socket, opened, event).await {
            return answer.map(Handled::Answer);
        }
        let nothing = Value::Object(serde_json::Map::new());
        let payload = event.args.first().unwrap_or(&nothing);
        let caller = &*opened.session.caller();
        let known = self.dialects.call_of(socket, &event.name);
        let decode = |known| self.dialects.decode(socket, (known, &event.name), payload);
        let call = self.messaging.understand_as(caller, known, decode).await?;
        let outcome = match call {
            Call::CreateSession => return answered(&self.create_session(opened)?),
            Call::SessionInfo => return answered(&self.session_info(socket, opened)),
            Call::RecoveryStats => return answered(&self.recovery_stats()),
            call if presence_calls::is_one(&call) => {
                let answer = self.presence_call(socket, opened, call).await;
                return answer.map(Handled::Answer);
            }
            Call::RefreshAuth { token } => {
                return answered(&self.refresh(socket, opened, &token).await?);
            }
            Call::RecoverSession(input) => {
                let (answer, rooms) = self.recover_session(socket, opened, input).await?;
                return Ok(Handled::Recovered(publish::raw(&answer)?, rooms));
            }
            call => {
                // From there on it is the store's queue in which organizations have turns.
                let placed = || {
                    event.turn.pass();
                    drop(turn);
                };
                let outcome = self.messaging.carry_out_in_turn(caller, call, placed).await;
                outcome.map_err(|error| self.dialects.in_words_of(socket, &event.name, error))?
            }
        };
        let known = known.ok_or_else(ErrorObject::internal)?;
        Ok(Handled::Done(known, outcome))
    }

    async fn call_traced(
        &self,
        socket: Socket,
        (opened, of_socket): (&Arc<Opened>, Option<TraceContext>),
        event: Event,
    ) {
        let Some(tracer) = &self.messaging.tracer else {
            return self.call(socket, opened, event).await;
        };
        let known = self.dialects.call_of(&socket, &event.name);
        let label = known.map_or("unknown", ClientEvent::name);
        let trace = traces::of_event(tracer, label, (opened, of_socket), &event);
        // It is large, and would be here twice.
        trace.run(Box::pin(self.call(socket, opened, event))).await;
    }

    async fn call(&self, socket: Socket, opened: &Arc<Opened>, mut event: Event) {
        let started = Instant::now();
        let ack = event.ack.take();
        let known = self.dialects.call_of(&socket, &event.name);
        let label = known.map_or("unknown", ClientEvent::name);
        metrics::counter!("switchboard_events_received_total", "event" => label).increment(1);
        let turn = opened.place.turn().await;
        let handling = async { self.handle(&socket, opened, &event, turn?).await };
        // Also a defect of ours gets its one answer.
        let handling = AssertUnwindSafe(handling).catch_unwind();
        let result = handling.await.unwrap_or_else(|_panic| {
            tracing::error!(event = label, "handler panicked");
            Err(ErrorObject::internal())
        });
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.code.as_str(), |_| "ok");
        metrics::histogram!("switchboard_event_duration_seconds", "event" => label, "outcome" => outcome)
            .record(started.elapsed());
        match result {
            Ok(Handled::Done(call, outcome)) => {
                self.answer(&socket, opened, (call, outcome), ack).await;
            }
            Ok(Handled::Answer(answer)) => acknowledge(ack, Ok(answer)),
            Ok(Handled::Recovered(answer, rooms)) => {
                acknowledge(ack, Ok(answer));
                self.rooms.enter_all(rooms).await;
            }
            Err(error) => {
                let (code, is_ours) = (error.code.as_str(), error.code.http_status() >= 500);
                switchboard_trace::failed(code, is_ours);
                if error.code == ErrorCode::Internal {
                    traces::log_failure(label, opened, &event);
                }
                let error = error.of_event(&event.name);
                self.fail(&socket, &opened.session.refusals, &error, ack);
            }
        }
        self.gives_sign_of_life(opened, label).await;
    }
}

/// What handling an event came to.
enum Handled {
    /// A call of the use cases was carried out.
    Done(ClientEvent, Outcome),
    /// The answer to a call about the connection itself.
    Answer(Box<RawValue>),
    /// The answer, and the rooms that the socket follows after it.
    Recovered(Box<RawValue>, Vec<Entry>),
}

fn answered(answer: &impl serde::Serialize) -> Result<Handled, ErrorObject> {
    publish::raw(answer).map(Handled::Answer)
}

impl Application for Door {
    type Session = Seat;

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<Seat, Refusal> {
        let trace = traces::of_handshake(&handshake);
        let seated = match self.seat_without_token(&handshake, &socket).await {
            Ok(Some(free)) => return Ok(free.in_trace(trace)),
            Ok(None) => {
                let opened = self.open(&handshake, &socket).await;
                opened.map(|opened| Seat::taken(opened).in_trace(trace))
            }
            Err(error) => Err(error),
        };
        let result = seated
            .as_ref()
            .map_or_else(|error| error.code.as_str(), |_| "ok");
        metrics::counter!("switchboard_connects_total", "result" => result).increment(1);
        if let Err(error) = &seated
            && error.code == ErrorCode::Unavailable
        {
            // A refusal would be the end of it: stock clients do not try again after one. Cut off,
            // they come back by themselves, later each time.
            socket.close();
        }
        seated.map_err(|error| Refusal {
            message: error.code.as_str().to_owned(),
            data: serde_json::to_value(&error).unwrap_or_default(),
        })
    }

    async fn connected(&self, socket: Socket, seat: Arc<Seat>) {
        if let Some(opened) = seat.opened() {
            self.welcome(&socket, opened).await;
        }
    }

    async fn event(&self, socket: Socket, seat: Arc<Seat>, event: Event) {
        match seat.opened() {
            Some(opened) => {
                let of = (opened, seat.trace());
                self.call_traced(socket, of, event).await;
            }
            None => self.event_of_nobody(&socket, &seat, event).await,
        }
    }

    fn may_overtake(&self, socket: &Socket, event: &Event) -> bool {
        self.dialects.call_of(socket, &event.name) == Some(ClientEvent::MessageSend)
    }

    async fn disconnected(&self, id: SocketId, seat: Arc<Seat>, reason: DisconnectReason) {
        self.dialects.gone(&id);
        let Some(opened) = seat.opened() else {
            return self.nobody_left(&id, &seat).await;
        };
        metrics::counter!("switchboard_disconnects_total", "reason" => reason.as_str())
            .increment(1);
        let viewer = opened.session.viewer();
        drop(opened.enters());
        let _turn = self.traffic.goes(viewer).await;
        self.expiry.forget(&id);
        let organization = &viewer.organization;
        self.rooms.socket_gone(organization, &id).await;
        if let Some(key) = &opened.key {
            self.sessions.over(key, reason.is_recoverable()).await;
        }
        self.messaging.typing.socket_gone(id.as_str()).await;
        self.watchers.gone(organization, &id);
        let device = &opened.session.device;
        self.messaging.presence.socket_gone(device).await;
        opened.place.leave();
        self.log.ends(viewer, &opened.owner, reason);
        self.present.ended(&id, &opened.owner);
    }
}

pub(crate) fn conversation_channel(opened: &Opened, conversation: ConversationId) -> Channel {
    let organization = opened.session.viewer().organization.clone();
    Channel {
        organization,
        room: Room::Conversation(conversation),
    }
}

fn too_many(limit: &'static str) -> ErrorObject {
    metrics::counter!("switchboard_connections_refused_total", "limit" => limit).increment(1);
    ErrorObject::forbidden(&format!("too many connections of this {limit}"))
}

pub(crate) fn acknowledge(ack: Option<Ack>, result: Result<Box<RawValue>, ErrorObject>) {
    if let Some(ack) = ack {
        // A socket that is gone or full needs no ack: its client will ask again.
        let _ = ack.send(&Answer::from(result));
    }
}
