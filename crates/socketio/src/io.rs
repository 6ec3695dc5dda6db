//! The handle that sends to rooms and closes the server.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    DisconnectReason, Packet, Socket, SocketId, Transport,
    registry::{Namespace, Registry},
};

/// Handle of a server that does not depend on its application; a clone is the same server.
///
/// Methods that send may cut slow connections and so must run inside the Tokio runtime.
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

#[derive(Clone, Copy)]
enum Delivery {
    Queued,
    Volatile,
}

impl Io {
    /// Queues `packet` to every socket of `room` but `except`; returns to how many. A socket whose
    /// queue is full is cut. A `packet` of another namespace reaches nobody.
    pub fn broadcast(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_room(namespace, room, packet, except, Delivery::Queued)
    }

    /// Like [`broadcast`](Self::broadcast), but skips sockets whose queue is half full.
    pub fn broadcast_volatile(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_room(namespace, room, packet, except, Delivery::Volatile)
    }

    /// Like [`broadcast`](Self::broadcast) to several rooms; a socket in many of them gets it once.
    pub fn broadcast_rooms(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_rooms(namespace, rooms, packet, except, Delivery::Queued)
    }

    /// [`broadcast_rooms`](Self::broadcast_rooms) that skips sockets whose queue is half full.
    pub fn broadcast_rooms_volatile(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
    ) -> usize {
        self.send_to_rooms(namespace, rooms, packet, except, Delivery::Volatile)
    }

    fn send_to_room(
        &self,
        namespace: &str,
        room: &str,
        packet: &Packet,
        except: Option<&SocketId>,
        delivery: Delivery,
    ) -> usize {
        let Some(namespace) = self.namespace(namespace) else {
            return 0;
        };
        let members = namespace.rooms.members(room);
        members
            .iter()
            .filter(|socket| send(socket, packet, except, delivery))
            .count()
    }

    fn send_to_rooms(
        &self,
        namespace: &str,
        rooms: &[String],
        packet: &Packet,
        except: Option<&SocketId>,
        delivery: Delivery,
    ) -> usize {
        if let [room] = rooms {
            return self.send_to_room(namespace, room, packet, except, delivery);
        }
        let Some(namespace) = self.namespace(namespace) else {
            return 0;
        };
        let mut reached = HashSet::new();
        let mut count = 0;
        for room in rooms {
            for socket in namespace.rooms.members(room).iter() {
                if reached.insert(socket.address()) && send(socket, packet, except, delivery) {
                    count += 1;
                }
            }
        }
        count
    }

    /// The sockets of `room`, in no order.
    pub fn sockets_in(&self, namespace: &str, room: &str) -> Vec<Socket> {
        self.namespace(namespace)
            .map(|known| known.rooms.members(room).to_vec())
            .unwrap_or_default()
    }

    /// Every connected socket of every namespace.
    pub fn sockets(&self) -> Vec<Socket> {
        let connections = self.registry.open_connections();
        connections
            .iter()
            .flat_map(|connection| connection.connected_sockets())
            .collect()
    }

    /// Connected sockets by transport and namespace; pairs without any are left out.
    pub fn connections(&self) -> Vec<ConnectionCount> {
        let mut counts: HashMap<(Transport, String), usize> = HashMap::new();
        for socket in self.sockets() {
            *counts
                .entry((socket.transport(), socket.namespace().to_owned()))
                .or_default() += 1;
        }
        counts
            .into_iter()
            .map(|((transport, namespace), count)| ConnectionCount {
                transport,
                namespace,
                count,
            })
            .collect()
    }

    /// Connections cut so far because their send queue was full.
    pub fn slow_consumers(&self) -> u64 {
        self.registry.slow_consumers.load(Ordering::Relaxed)
    }

    /// Connections cut so far because events came faster than their handler took them.
    pub fn mailbox_overflows(&self) -> u64 {
        self.registry.mailbox_overflows.load(Ordering::Relaxed)
    }

    /// Panics caught in handlers so far.
    pub fn handler_panics(&self) -> u64 {
        self.registry.handler_panics.load(Ordering::Relaxed)
    }

    /// From now on a handshake is answered 503; open connections go on.
    pub fn refuse_new(&self) {
        self.registry.refuse_new();
    }

    /// Refuses new handshakes, closes every transport (clients come back, elsewhere) and waits
    /// until the disconnect handlers are done, at most until `deadline`.
    pub async fn close(&self, deadline: Duration) {
        let end = Instant::now() + deadline;
        self.registry.start_closing();
        for connection in self.registry.open_connections() {
            connection.shut(DisconnectReason::ServerShuttingDown);
            tokio::task::consume_budget().await;
            if Instant::now() >= end {
                break;
            }
        }
        self.registry.workers.close();
        if tokio::time::timeout_at(end, self.registry.workers.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                unfinished = self.registry.workers.len(),
                "server closed before all disconnect handlers were done"
            );
        }
    }

    fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.registry.namespaces.get(name).map(AsRef::as_ref)
    }
}

fn send(socket: &Socket, packet: &Packet, except: Option<&SocketId>, delivery: Delivery) -> bool {
    if except.is_some_and(|id| id == socket.id()) {
        return false;
    }
    match delivery {
        Delivery::Queued => socket.emit(packet).is_ok(),
        Delivery::Volatile => socket.emit_volatile(packet).is_ok(),
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}
