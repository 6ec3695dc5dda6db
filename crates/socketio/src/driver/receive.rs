//! From bytes to events: WebSocket frame → Engine.IO packet → Socket.IO packet → mailbox.

use std::{
    cell::RefCell,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use serde_json::Value;
use tokio::io::ReadBuf;

use crate::{
    Answer, Application, DisconnectReason, EngineConnection, EngineMessage, Event, Handshake,
    Protocol, Refusal, Socket, Turn,
    frame::Frame,
    session::{Farewell, Inbound},
    socket::refuse,
    wire::{self, EnginePacket, Incoming, Kind, Parser},
    ws::{self, Message},
};

use super::{Driver, slot::Slot};

/// What a v4 client says instead of an auth payload.
fn query_object(query: &str) -> Value {
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value)))
        .collect()
}

/// Sockets of one connection beyond one for each namespace that may be on their way out.
const SPARE_SLOTS: usize = 8;

thread_local! {
    /// Bytes come in here and are worked off before the task gives the thread back, so that a
    /// connection owns no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 16 * 1024].into());
}

impl<A: Application> Driver<A> {
    /// Takes in what has come; returns whether that was anything. While a mailbox is full nothing
    /// is taken: the client is slowed down by its own connection.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        if self.session.ended().is_some() {
            return false;
        }
        let paused = self.is_full();
        if paused != self.paused {
            self.paused = paused;
            self.session.set_paused(paused);
        }
        if paused {
            return false;
        }
        if self.websocket.is_none() {
            if let Some(packet) = self.session.next_posted() {
                self.posted(packet);
                return true;
            }
            let Some(arriving) = self.session.take_arriving() else {
                return false;
            };
            self.websocket = Some(arriving.decoder);
        }
        self.read(cx)
    }

    /// Whether something has to be handled before more is taken in: a mailbox is full, or sockets
    /// that ended have not left yet.
    fn is_full(&self) -> bool {
        let most = self.session.registry.namespaces.len() + SPARE_SLOTS;
        self.slots.len() > most || self.slots.iter().any(Slot::is_full)
    }

    fn posted(&mut self, packet: Inbound) {
        match packet {
            Inbound::Text(text) => self.text(&text),
            Inbound::Binary(bytes) => self.binary(&bytes),
            Inbound::Close => self.end(DisconnectReason::TransportClose, Farewell::Answer),
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(mut decoder) = self.websocket.take() else {
            return false;
        };
        let progress = if decoder.has_held() {
            self.decode(&mut decoder, &mut []);
            true
        } else {
            SCRATCH.with_borrow_mut(|scratch| self.read_into(scratch, &mut decoder, cx))
        };
        self.websocket = Some(decoder);
        progress
    }

    fn read_into(
        &mut self,
        scratch: &mut [u8],
        decoder: &mut ws::Decoder,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut buffer = ReadBuf::new(scratch);
        let count = match self.session.poll_read(cx, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => buffer.filled().len(),
            // A reset is the end of the stream, as in the JavaScript server.
            Poll::Ready(Err(_)) => 0,
        };
        if count == 0 {
            self.end(DisconnectReason::TransportClose, Farewell::Drop);
        } else {
            self.decode(decoder, &mut scratch[..count]);
        }
        true
    }

    fn decode(&mut self, decoder: &mut ws::Decoder, mut bytes: &mut [u8]) {
        loop {
            if self.is_full() {
                decoder.hold(bytes);
                return;
            }
            match decoder.next(&mut bytes, |message| self.message(message)) {
                Ok(Some(ControlFlow::Continue(()))) => {}
                Ok(Some(ControlFlow::Break(())) | None) => return,
                Err(error) => {
                    tracing::debug!(%error, "connection closed: bad frame");
                    let farewell = Farewell::Error(error.close_code());
                    self.end(DisconnectReason::TransportError, farewell);
                    return;
                }
            }
        }
    }

    /// Breaks when the session has ended.
    fn message(&mut self, message: Message<'_>) -> ControlFlow<()> {
        match message {
            Message::Text(text) => self.engine_text(text),
            Message::Binary(bytes) => self.engine_binary(bytes),
            Message::Ping(payload) => self.session.say(Frame::websocket(ws::pong_frame(payload))),
            Message::Pong => {}
            Message::Close(_) => self.end(DisconnectReason::TransportClose, Farewell::Answer),
        }
        match self.session.ended() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn engine_text(&mut self, text: &str) {
        match wire::decode_text(self.session.protocol, text) {
            Ok(packet) => self.engine_packet(packet),
            Err(error) => {
                tracing::debug!(%error, "connection closed: bad engine packet");
                self.end(DisconnectReason::ParseError, Farewell::Flush);
            }
        }
    }

    fn engine_binary(&mut self, bytes: &[u8]) {
        match wire::decode_binary(self.session.protocol, bytes) {
            Ok(packet) => self.engine_packet(packet),
            Err(error) => {
                tracing::debug!(%error, "connection closed: bad engine packet");
                self.end(DisconnectReason::ParseError, Farewell::Flush);
            }
        }
    }

    fn engine_packet(&mut self, packet: EnginePacket<'_>) {
        match packet {
            EnginePacket::Message(wire::Message::Text(text)) => self.text(text),
            EnginePacket::Message(wire::Message::Binary(bytes)) => self.binary(&bytes),
            EnginePacket::Close => self.end(DisconnectReason::TransportClose, Farewell::Answer),
            packet => {
                if self.session.heard(&packet).is_break() {
                    self.end(DisconnectReason::TransportError, Farewell::Flush);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.session.registry.options.engine_only {
            return self.raw(EngineMessage::Text(text));
        }
        let decoded = self.packets.text(text);
        self.decoded(decoded, text.len());
    }

    fn binary(&mut self, bytes: &[u8]) {
        if self.session.registry.options.engine_only {
            return self.raw(EngineMessage::Binary(bytes));
        }
        let decoded = self.packets.binary(bytes);
        if self.packets.parser() == Some(Parser::Msgpack) {
            self.session.speaks_msgpack();
        }
        self.decoded(decoded, bytes.len());
    }

    fn raw(&self, message: EngineMessage<'_>) {
        let connection = EngineConnection::new(&self.session);
        let taken = catch_unwind(AssertUnwindSafe(|| self.app.message(&connection, message)));
        if taken.is_err() {
            let registry = &self.session.registry;
            registry.handler_panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!("message handler panicked");
        }
    }

    fn decoded(&mut self, decoded: Result<Option<Incoming>, wire::DecodeError>, bytes: usize) {
        self.unfinished += bytes;
        match decoded {
            Ok(None) => {}
            Ok(Some(packet)) => {
                let bytes = std::mem::take(&mut self.unfinished);
                self.dispatch(packet, bytes);
            }
            Err(error) => {
                tracing::debug!(%error, "connection closed: bad packet");
                self.end(DisconnectReason::ForcedClose, Farewell::Flush);
            }
        }
    }

    /// What fits no state closes the connection, as the JavaScript server does (socket.io
    /// `lib/client.ts`, `ondecoded`).
    fn dispatch(&mut self, packet: Incoming, bytes: usize) {
        let Incoming {
            namespace,
            query,
            kind,
        } = packet;
        if let Kind::Connect { auth } = kind {
            return self.join(&namespace, auth, query);
        }
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.socket.namespace() == namespace && slot.socket.is_connected());
        let Some(slot) = slot else {
            return self.invalid_state("packet for a namespace that was not joined");
        };
        match kind {
            Kind::Event {
                name,
                args,
                id,
                attachments,
            } => {
                let ack = id.map(|id| slot.socket.ack(id));
                let event = Event {
                    name,
                    args,
                    attachments,
                    ack,
                    turn: Turn::default(),
                };
                slot.push(event, bytes);
            }
            Kind::Ack {
                id,
                args,
                attachments,
            } => slot.socket.settle(id, Answer { args, attachments }),
            Kind::Disconnect => {
                slot.socket.end(DisconnectReason::ClientNamespaceDisconnect);
                let time = self.session.registry.options.connect_timeout;
                self.session.close_if_idle_in(time);
            }
            Kind::Connect { .. } | Kind::ConnectError => {
                self.invalid_state("packet that only servers send");
            }
        }
    }

    pub(super) fn join(&mut self, name: &str, auth: Value, own_query: Option<String>) {
        let registry = self.session.registry.clone();
        let known = registry.namespaces.get(name);
        // Later clients have no query of a namespace's own: it would be part of the name.
        let is_named = own_query.is_none() || self.session.protocol == Protocol::V4;
        let Some(namespace) = known.filter(|_| is_named) else {
            let refusal = Refusal {
                message: "Invalid namespace".to_owned(),
                data: Value::Null,
            };
            return refuse(&self.session, name, &refusal);
        };
        let socket = Socket::new(namespace.clone(), self.session.clone());
        if !self.session.add_socket(&socket) {
            return self.invalid_state("second connect packet for a namespace");
        }
        let opening = &self.session.opening;
        let auth = match &own_query {
            Some(query) if self.session.protocol == Protocol::V4 => query_object(query),
            _ => auth,
        };
        let handshake = Handshake {
            namespace: name.to_owned(),
            protocol: self.session.protocol,
            auth,
            headers: opening.header_map(),
            query: match own_query {
                Some(own) => format!("{own}&{}", opening.query),
                None => opening.query.to_string(),
            },
            remote_addr: opening.remote_addr,
            transport: self.session.transport(),
        };
        self.slots.push(Slot::new(&self.app, socket, handshake));
    }

    fn invalid_state(&mut self, what: &str) {
        tracing::debug!(remote = ?self.session.opening.remote_addr, what, "connection closed");
        self.end(DisconnectReason::ForcedServerClose, Farewell::Flush);
    }

    fn end(&mut self, reason: DisconnectReason, farewell: Farewell) {
        Arc::clone(&self.session).end(reason, farewell);
    }
}
