//! A server with an application that does what clients tell it, and raw clients.

mod app;
mod client;
mod memory;
mod msgpack;
mod raw;
mod request;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;
use switchboard_socketio::{
    DisconnectReason, Io, Options, Server, SocketId, SocketIoService, listen,
};
use tokio::{
    net::TcpListener,
    sync::{Mutex, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use app::{App, Seen};
pub(crate) use client::Client;
pub(crate) use memory::Local;
pub(crate) use msgpack::{decode, encode};
pub(crate) use raw::{Raw, frame as raw_frame};
pub(crate) use request::Answer;

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("did not happen in time")
}

pub(crate) struct Lab {
    pub(crate) addr: SocketAddr,
    pub(crate) io: Io,
    pub(crate) app: Arc<App>,
    pub(crate) service: SocketIoService<App>,
    seen: Mutex<mpsc::Receiver<Seen>>,
    /// Connections in memory.
    pipes: TaskTracker,
    serving: JoinHandle<()>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn options() -> Options {
    Options {
        namespaces: vec!["/".to_owned(), "/chat".to_owned()],
        headers: vec![http::header::USER_AGENT],
        ..Options::default()
    }
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::listening(options, listen::Options::default()).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the lab aborts the task when it is dropped"
    )]
    pub(crate) async fn listening(options: Options, settings: listen::Options) -> Self {
        let (seen, receiver) = mpsc::channel(100_000);
        let app = Arc::new(App {
            seen,
            gate: Semaphore::new(0),
            polls: 0.into(),
            greet: OnceLock::new(),
        });
        let server = Server::new_shared(options, app.clone());
        let (io, tower) = (server.handle(), server.service());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let forever = CancellationToken::new();
        let serving = tokio::spawn(listen::serve(tcp, server.router(), settings, forever));
        Self {
            addr,
            io,
            app,
            service: tower,
            seen: Mutex::new(receiver),
            pipes: TaskTracker::new(),
            serving,
        }
    }

    pub(crate) async fn next(&self) -> Seen {
        soon(self.seen.lock().await.recv())
            .await
            .expect("the app lives")
    }

    /// Skips what happened until the next end of a socket.
    pub(crate) async fn next_end(&self) -> (SocketId, DisconnectReason) {
        loop {
            if let Seen::Disconnected(id, reason) = self.next().await {
                return (id, reason);
            }
        }
    }

    /// Skips until `wanted` happens.
    pub(crate) async fn until(&self, wanted: &Seen) {
        while self.next().await != *wanted {}
    }

    pub(crate) async fn until_event(&self, name: &str) -> Vec<Value> {
        loop {
            if let Seen::Event(seen, args) = self.next().await
                && seen == name
            {
                return args;
            }
        }
    }

    /// What happened up to now and was not read.
    pub(crate) async fn rest(&self) -> Vec<Seen> {
        let mut seen = self.seen.lock().await;
        std::iter::from_fn(|| seen.try_recv().ok()).collect()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::open(self.addr, "EIO=4").await
    }

    /// A v5 client in `/`.
    pub(crate) async fn joined(&self) -> Client {
        let mut client = self.client().await;
        client.join("0").await;
        client
    }

    pub(crate) async fn v4_client(&self, query: &str) -> Client {
        Client::open(self.addr, &format!("EIO=3&{query}")).await
    }

    /// Opens a polling session and joins `/`; gives its query.
    pub(crate) async fn polling_session(&self) -> String {
        let (_, open) = self.http("GET", "EIO=4&transport=polling", "").await;
        let open: Value = serde_json::from_str(&open[1..]).unwrap();
        let session = format!(
            "EIO=4&transport=polling&sid={}",
            open["sid"].as_str().unwrap()
        );
        assert_eq!(
            self.http("POST", &session, "40").await,
            (200, "ok".to_owned())
        );
        let answers = self.poll_until(&session, "early").await;
        assert!(answers.contains("40{\"sid\":"), "{answers}");
        assert!(
            !answers.contains(open["sid"].as_str().unwrap()),
            "the session id is a secret"
        );
        session
    }

    /// Polls until `wanted` is in what came.
    pub(crate) async fn poll_until(&self, session: &str, wanted: &str) -> String {
        let mut got = String::new();
        while !got.contains(wanted) {
            let (status, body) = self.http("GET", session, "").await;
            assert_eq!(status, 200);
            got += &body;
        }
        got
    }

    /// Takes a polling session over to WebSocket.
    pub(crate) async fn upgraded(&self, session: &str) -> Client {
        let query = session.replace("transport=polling", "transport=websocket");
        let mut client = Client::connect(self.addr, &query).await;
        client.send_engine("2probe").await;
        assert_eq!(client.raw().await.as_deref(), Some("3probe"));
        client.send_engine("5").await;
        client
    }
}
