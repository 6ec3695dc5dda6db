//! A server with an application that does what clients tell it, and raw clients.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use switchboard_socketio::{
    Application, DisconnectReason, Event, Handshake, Io, Options, Packet, Refusal, Server, Socket,
    SocketId, SocketIoService, listen,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("did not happen in time")
}

/// What the application saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Connecting(Value),
    Connected(SocketId),
    Event(String, Vec<Value>),
    Held,
    Joined(bool),
    Disconnected(SocketId, DisconnectReason),
}

pub(crate) struct App {
    seen: mpsc::Sender<Seen>,
    /// Handlers that were told to wait take a permit from here.
    pub(crate) gate: Semaphore,
}

impl App {
    fn note(&self, seen: Seen) {
        self.seen.try_send(seen).expect("test reads what happened");
    }

    async fn wait_at_gate(&self) {
        self.note(Seen::Held);
        self.gate
            .acquire()
            .await
            .expect("gate is open or not")
            .forget();
    }
}

impl Application for App {
    type Session = SocketId;

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<SocketId, Refusal> {
        self.note(Seen::Connecting(json!({
            "namespace": handshake.namespace,
            "auth": handshake.auth,
            "query": handshake.query,
            "address": handshake.remote_addr,
            "transport": handshake.transport.as_str(),
            "userAgent": handshake.headers.get("user-agent").map(|agent| agent.to_str().unwrap()),
        })));
        let told =
            |name: &str| handshake.auth.get(name).is_some() || handshake.query.contains(name);
        socket.join("early");
        socket
            .emit(&Packet::event(socket.namespace(), "early", &1).unwrap())
            .unwrap();
        if told("refuse") {
            let data = handshake.auth.get("refuse").cloned().unwrap_or_default();
            return Err(Refusal {
                message: "FORBIDDEN".to_owned(),
                data,
            });
        }
        assert!(!told("panic"), "told to panic");
        if told("hold") {
            self.wait_at_gate().await;
            self.note(Seen::Joined(socket.join("late")));
        }
        Ok(socket.id())
    }

    async fn connected(&self, socket: Socket, session: Arc<SocketId>) {
        assert_eq!(socket.id(), *session);
        self.note(Seen::Connected(socket.id()));
    }

    async fn event(&self, socket: Socket, _: Arc<SocketId>, event: Event) {
        let Event {
            name, args, ack, ..
        } = event;
        match name.as_str() {
            "echo" => ack
                .expect("echo is called with an ack")
                .send(&args[0])
                .unwrap(),
            "join" => assert!(socket.join(args[0].as_str().unwrap())),
            "leave" => assert!(socket.leave(args[0].as_str().unwrap())),
            "panic" => panic!("told to panic"),
            "hold" => self.wait_at_gate().await,
            "kick" => socket.disconnect(),
            "close" => socket.close(),
            "yield" => {
                for _ in 0..args[0].as_u64().unwrap() % 4 {
                    tokio::task::yield_now().await;
                }
            }
            _ => {}
        }
        self.note(Seen::Event(name, args));
    }

    async fn disconnected(&self, id: SocketId, session: Arc<SocketId>, reason: DisconnectReason) {
        assert_eq!(id, *session);
        self.note(Seen::Disconnected(id, reason));
    }
}

pub(crate) struct Lab {
    pub(crate) addr: SocketAddr,
    pub(crate) io: Io,
    pub(crate) app: Arc<App>,
    pub(crate) service: SocketIoService<App>,
    seen: Mutex<mpsc::Receiver<Seen>>,
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

    #[expect(
        clippy::disallowed_methods,
        reason = "the lab aborts the task when it is dropped"
    )]
    pub(crate) async fn with(options: Options) -> Self {
        let (seen, receiver) = mpsc::channel(100_000);
        let app = Arc::new(App {
            seen,
            gate: Semaphore::new(0),
        });
        let server = Server::new_shared(options, app.clone());
        let (io, tower) = (server.handle(), server.service());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let (settings, forever) = (listen::Options::default(), CancellationToken::new());
        let serving = tokio::spawn(listen::serve(tcp, server.router(), settings, forever));
        Self {
            addr,
            io,
            app,
            service: tower,
            seen: Mutex::new(receiver),
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
        let (ws, _) = soon(connect_async(format!(
            "ws://{}/socket.io/?{query}",
            self.addr
        )))
        .await
        .unwrap();
        let mut client = Client {
            ws,
            id: String::new(),
        };
        client.send_engine("2probe").await;
        assert_eq!(client.raw().await.as_deref(), Some("3probe"));
        client.send_engine("5").await;
        client
    }

    /// One HTTP request; gives status line and body.
    pub(crate) async fn http(&self, method: &str, query: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!(
            "{method} /socket.io/?{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

pub(crate) struct Client {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) id: String,
}

impl Client {
    async fn open(addr: SocketAddr, query: &str) -> Self {
        let url = format!("ws://{addr}/socket.io/?{query}&transport=websocket");
        let (ws, _) = soon(connect_async(url)).await.unwrap();
        let mut client = Self {
            ws,
            id: String::new(),
        };
        let open = client.raw().await.expect("open packet");
        assert!(open.starts_with("0{"), "{open}");
        client
    }

    /// Sends a Socket.IO packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.ws
            .send(Message::Text(format!("4{packet}").into()))
            .await
            .unwrap();
    }

    pub(crate) async fn send_engine(&mut self, text: &str) {
        self.ws
            .send(Message::Text(text.to_owned().into()))
            .await
            .unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.ws
            .send(Message::Binary(bytes.to_vec().into()))
            .await
            .unwrap();
    }

    /// Sends a CONNECT packet and reads its answer and what was held back.
    pub(crate) async fn join(&mut self, packet: &str) {
        self.send(packet).await;
        let answer = self.recv().await;
        let json = answer.find('{').expect("connect answer");
        let answer: Value = serde_json::from_str(&answer[json..]).unwrap();
        answer["sid"]
            .as_str()
            .expect("accepted")
            .clone_into(&mut self.id);
        assert!(self.recv().await.ends_with(r#"["early",1]"#));
    }

    /// The next Engine.IO packet but pings; `None` when the server closed.
    async fn raw(&mut self) -> Option<String> {
        loop {
            match soon(self.ws.next()).await {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    // The connection may be on its way down.
                    let _ = self.ws.send(Message::Text("3".into())).await;
                }
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next Socket.IO packet.
    pub(crate) async fn recv(&mut self) -> String {
        let text = self.raw().await.expect("still connected");
        text.strip_prefix('4').expect("a message").to_owned()
    }

    /// Waits for the end; gives the Socket.IO packets that came before it.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        while let Some(text) = self.raw().await {
            packets.extend(text.strip_prefix('4').map(ToOwned::to_owned));
        }
        packets
    }

    /// Goes away without a word.
    pub(crate) fn vanish(self) {
        drop(self.ws);
    }
}
