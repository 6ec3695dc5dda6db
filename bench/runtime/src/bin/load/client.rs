//! One client on a blocking socket: connects, joins, and may then be handed to a [`Fleet`].
//!
//! [`Fleet`]: crate::fleet::Fleet

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bench_runtime::ws::{self, Frame};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::http;

/// Longer than any server should take for a handshake, even one that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections from one source address: Linux has 28,232 ports for them by default.
const PORTS: usize = 25_000;

/// How a client connects.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Source {
    /// Which connection of the run this is: after every [`PORTS`], the next address of 127.0.0.x.
    pub(crate) index: usize,
    /// As if over a network, to a client with a small receive buffer. Over loopback, segments are so
    /// large that Linux would buffer 2.5 MB for a peer that never reads a byte.
    pub(crate) narrow: bool,
}

/// A TCP connection.
pub(crate) fn connect(target: SocketAddr, from: Source) -> Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if from.narrow {
        // Before connecting: the handshake tells both.
        socket.set_recv_buffer_size(4096)?;
        socket.set_tcp_mss(1448)?;
    }
    if target.is_ipv4() && from.index >= PORTS {
        let host = u8::try_from(1 + from.index / PORTS % 200)?;
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&target.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// A WebSocket client on a blocking socket.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
    next_ack: u64,
}

impl Client {
    /// Opens a WebSocket and waits for the Engine.IO OPEN packet.
    pub(crate) fn open(target: SocketAddr, from: Source) -> Result<Self> {
        let mut client = Self::upgrade(connect(target, from)?, "EIO=4&transport=websocket")?;
        client.wait_for("0{")?;
        Ok(client)
    }

    /// Asks for a WebSocket with the given query.
    pub(crate) fn upgrade(mut stream: TcpStream, query: &str) -> Result<Self> {
        let request = format!(
            "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            ws::KEY
        );
        let (response, inbox) = http::exchange(&mut stream, &request)?;
        ensure!(response.status == 101, "status {}", response.status);
        Ok(Self {
            stream,
            inbox,
            next_ack: 0,
        })
    }

    /// [`open`](Self::open) and join the namespace `/`.
    pub(crate) fn join_root(target: SocketAddr, from: Source) -> Result<Self> {
        Self::join_as(target, from, "40")
    }

    /// [`join_root`](Self::join_root) with a CONNECT packet that says who it is.
    pub(crate) fn join_as(target: SocketAddr, from: Source, connect: &str) -> Result<Self> {
        let mut client = Self::open(target, from)?;
        client.send(connect)?;
        client.wait_for("40{")?;
        Ok(client)
    }

    /// [`join_root`](Self::join_root) and join `room`: returns when the server has handled it.
    pub(crate) fn join_room(target: SocketAddr, from: Source, room: &str) -> Result<Self> {
        let mut client = Self::join_root(target, from)?;
        client.send(&format!(r#"42["join","{room}"]"#))?;
        client.call("echo", "1")?;
        Ok(client)
    }

    /// Sends an Engine.IO packet.
    pub(crate) fn send(&mut self, packet: &str) -> Result<()> {
        let mut frame = Vec::with_capacity(packet.len() + 8);
        ws::push_masked(&mut frame, ws::TEXT, packet.as_bytes());
        Ok(self.stream.write_all(&frame)?)
    }

    /// Emits `event` with one argument, which is JSON, and returns the first of its answer.
    pub(crate) fn call(&mut self, event: &str, argument: &str) -> Result<Value> {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send(&format!(r#"42{id}["{event}",{argument}]"#))?;
        let head = format!("43{id}[");
        let answer = self.wait_for(&head)?;
        let values: Vec<Value> = serde_json::from_str(&answer[head.len() - 1..])?;
        values.into_iter().next().context("empty answer")
    }

    /// The server's `stats`, with the size of `room`.
    pub(crate) fn stats(&mut self, room: &str) -> Result<Value> {
        self.call("stats", &format!("\"{room}\""))
    }

    /// Reads until a packet that starts with `head`, and answers pings meanwhile.
    pub(crate) fn wait_for(&mut self, head: &str) -> Result<String> {
        loop {
            let packet = self.next_packet()?;
            if packet.starts_with(head) {
                return Ok(packet);
            }
        }
    }

    /// The next Engine.IO packet; pings are answered as well.
    pub(crate) fn next_packet(&mut self) -> Result<String> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(frame) = Frame::parse(&self.inbox) {
                let text = String::from_utf8_lossy(frame.payload(&self.inbox)).into_owned();
                self.inbox.drain(..frame.end);
                ensure!(
                    frame.opcode == ws::TEXT,
                    "opcode {} from the server",
                    frame.opcode
                );
                if text == "2" {
                    self.send("3")?;
                }
                return Ok(text);
            }
            match self.stream.read(&mut buffer)? {
                0 => bail!("the server closed the connection"),
                read => self.inbox.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// The socket, and what was read from it but not handled.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.inbox)
    }

    /// The socket, for what only a rude client does.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}
