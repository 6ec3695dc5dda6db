//! The socket door: connect → decode → pipeline → ack, and what the hub brings → rooms → sockets.

mod arriving;
mod authenticating;
mod connection_calls;
mod connection_log;
mod credentials;
mod dialects;
mod door;
mod drain;
mod effects;
mod expiry;
mod fanout;
mod handshake;
mod places;
mod presence_calls;
mod presence_fanout;
mod present;
mod queue;
mod recovering;
mod revoked;
mod rooms;
mod seat;
mod session;
mod sessions;
mod traces;
mod unread;
mod watchers;
mod welcoming;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use tower::Service;

use http::header;
use switchboard_messaging::Messaging;
use switchboard_messaging::auth::Authenticator;
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::hub::Arrival;
use switchboard_protocol::Dialect;
use switchboard_socketio::{Io, Server};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use handshake::QueryToken;

/// The namespace of the native dialect.
const NAMESPACE: &str = "/";

/// Where clients look for the gateway.
pub const PATH: &str = "/socket.io";

/// A service of HTTP requests that axum can nest.
pub trait SocketService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> SocketService for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// How the door is kept.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// This node, as clients see it in `session:ready`.
    pub node_id: String,
    /// Name of a cookie with the token, if one is looked for.
    pub cookie: Option<String>,
    /// When the query parameter `token` is looked at.
    pub query_token: QueryToken,
    /// How long presence changes are gathered into one event.
    pub presence_window: Duration,
    /// How long changes of unread counts are gathered before users are told.
    pub unread_window: Duration,
    /// How often the noted counts of some users are compared with the store.
    pub unread_check: Duration,
    /// Most sockets of one user on this node; 0 is no limit.
    pub connections_per_user: usize,
    /// Most sockets of one organization on this node; 0 is no limit.
    pub connections_per_org: usize,
    /// Most conversations that one socket follows; 0 is no limit.
    pub rooms_per_socket: usize,
    /// How long a client may be away and still get back what it had; zero is not at all.
    pub max_disconnection: Duration,
    /// What else is spoken, each in its namespace.
    pub dialects: Vec<Dialect>,
    /// Transports and queues.
    pub socketio: switchboard_socketio::Options,
}

/// The socket door of one node.
#[derive(Debug)]
pub struct Gateway {
    server: Server<door::Door>,
    dialects: dialects::Dialects,
}

/// What the door leads to.
#[derive(Debug)]
pub struct Parts {
    pub messaging: Messaging,
    pub authenticator: Authenticator,
    /// What the hub brings for this node.
    pub inbound: mpsc::Receiver<Arrival>,
    /// Owner of the door's tasks, and the signal that ends them.
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Gateway {
    /// Opens the door: its tasks run on `parts.tasks` until `parts.stop`.
    pub fn new(options: GatewayOptions, parts: Parts) -> Self {
        let Parts {
            messaging,
            authenticator,
            inbound,
            tasks,
            stop,
        } = parts;
        let dialects = dialects::Dialects::new(options.dialects.clone());
        tasks.spawn(dialects.clone().run(messaging.clone(), stop.clone()));
        let outlet = rooms::Outlet::new(dialects.clone());
        let expiry = expiry::Expiry::new(dialects.clone());
        let window = options.presence_window;
        let socketio = of_runtime(&options, &dialects);
        let clock = Arc::clone(&messaging.clock);
        let present = present::Present::default();
        let hub = Arc::clone(&messaging.hub);
        let sessions = sessions::Sessions::new(hub, options.max_disconnection);
        tasks.spawn(sessions.clone().run(stop.clone()));
        let rooms = rooms::Rooms::new(&messaging, (&outlet, &sessions), &tasks, &stop);
        let queue = queue::Queue::new(&messaging, &rooms, &dialects);
        tasks.spawn(queue.clone().run(stop.clone()));
        let watchers = watchers::Watchers::default();
        let owner = (&tasks, &stop);
        let revoker = watch_revocations(&messaging, (&present, &dialects), owner);
        unread::Counting::new(&messaging, &rooms, &outlet, &present).start(&options, owner);
        let log = connection_log::ConnectionLog::start(&options.node_id, &messaging, owner);
        let (looked, heard) = (revoker.clone(), watchers.clone());
        let fanned = (rooms.clone(), present.clone(), queue.clone(), looked, heard);
        let door = door::Door {
            options,
            messaging,
            authenticator,
            rooms,
            dialects: dialects.clone(),
            expiry: expiry.clone(),
            sessions,
            present,
            queue,
            watchers,
            log,
            recoveries: connection_calls::RecoveryCounts::default(),
            revoker,
            counting: std::sync::Mutex::default(),
            places: places::Places::default(),
            traffic: arriving::Traffic::default(),
        };
        let server = Server::new(socketio, door);
        outlet.open(server.handle());
        tasks.spawn(fanout::run(
            inbound,
            fanned,
            (server.handle(), dialects.clone()),
            window,
            stop.clone(),
        ));
        tasks.spawn(expiry.run(clock, stop));
        Self { server, dialects }
    }

    /// The routes to be served.
    pub fn router(&self) -> axum::Router {
        self.server.router()
    }

    /// What [`router`](Self::router) serves below [`PATH`], to be wrapped in layers of one's own: as
    /// one service, because a poll that waits holds everything around it.
    pub fn service(&self) -> impl SocketService {
        self.server.service()
    }

    /// Connections, slow consumers and the like, for metrics.
    pub fn io(&self) -> Io {
        self.server.handle()
    }

    /// Takes no new sockets and closes those that are there, so that they reconnect elsewhere: each
    /// is told when, and the closes are spread evenly over `window`. A socket is closed when the
    /// calls that it made are answered. Returns within `deadline`.
    pub async fn drain(&self, window: &DrainWindow, deadline: Duration) {
        let end = Instant::now() + deadline;
        self.server.handle().refuse_new();
        let closing = drain::close_all(self.server.handle(), self.dialects.clone(), window);
        if tokio::time::timeout_at(end - deadline / 20, closing)
            .await
            .is_err()
        {
            tracing::warn!("draining: some calls are still not answered");
        }
        let left = end.saturating_duration_since(Instant::now());
        self.server.handle().close(left).await;
    }
}

/// What the Socket.IO runtime is to know of the door.
fn of_runtime(
    options: &GatewayOptions,
    dialects: &dialects::Dialects,
) -> switchboard_socketio::Options {
    switchboard_socketio::Options {
        // Where a token may be, what kind of program the client is, and which trace it belongs to.
        headers: vec![
            header::AUTHORIZATION,
            header::COOKIE,
            header::USER_AGENT,
            traces::TRACEPARENT,
        ],
        namespaces: dialects.namespaces(),
        ..options.socketio.clone()
    }
}

/// Keeps up with what is revoked, and looks at this node's sockets for it.
fn watch_revocations(
    messaging: &Messaging,
    (present, dialects): (&present::Present, &dialects::Dialects),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> revoked::Revoker {
    let revoker = revoked::Revoker::new(messaging, present, dialects);
    let follow = messaging.revocations.clone().follow(
        Arc::clone(&messaging.store),
        Arc::clone(&messaging.clock),
        stop.clone(),
    );
    tasks.spawn(follow);
    tasks.spawn(revoker.clone().run(stop.clone()));
    revoker
}
