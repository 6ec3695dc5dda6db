//! The handle that sends to rooms and closes the server.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    DisconnectReason, Packet, Socket, SocketId, Transport,
    pace::{Closes, Pace},
    registry::{Namespace, Registry},
    session::{Class, Farewell, Haste, Session},
};

/// Sockets of a room that are served between two chances for other tasks, some 20 µs.
const TURN: usize = 256;

/// Handle of a server that does not depend on its application; a clone is the same server.
#[derive(Clone)]
pub struct Io {
    pub(crate) registry: Arc<Registry>,
}

/// How many sockets are connected in one namespace over one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionCount {
    /// Transport at this moment.
    pub transport: Transport,
    /// The namespace.
    pub namespace: String,
    /// Connected sockets.
    pub count: usize,
}

impl Io {
    /// Queues `packet` to every socket of `room` but `except`; returns to how many. A socket whose
    /// queue is full is cut. A `packet` of another namespace reaches nobody.
    ///
    /// A large room is served in turns with other tasks. Two broadcasts of which the second begins
    /// when the first has returned reach every socket in that order; one that is dropped half-way
    /// has reached only some.
    pub async fn broadcast(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_room(namespace, room, packet, except, Class::Queued(Haste::Rests))
            .await
    }

    /// Like [`broadcast`](Self::broadcast), but skips sockets whose queue is half full.
    pub async fn broadcast_volatile(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_room(
            namespace,
            room,
            packet,
            except,
            Class::Volatile(Haste::Rests),
        )
        .await
    }

    /// Like [`broadcast`](Self::broadcast) to several rooms; a socket in many of them gets it once.
    pub async fn broadcast_rooms(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_rooms(
            namespace,
            rooms,
            packet,
            except,
            Class::Queued(Haste::Rests),
        )
        .await
    }

    /// [`broadcast_rooms`](Self::broadcast_rooms) that skips sockets whose queue is half full.
    pub async fn broadcast_rooms_volatile(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_rooms(
            namespace,
            rooms,
            packet,
            except,
            Class::Volatile(Haste::Rests),
        )
        .await
    }

    async fn send_to_room(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
        class: Class,
    ) -> usize {
        let Some(namespace) = self.namespace_of(namespace, packet) else {
            return 0;
        };
        let members = namespace.rooms.members(room);
        let mut reached = 0;
        for turn in members.chunks(TURN) {
            let sent = turn
                .iter()
                .filter(|socket| send(socket, packet, except, class));
            reached += sent.count();
            if turn.len() == TURN {
                tokio::task::yield_now().await;
            }
        }
        // Many small broadcasts in a row are one large one.
        tokio::task::consume_budget().await;
        reached
    }

    async fn send_to_rooms(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
        class: Class,
    ) -> usize {
        if let [room] = rooms {
            return self
                .send_to_room(namespace, room, packet, except, class)
                .await;
        }
        let Some(namespace) = self.namespace_of(namespace, packet) else {
            return 0;
        };
        let mut seen = HashSet::new();
        let mut reached = 0;
        for room in rooms {
            for turn in namespace.rooms.members(room).chunks(TURN) {
                let sent = turn.iter().filter(|socket| {
                    seen.insert(socket.address()) && send(socket, packet, except, class)
                });
                reached += sent.count();
                if turn.len() == TURN {
                    tokio::task::yield_now().await;
                }
            }
        }
        reached
    }

    /// The sockets of `room`, in no order.
    pub fn sockets_in(&self, namespace: &str, room: &str) -> Vec<Socket> {
        self.namespace(namespace)
            .map(|known| known.rooms.members(room).to_vec())
            .unwrap_or_default()
    }

    /// How many rooms have members.
    pub fn rooms(&self, namespace: &str) -> usize {
        self.namespace(namespace)
            .map_or(0, |known| known.rooms.len())
    }

    /// Every connected socket of every namespace.
    pub fn sockets(&self) -> Vec<Socket> {
        let sessions = self.registry.sessions();
        sessions
            .iter()
            .flat_map(|session| session.connected_sockets())
            .collect()
    }

    /// The namespaces that are served, in no order.
    pub fn namespaces(&self) -> Vec<String> {
        self.registry.namespaces.keys().cloned().collect()
    }

