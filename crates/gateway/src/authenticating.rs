//! Sockets that came without a token, where a dialect lets them: they are nobody's until they have
//! sent one, and nothing but that is understood until then.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchboard_messaging::publish;
use switchboard_protocol::dialect::Authentication;
use switchboard_protocol::{Call, ClientEvent, Detail, ErrorCode, ErrorObject, Timestamp};
use switchboard_socketio::{Event, Handshake, Socket, SocketId};

use crate::door::{Door, Opened, acknowledge};
use crate::seat::Seat;

impl Door {
    /// A seat for a socket without a token; `None` if it has one, or its dialect wants one.
    pub(crate) async fn seat_without_token(
        &self,
        handshake: &Handshake,
        socket: &Socket,
    ) -> Result<Option<Seat>, ErrorObject> {
        let authentication = self.authentication(socket);
        let Some(authentication) = authentication.filter(|_| self.token(handshake).is_empty())
        else {
            return Ok(None);
        };
        let address = self.admit_address(handshake).await?;
        let within = authentication.within.as_millis() as i64;
        let until = Timestamp::from_millis(self.messaging.clock.now().as_millis() + within);
        self.expiry.await_token(socket.clone(), until);
        Ok(Some(Seat::free(address)))
    }

    /// An event of a socket that is nobody's.
    pub(crate) async fn event_of_nobody(&self, socket: &Socket, seat: &Seat, mut event: Event) {
        let ack = event.ack.take();
        let result = self.authenticate(socket, seat, &event).await;
        match result {
            Ok(answer) => acknowledge(ack, Ok(answer)),
            Err(error) => self.fail(socket, &seat.refusals, &error.of_event(&event.name), ack),
        }
    }

    /// A socket is gone before it was anybody's.
    pub(crate) async fn nobody_left(&self, id: &SocketId, seat: &Seat) {
        self.expiry.forget(id);
        if let Some(organization) = seat.taker() {
            self.rooms.socket_gone(&organization, id).await;
        }
    }

    /// Makes the socket somebody's, with all that a connect does.
    async fn authenticate(
        &self,
        socket: &Socket,
        seat: &Seat,
        event: &Event,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let authentication = self
            .authentication(socket)
            .ok_or_else(ErrorObject::internal)?;
        if event.name != authentication.event {
            let text = format!("not authenticated: send `{}` first", authentication.event);
            return Err(ErrorObject::new(ErrorCode::Unauthenticated, text));
        }
        let token = token_of(authentication, event).map_err(ErrorObject::validation)?;
        let opened = self.take(socket, seat, &token).await;
        let result = opened
            .as_ref()
            .map_or_else(|error| error.code.as_str(), |_| "ok");
        metrics::counter!("switchboard_connects_total", "result" => result).increment(1);
        let opened = opened?;
        self.welcome(socket, opened).await;
        // What it is told comes before its ack.
        self.rooms
            .place(&opened.session.viewer().organization)
            .await;
        authenticated(opened)
    }

    /// Opens a session for a socket that is nobody's.
    async fn take<'a>(
        &self,
        socket: &Socket,
        seat: &'a Seat,
        token: &str,
    ) -> Result<&'a Opened, ErrorObject> {
        let actor = self.who_is(token, seat.address()).await?;
        seat.is_being_taken(&actor.viewer.organization);
        let turn = self.traffic.comes(&actor.viewer, socket).await?;
        let opened = match self.begin((actor, turn), socket, None).await {
            Ok(opened) => opened,
            Err(error) => {
                // The next token may be another user's.
                for room in socket.rooms() {
                    socket.leave(&room);
                }
                return Err(error);
            }
        };
        self.present.came(socket, &opened);
        Ok(seat.take(opened))
    }

    fn authentication(&self, socket: &Socket) -> Option<&Authentication> {
        self.dialects.of(socket.namespace())?.authentication()
    }

    /// The answer to a socket that sends a token once more, which takes the place of the one before;
    /// `None` when that is not what it does.
    pub(crate) async fn authenticate_again(
        &self,
        socket: &Socket,
        opened: &Opened,
        event: &Event,
    ) -> Option<Result<Box<RawValue>, ErrorObject>> {
        let authentication = self.authentication(socket)?;
        if event.name != authentication.event {
            return None;
        }
        Some(self.refresh_by(authentication, socket, opened, event).await)
    }

    /// It costs what `auth:refresh` costs, which it is.
    async fn refresh_by(
        &self,
        authentication: &Authentication,
        socket: &Socket,
        opened: &Opened,
        event: &Event,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let decode = |_| {
            let token = token_of(authentication, event)?;
            Ok(Call::RefreshAuth { token })
        };
        let (caller, known) = (opened.session.caller(), Some(ClientEvent::AuthRefresh));
        let call = self.messaging.understand_as(&caller, known, decode).await?;
        if let Call::RefreshAuth { token } = call {
            self.refresh(socket, opened, &token).await?;
        }
        authenticated(opened)
    }
}

fn token_of(authentication: &Authentication, event: &Event) -> Result<String, Vec<Detail>> {
    let field = authentication.token.as_str();
    let value = event.args.first().and_then(|payload| payload.get(field));
    match value {
        Some(Value::String(token)) => Ok(token.clone()),
        None | Some(Value::Null) => Err(vec![Detail::new(field, "is required")]),
        Some(_) => Err(vec![Detail::new(field, "must be a string")]),
    }
}

fn authenticated(opened: &Opened) -> Result<Box<RawValue>, ErrorObject> {
    publish::raw(&json!({"userId": opened.session.viewer().user}))
}
