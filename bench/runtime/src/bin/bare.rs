//! The bare loop: the least that any server must do for a broadcast over WebSocket. One thread frames the
//! event once and makes one `write` call for each socket of the room. No pings, no limits, no polling, no
//! acks but those that the load generator waits for, and JSON is taken as the load generator writes it.
//! What the others cost beyond this is what they do; what this costs is the kernel.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::Ipv4Addr,
};

use bench_runtime::{
    server,
    ws::{self, Frame},
};
use clap::Parser;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

const LISTENER: Token = Token(usize::MAX);
/// Bytes that may wait for a client that does not read.
const BACKLOG: usize = 1024 * 1024;
const UPGRADE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                       Connection: Upgrade\r\nSec-WebSocket-Accept: ";
const OPEN: &[u8] = br#"0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}"#;

struct Connection {
    stream: TcpStream,
    upgraded: bool,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    rooms: Vec<String>,
}

impl Connection {
    /// Writes what the kernel takes now and keeps the rest; `false` when the connection is lost.
    fn send(&mut self, bytes: &[u8]) -> bool {
        if !self.outbox.is_empty() {
            self.outbox.extend_from_slice(bytes);
            return self.outbox.len() <= BACKLOG;
        }
        match self.stream.write(bytes) {
            Ok(written) => self.outbox.extend_from_slice(&bytes[written..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.outbox.extend_from_slice(bytes);
            }
            Err(_) => return false,
        }
        true
    }

    fn flush(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.outbox);
        waiting.is_empty() || self.send(&waiting)
    }

    fn send_text(&mut self, text: &str) -> bool {
        let mut frame = Vec::with_capacity(text.len() + 4);
        ws::push(&mut frame, ws::TEXT, text.as_bytes());
        self.send(&frame)
    }
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    server: server::Args,
    /// Write what one turn of the loop has for a socket by one call: when there is more to send than the
    /// core can write event by event, this is the limit instead
    #[arg(long)]
    coalesce: bool,
}

