//! Calls and their answers, in the words of the socket's namespace.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchboard_protocol::envelope::Answer;
use switchboard_protocol::error::Detail;
use switchboard_protocol::{Call, ClientEvent, ErrorObject, ServerEvent};
use switchboard_socketio::{Ack, Socket};

use super::Dialects;

impl Dialects {
    /// The call that an event stands for; `None` for one that is not known in the namespace.
    pub(crate) fn call_of(&self, socket: &Socket, event: &str) -> Option<ClientEvent> {
        match self.of(socket.namespace()) {
            None => ClientEvent::from_name(event),
            Some(dialect) => dialect.call_of(event),
        }
    }

    /// Reads an event's payload.
    pub(crate) fn decode(
        &self,
        socket: &Socket,
        (known, event): (ClientEvent, &str),
        payload: &Value,
    ) -> Result<Call, Vec<Detail>> {
        match self.of(socket.namespace()) {
            None => Call::decode(known, payload),
            Some(dialect) => dialect.decode(event, payload),
        }
    }

    /// An error of a call that was carried out.
    pub(crate) fn in_words_of(
        &self,
        socket: &Socket,
        event: &str,
        error: ErrorObject,
    ) -> ErrorObject {
        match self.of(socket.namespace()) {
            None => error,
            Some(dialect) => dialect.in_words_of(event, error),
        }
    }

    /// Answers a call with its data, and tells the socket what its dialect tells beside that.
    pub(crate) fn acknowledge(
        &self,
        socket: &Socket,
        call: ClientEvent,
        data: Box<RawValue>,
        ack: Option<Ack>,
    ) {
        let Some(dialect) = self.of(socket.namespace()) else {
            send(ack, &Answer::from(Ok(data)));
            return;
        };
        let data: Value = serde_json::from_str(data.get()).unwrap_or_default();
        let told = dialect.tell_caller(call, &data);
        send(ack, &json!({"ok": true, "data": dialect.answer(data)}));
        self.emit_to_caller(socket, &told);
    }

    /// Says that a call failed: by its ack, and by an event.
    pub(crate) fn refuse(&self, socket: &Socket, error: &ErrorObject, ack: Option<Ack>) {
        match self.of(socket.namespace()) {
            None => send(ack, &Answer::from(Err(error.clone()))),
            Some(dialect) => send(ack, &json!({"ok": false, "error": dialect.error(error)})),
        }
        self.emit(socket, &ServerEvent::Failure(Box::new(error.clone())));
    }
}

fn send(ack: Option<Ack>, answer: &impl serde::Serialize) {
    if let Some(ack) = ack {
        // A socket that is gone or full needs no ack: its client will ask again.
        let _ = ack.send(answer);
    }
}
