//! Long-polling clients. Each has one kept-alive connection for its GET requests, of which one is always
//! pending, and a new connection for each POST, closed after its answer: what socket.io-client does on
//! Node before version 19 of it. Browsers keep the second connection for a while.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use serde_json::Value;

use crate::{
    client::{self, Source},
    http,
};

/// Separates the packets of an answer.
const SEPARATOR: char = '\x1e';

/// A session from handshake to the answer of its CONNECT packet, on a blocking socket.
pub(crate) struct Session {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) sid: String,
    target: SocketAddr,
}

impl Session {
    /// The handshake alone.
    pub(crate) fn open(target: SocketAddr, from: Source) -> Result<Self> {
        let mut stream = client::connect(target, from)?;
        let request = http::get("/socket.io/?EIO=4&transport=polling");
        let (response, _) = http::exchange(&mut stream, &request)?;
        ensure!(response.status == 200, "status {}", response.status);
        let text = String::from_utf8(response.body)?;
        // A server may send more than OPEN at once.
        let open = text.split(SEPARATOR).next().unwrap_or_default();
        let open: Value = serde_json::from_str(open.strip_prefix('0').context("no OPEN packet")?)?;
        let sid = open["sid"].as_str().context("no sid")?.to_owned();
        Ok(Self {
            stream,
            sid,
            target,
        })
    }

    /// [`open`](Self::open) and join the namespace `/`.
    pub(crate) fn join_root(target: SocketAddr, from: Source) -> Result<Self> {
        Self::join_as(target, from, "40")
    }

    /// [`join_root`](Self::join_root) with a CONNECT packet that says who it is.
    pub(crate) fn join_as(target: SocketAddr, from: Source, connect: &str) -> Result<Self> {
        let mut session = Self::open(target, from)?;
        session.post(connect)?;
        while !session
            .get()?
            .split(SEPARATOR)
            .any(|it| it.starts_with("40"))
        {}
        Ok(session)
    }

    /// Sends packets and waits for the answer.
    pub(crate) fn post(&mut self, packets: &str) -> Result<()> {
        post(self.target, &self.sid, packets)
    }

    /// The packets of the next answer; pings are answered.
    pub(crate) fn get(&mut self) -> Result<String> {
        let request = self.get_request();
        let (response, _) = http::exchange(&mut self.stream, &request)?;
        ensure!(response.status == 200, "status {}", response.status);
        let text = String::from_utf8(response.body)?;
        if text.split(SEPARATOR).any(|it| it == "2") {
            self.post("3")?;
        }
        Ok(text)
    }

    /// The text of a GET request.
    pub(crate) fn get_request(&self) -> String {
        http::get(&path(&self.sid))
    }
}

fn path(sid: &str) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

fn post(target: SocketAddr, sid: &str, packets: &str) -> Result<()> {
    let mut stream = client::connect(target, Source::default())?;
    let (response, _) = http::exchange(&mut stream, &http::post(&path(sid), packets))?;
    ensure!(
        response.status == 200,
        "status {} for POST",
        response.status
    );
    Ok(())
}

struct Poller {
    stream: TcpStream,
    sid: String,
    inbox: Vec<u8>,
}

/// Many polling clients on one thread. A POST blocks it for as long as its answer takes, which is short:
/// there is one for each ping.
pub(crate) struct Pollers {
    target: SocketAddr,
    poll: Poll,
    events: Events,
    sessions: Vec<Option<Poller>>,
    lost: usize,
}

impl Pollers {
    /// Without any client.
    pub(crate) fn new(target: SocketAddr) -> Result<Self> {
        Ok(Self {
            target,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            sessions: Vec::new(),
            lost: 0,
        })
    }

    /// Opens the session of client `index` and sends the GET request that then waits.
    pub(crate) fn open(&mut self, index: usize, connect: &str) -> Result<()> {
        let from = Source {
            index,
            ..Source::default()
        };
        let mut session = Session::join_as(self.target, from, connect)?;
        let request = session.get_request();
        session.stream.write_all(request.as_bytes())?;
        session.stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(session.stream);
        let token = Token(self.sessions.len());
        self.poll
            .registry()
            .register(&mut stream, token, Interest::READABLE)?;
        self.sessions.push(Some(Poller {
            stream,
            sid: session.sid,
            inbox: Vec::new(),
        }));
        Ok(())
    }

    /// Sessions that ended or answered with an error.
    pub(crate) const fn lost(&self) -> usize {
        self.lost
    }

    /// Waits for answers, at most for `timeout`, answers the pings in them and asks for the next.
    pub(crate) fn turn(&mut self, timeout: Duration) -> Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let result = self.poll.poll(&mut events, Some(timeout));
        for event in &events {
            let Token(index) = event.token();
            let Some(poller) = self.sessions[index].as_mut() else {
                continue;
            };
            if let Err(error) = poller.read(self.target) {
                if self.lost == 0 {
                    eprintln!("a polling session is lost: {error:#}");
                }
                self.lost += 1;
                self.sessions[index] = None;
            }
        }
        self.events = events;
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            other => Ok(other?),
        }
    }
}

impl Poller {
    fn read(&mut self, target: SocketAddr) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => anyhow::bail!("closed by the server"),
                Ok(read) => self.inbox.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(response) = http::parse(&self.inbox) {
            ensure!(response.status == 200, "status {}", response.status);
            self.inbox.drain(..response.end);
            self.inbox.shrink_to_fit();
            let text = String::from_utf8(response.body)?;
            if text.split(SEPARATOR).any(|it| it == "2") {
                post(target, &self.sid, "3")?;
            }
            // A request is far smaller than an empty send buffer.
            self.stream
                .write_all(http::get(&path(&self.sid)).as_bytes())?;
        }
        Ok(())
    }
}