struct Server {
    coalesce: bool,
    /// With `coalesce`, who has something to be written at the end of the turn.
    waiting: Vec<usize>,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    rooms: HashMap<String, Vec<usize>>,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener) -> std::io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Out of descriptors, or gone before it was taken.
                Err(_) => continue,
            };
            stream.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poll.registry().register(
                &mut stream,
                Token(at),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            self.connections[at] = Some(Connection {
                stream,
                upgraded: false,
                inbox: Vec::new(),
                outbox: Vec::new(),
                rooms: Vec::new(),
            });
        }
    }

    fn drop_connection(&mut self, at: usize) {
        let Some(connection) = self.connections[at].take() else {
            return;
        };
        self.free.push(at);
        for room in connection.rooms {
            if let Some(members) = self.rooms.get_mut(&room) {
                members.retain(|&member| member != at);
                if members.is_empty() {
                    self.rooms.remove(&room);
                }
            }
        }
    }

    /// Reads until there is no more and handles it.
    fn readable(&mut self, at: usize, buffer: &mut [u8]) {
        loop {
            let Some(connection) = self.connections[at].as_mut() else {
                return;
            };
            match connection.stream.read(buffer) {
                Ok(0) => return self.drop_connection(at),
                Ok(read) => connection.inbox.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.drop_connection(at),
            }
            if !self.handle(at) {
                return self.drop_connection(at);
            }
        }
    }

    /// Handles what has been read; `false` when the connection is over.
    fn handle(&mut self, at: usize) -> bool {
        let Some(connection) = self.connections[at].as_mut() else {
            return false;
        };
        let mut inbox = std::mem::take(&mut connection.inbox);
        if !connection.upgraded {
            let Some(head) = inbox.windows(4).position(|it| it == b"\r\n\r\n") else {
                connection.inbox = inbox;
                return true;
            };
            inbox.drain(..head + 4);
            connection.upgraded = true;
            let mut answer = format!("{UPGRADE}{}\r\n\r\n", ws::ACCEPT).into_bytes();
            ws::push(&mut answer, ws::TEXT, OPEN);
            if !connection.send(&answer) {
                return false;
            }
        }
        let mut done = 0;
        while let Some(frame) = Frame::parse(&inbox[done..]) {
            frame.unmask(&mut inbox[done..]);
            let text = String::from_utf8_lossy(frame.payload(&inbox[done..])).into_owned();
            if frame.opcode == ws::CLOSE || !self.packet(at, &text) {
                return false;
            }
            done += frame.end;
        }
        inbox.drain(..done);
        inbox.shrink_to_fit();
        if let Some(connection) = self.connections[at].as_mut() {
            connection.inbox = inbox;
        }
        true
    }

    fn packet(&mut self, at: usize, text: &str) -> bool {
        let Some(connection) = self.connections[at].as_mut() else {
            return false;
        };
        if text.starts_with("40") {
            return connection.send_text(r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#);
        }
        let Some((id, event)) = text.strip_prefix("42").and_then(|it| it.split_once('[')) else {
            return text != "41";
        };
        let parts: Vec<&str> = event.trim_end_matches(']').splitn(3, ',').collect();
        match *parts.as_slice() {
            [r#""join""#, room] => {
                connection.rooms.push(room.to_owned());
                self.rooms.entry(room.to_owned()).or_default().push(at);
                true
            }
            [r#""publish""#, room, payload] => {
                self.broadcast(room, payload);
                true
            }
            [r#""echo""#, value] => connection.send_text(&format!("43{id}[{value}]")),
            [r#""stats""#, room] => {
                let members = self.rooms.get(room).map_or(0, Vec::len);
                let sockets = self.connections.len() - self.free.len();
                let stats = server::stats(sockets, members, Some(self.rooms.len()));
                self.connections[at]
                    .as_mut()
                    .is_some_and(|it| it.send_text(&format!("43{id}[{stats}]")))
            }
            _ => true,
        }
    }

    fn broadcast(&mut self, room: &str, payload: &str) {
        let mut frame = Vec::new();
        let text = format!(r#"42["message",{payload}]"#);
        ws::push(&mut frame, ws::TEXT, text.as_bytes());
        let mut lost = Vec::new();
        for &at in self.rooms.get(room).map_or(&[][..], Vec::as_slice) {
            let Some(connection) = self.connections[at].as_mut() else {
                continue;
            };
            if self.coalesce {
                if connection.outbox.is_empty() {
                    self.waiting.push(at);
                }
                connection.outbox.extend_from_slice(&frame);
            } else if !connection.send(&frame) {
                lost.push(at);
            }
        }
        for at in lost {
            self.drop_connection(at);
        }
    }

    fn flush(&mut self, at: usize) {
        if let Some(connection) = self.connections[at].as_mut()
            && !connection.flush()
        {
            self.drop_connection(at);
        }
    }

    /// One turn of the loop.
    fn turn(
        &mut self,
        events: &mut Events,
        listener: &TcpListener,
        buffer: &mut [u8],
    ) -> std::io::Result<()> {
        match self.poll.poll(events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &*events {
            let Token(at) = event.token();
            if event.token() == LISTENER {
                self.accept(listener)?;
                continue;
            }
            if event.is_writable() {
                self.flush(at);
            }
            if event.is_readable() {
                self.readable(at, buffer);
            }
        }
        for at in std::mem::take(&mut self.waiting) {
            self.flush(at);
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.server.port).into())?;
    let poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    server::ready(listener.local_addr()?.port());
    let mut server = Server {
        coalesce: args.coalesce,
        waiting: Vec::new(),
        poll,
        connections: Vec::new(),
        free: Vec::new(),
        rooms: HashMap::new(),
    };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        server.turn(&mut events, &listener, &mut buffer)?;
    }
}
