//! What happened to connections, for operators: gathered here and written together, a second later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use http::header::USER_AGENT;
use switchboard_messaging::store::Viewer;
use switchboard_messaging::{Clock, Hub, Messaging};
use switchboard_protocol::answers::ConnectionEvent;
use switchboard_protocol::objects::ConnectionEventType;
use switchboard_protocol::{ErrorObject, OrganizationId};
use switchboard_socketio::{DisconnectReason, Handshake};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that wait; what comes while there are so many is lost.
const MOST_WAITING: usize = 20_000;
/// Between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// Organizations whose events are written at the same time.
const AT_ONCE: usize = 16;

/// An event, and whose organization's it is.
type Logged = (OrganizationId, ConnectionEvent);

/// Takes connection events. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: String,
    clock: Arc<dyn Clock>,
    waiting: mpsc::Sender<Logged>,
    /// Clients that are connected, by their connections.
    clients: Mutex<HashMap<String, Client>>,
}

/// Where a connection came from.
#[derive(Clone, Debug)]
struct Client {
    address: Option<String>,
    agent: &'static str,
}

impl ConnectionLog {
    /// A log that is written to the hub until `stop`.
    pub(crate) fn start(
        node: &str,
        messaging: &Messaging,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Self {
        let (waiting, taken) = mpsc::channel(MOST_WAITING);
        tasks.spawn(write(Arc::clone(&messaging.hub), taken, stop.clone()));
        let inner = Inner {
            node: node.to_owned(),
            clock: Arc::clone(&messaging.clock),
            waiting,
            clients: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// Somebody whose token is good connects: as this connection, or not, for a reason.
    pub(crate) fn connects(
        &self,
        handshake: &Handshake,
        viewer: &Viewer,
        connection: Result<&str, &ErrorObject>,
    ) {
        let agent = handshake.headers.get(USER_AGENT);
        let client = Client {
            address: handshake.remote_addr.map(|peer| peer.ip().to_string()),
            agent: class_of(agent.map_or("", |agent| agent.to_str().unwrap_or("?"))),
        };
        match connection {
            Ok(connection) => {
                self.add(viewer, &client, ConnectionEventType::Connected, None);
                self.lock().insert(connection.to_owned(), client);
            }
            Err(error) => {
                let reason = Some(error.code.as_str());
                self.add(viewer, &client, ConnectionEventType::Refused, reason);
            }
        }
    }

    /// A connection is over.
    pub(crate) fn ends(&self, viewer: &Viewer, connection: &str, reason: DisconnectReason) {
        let client = self.lock().remove(connection);
        if let Some(client) = client {
            let reason = Some(reason.as_str());
            self.add(viewer, &client, ConnectionEventType::Disconnected, reason);
        }
    }

    fn add(
        &self,
        viewer: &Viewer,
        client: &Client,
        kind: ConnectionEventType,
        reason: Option<&str>,
    ) {
        let event = ConnectionEvent {
            kind,
            at: self.0.clock.now(),
            node_id: self.0.node.clone(),
            user_id: viewer.user.clone(),
            address: client.address.clone(),
            user_agent: client.agent.to_owned(),
            reason: reason.map(str::to_owned),
        };
        let added = self
            .0
            .waiting
            .try_send((viewer.organization.clone(), event));
        if added.is_err() {
            tracing::debug!("a connection event was not logged: too many wait");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        let clients = self.0.clients.lock();
        clients.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what waits, over and over; and once more at the end.
async fn write(hub: Arc<dyn Hub>, mut waiting: mpsc::Receiver<Logged>, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(PAUSE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = stop.run_until_cancelled(rounds.tick()).await.is_none();
        let mut by_organization: HashMap<OrganizationId, Vec<ConnectionEvent>> = HashMap::new();
        while let Ok((organization, event)) = waiting.try_recv() {
            by_organization.entry(organization).or_default().push(event);
        }
        let hub = &hub;
        futures_util::stream::iter(by_organization)
            .for_each_concurrent(AT_ONCE, |(organization, events)| async move {
                // They are of use only while they are new: nobody waits for a hub that is away.
                if let Err(error) = hub.log_connections(&organization, &events).await {
                    tracing::debug!(cause = error.0, "connection events not logged");
                }
            })
            .await;
        if is_last {
            return;
        }
    }
}

/// Parts of a `User-Agent`, and the kind of program that they tell of; the first one counts, because
/// browsers have the names of those that they descend from behind their own.
const CLASSES: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Electron/", "Electron"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("okhttp", "okhttp"),
    ("Dart/", "Dart"),
    ("CFNetwork", "CFNetwork"),
    ("node", "Node.js"),
    ("undici", "Node.js"),
    ("ython", "Python"),
    ("Go-http-client", "Go"),
    ("Java", "Java"),
    ("curl/", "curl"),
];

/// What kind of program a `User-Agent` tells of: one of a few words.
fn class_of(agent: &str) -> &'static str {
    if agent.is_empty() {
        return "none";
    }
    let known = CLASSES.iter().find(|(part, _)| agent.contains(part));
    known.map_or("other", |(_, class)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_its_own_name() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/130.0.0.0 Safari/537.36";
        let safari = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 \
                      Safari/605.1.15";
        assert_eq!(class_of(chrome), "Chrome");
        assert_eq!(class_of(&format!("{chrome} Edg/130.0")), "Edge");
        assert_eq!(class_of(safari), "Safari");
        assert_eq!(class_of("node-XMLHttpRequest"), "Node.js");
        assert_eq!(class_of("python-requests/2"), "Python");
        assert_eq!(class_of("something of ours"), "other");
        assert_eq!(class_of(""), "none");
    }
}