    /// Connected sockets by transport and namespace; pairs without any are left out.
    pub fn connections(&self) -> Vec<ConnectionCount> {
        let mut counts: HashMap<(Transport, Arc<str>), usize> = HashMap::new();
        for session in self.registry.sessions() {
            let transport = session.transport();
            for socket in session.connected_sockets() {
                *counts
                    .entry((transport, socket.namespace_name()))
                    .or_default() += 1;
            }
        }
        counts
            .into_iter()
            .map(|((transport, namespace), count)| ConnectionCount {
                transport,
                namespace: namespace.to_string(),
                count,
            })
            .collect()
    }

    /// Connections that are open, in a namespace or not.
    pub fn sessions(&self) -> usize {
        self.registry.session_count()
    }

    /// Tasks that run for connections, and none of them after their connection and its handlers
    /// have ended.
    pub fn tasks(&self) -> usize {
        self.registry.connections.len()
    }

    /// Bytes that wait to be sent, of all connections.
    pub fn queued_bytes(&self) -> usize {
        let sessions = self.registry.sessions();
        sessions.iter().map(|session| session.queued_bytes()).sum()
    }

    /// Connections cut so far because their send queue was full.
    pub fn slow_consumers(&self) -> u64 {
        self.registry.slow_consumers.load(Ordering::Relaxed)
    }

    /// Sessions refused so far because their address had too many.
    pub fn addresses_refused(&self) -> u64 {
        self.registry.addresses_refused.load(Ordering::Relaxed)
    }

    /// Panics caught in handlers so far.
    pub fn handler_panics(&self) -> u64 {
        self.registry.handler_panics.load(Ordering::Relaxed)
    }

    /// From now on a handshake is answered 503; open connections go on.
    pub fn refuse_new(&self) {
        self.registry.refuse_new();
    }

    /// Refuses new handshakes and closes every connection at the given pace, each when the events
    /// that it sent are handled, or after `patience`, and what is queued for it is flushed. Clients
    /// come back, elsewhere. `tell` is called for each socket at the start, with the time until its
    /// connection is closed.
    pub async fn drain(
        &self,
        pace: Pace,
        patience: Duration,
        mut tell: impl FnMut(&Socket, Duration),
    ) {
        self.refuse_new();
        let sessions = self.registry.sessions();
        let mut closes = Closes::begin(pace, sessions.len() as u32);
        for (index, session) in (0u32..).zip(&sessions) {
            for socket in session.connected_sockets() {
                tell(&socket, closes.until(index));
            }
            tokio::task::consume_budget().await;
        }
        // By id: who leaves meanwhile shall not be kept.
        let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
        drop(sessions);
        let closing = tokio_util::task::TaskTracker::new();
        for id in ids {
            closes.next().await;
            if let Some(session) = self.registry.session(&id) {
                closing.spawn(close_when_idle(session, patience));
            }
        }
        closing.close();
        closing.wait().await;
    }

    /// Refuses new handshakes, closes every transport (clients come back, elsewhere) and waits
    /// until the disconnect handlers are done, at most until `deadline`.
    pub async fn close(&self, deadline: Duration) {
        let end = Instant::now() + deadline;
        self.registry.refuse_new();
        for session in self.registry.sessions() {
            session.end(DisconnectReason::ServerShuttingDown, Farewell::Flush);
            tokio::task::consume_budget().await;
            if Instant::now() >= end {
                break;
            }
        }
        let tasks = &self.registry.connections;
        tasks.close();
        if tokio::time::timeout_at(end, tasks.wait()).await.is_err() {
            tracing::warn!(
                unfinished = tasks.len(),
                "server closed before all connections were done"
            );
        }
    }

    fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.registry.namespaces.get(name).map(AsRef::as_ref)
    }

    fn namespace_of(&self, name: &str, packet: &Packet) -> Option<&Namespace> {
        self.namespace(name)
            .filter(|namespace| *namespace.name == *packet.namespace())
    }
}

fn send(socket: &Socket, packet: &Packet, except: Option<&SocketId>, class: Class) -> bool {
    if except.is_some_and(|id| socket.has_id(id)) {
        return false;
    }
    socket.deliver(packet, class).is_ok()
}

async fn close_when_idle(session: Arc<Session>, patience: Duration) {
    let idle = async {
        for socket in session.connected_sockets() {
            socket.wait_until_idle().await;
        }
    };
    // One that stays busy is closed all the same.
    let _ = tokio::time::timeout(patience, idle).await;
    session.end(DisconnectReason::ServerShuttingDown, Farewell::Flush);
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}
