//! Many WebSocket connections on one thread.

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use anyhow::{Result, ensure};
use bench_runtime::ws::{self, Frame};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::client::Client;

/// Read at once: many deliveries of one connection where the server is far ahead.
const BUFFER: usize = 256 * 1024;
/// Few, so that a publisher on the same thread is not late by much.
const EVENTS: usize = 256;
/// Token of what else wakes the loop, see [`Fleet::poll`].
pub(crate) const WAKE: Token = Token(usize::MAX);

struct Member {
    stream: TcpStream,
    /// The start of a frame whose end has not come.
    partial: Vec<u8>,
    /// What the kernel did not take.
    outbox: Vec<u8>,
}

/// Connections that are read, and whose pings are answered, by [`turn`](Self::turn).
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    members: Vec<Option<Member>>,
    buffer: Vec<u8>,
    lost: usize,
}

impl Fleet {
    /// Without any connection.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            members: Vec::new(),
            buffer: vec![0; BUFFER],
            lost: 0,
        })
    }

    /// Takes a connection over and returns its index.
    pub(crate) fn add(&mut self, client: Client) -> Result<usize> {
        let (stream, read) = client.into_parts();
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let index = self.members.len();
        self.poll.registry().register(
            &mut stream,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut member = Member {
            stream,
            partial: Vec::new(),
            outbox: Vec::new(),
        };
        // A ping that came with the last answer would else wait for what comes after it.
        ensure!(member.handle(&read, |_| {}), "lost while connecting");
        self.members.push(Some(member));
        Ok(index)
    }

    /// For what else should wake [`turn`](Self::turn), under the token [`WAKE`].
    pub(crate) const fn poll(&self) -> &Poll {
        &self.poll
    }

    /// Connections that ended, whoever ended them.
    pub(crate) const fn lost(&self) -> usize {
        self.lost
    }

    /// Sends an Engine.IO packet over connection `index`, now or as soon as the kernel takes it.
    pub(crate) fn send(&mut self, index: usize, packet: &[u8]) {
        let Some(member) = self.members[index].as_mut() else {
            return;
        };
        ws::push_masked(&mut member.outbox, ws::TEXT, packet);
        if !member.flush() {
            self.lose(index);
        }
    }

    /// Waits for events, at most for `timeout`, reads what has come, and hands each Socket.IO packet to
    /// `received` with the index of its connection.
    pub(crate) fn turn(
        &mut self,
        timeout: Duration,
        mut received: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(timeout));
        for event in &events {
            let Token(index) = event.token();
            let Some(Some(member)) = self.members.get_mut(index) else {
                continue; // WAKE, or just lost
            };
            let alive = (!event.is_writable() || member.flush())
                && (!event.is_readable()
                    || member.read(&mut self.buffer, |packet| received(index, packet)));
            if !alive {
                self.lose(index);
            }
        }
        self.events = events;
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => Ok(result?),
        }
    }

    fn lose(&mut self, index: usize) {
        if self.members[index].take().is_some() {
            self.lost += 1;
        }
    }
}

impl Member {
    /// `false` when the connection is lost.
    fn flush(&mut self) -> bool {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        self.outbox = Vec::new();
        true
    }

    /// `false` when the connection is over.
    fn read(&mut self, buffer: &mut [u8], mut received: impl FnMut(&[u8])) -> bool {
        loop {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            let end = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return false,
                Ok(read) => kept + read,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            if !self.handle(&buffer[..end], &mut received) {
                return false;
            }
            // A short read has emptied the socket: what comes later is a new event.
            if end < buffer.len() {
                return true;
            }
        }
    }

    /// Handles the frames in `bytes` and keeps the start of the last; `false` when it is over.
    fn handle(&mut self, bytes: &[u8], mut received: impl FnMut(&[u8])) -> bool {
        let mut at = 0;
        while let Some(frame) = Frame::parse(&bytes[at..]) {
            let payload = frame.payload(&bytes[at..]);
            match (frame.opcode, payload) {
                (ws::TEXT, b"2") => ws::push_masked(&mut self.outbox, ws::TEXT, b"3"),
                (ws::TEXT, packet) => received(packet),
                (ws::PING, _) => ws::push_masked(&mut self.outbox, ws::PONG, payload),
                (ws::CLOSE, _) => return false,
                _ => {}
            }
            at += frame.end;
        }
        self.partial.clear();
        self.partial.extend_from_slice(&bytes[at..]);
        self.outbox.is_empty() || self.flush()
    }
}
