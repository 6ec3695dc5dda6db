//! Connection state recovery with replay: the last broadcasts, and who may come back for them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use serde_json::Value;
use switchboard_socketio::{Io, Packet, Recovery, Socket, SocketId};
use tokio::sync::Mutex;

/// Broadcasts that are kept.
const KEPT: usize = 1000;

/// One lock for all: a client that comes back is in its rooms again and has its replay before the
/// next broadcast, so that it gets each one exactly once.
#[derive(Default)]
pub(crate) struct History {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    kept: VecDeque<Kept>,
    /// By `pid`.
    left: HashMap<String, Left>,
}

struct Kept {
    offset: String,
    room: String,
    sender: SocketId,
    packet: Packet,
}

/// What a socket was that may come back.
pub(crate) struct Left {
    pub(crate) id: SocketId,
    pub(crate) namespace: String,
    pub(crate) rooms: BTreeSet<String>,
}

impl History {
    /// Broadcasts with the next offset; returns to how many sockets.
    pub(crate) async fn say(
        &self,
        io: &Io,
        room: &str,
        packet: &Packet,
        sender: SocketId,
    ) -> usize {
        let mut state = self.state.lock().await;
        let offset = format!("offset-{}", state.next);
        let packet = packet.with_offset(&offset);
        state.next += 1;
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(Kept {
            offset,
            room: room.to_owned(),
            sender,
            packet: packet.clone(),
        });
        io.broadcast(packet.namespace(), room, &packet, Some(&sender))
            .await
    }

    pub(crate) async fn leave(&self, pid: &str, left: Left) {
        self.state.lock().await.left.insert(pid.to_owned(), left);
    }

    /// Whether the socket of this id is gone and may come back.
    pub(crate) async fn has_left(&self, id: &str) -> bool {
        let state = self.state.lock().await;
        state.left.values().any(|left| left.id.as_str() == id)
    }

    /// Gives the socket back what it asks for in `{pid, offset}`; returns the pid and the rooms, or
    /// `None` when that is not known.
    pub(crate) async fn recover(
        &self,
        socket: &Socket,
        auth: &Value,
    ) -> Option<(String, BTreeSet<String>)> {
        let pid = auth.get("pid")?.as_str()?;
        let offset = auth.get("offset")?.as_str()?;
        let mut state = self.state.lock().await;
        let seen = state.kept.iter().position(|kept| kept.offset == offset)?;
        let left = state.left.remove(pid)?;
        if left.namespace != socket.namespace() {
            return None;
        }
        let missed = |kept: &&Kept| {
            kept.packet.namespace() == left.namespace
                && left.rooms.contains(&kept.room)
                && kept.sender != left.id
        };
        let replay = state.kept.iter().skip(seen + 1).filter(missed);
        let recovery = Recovery {
            id: left.id,
            pid: pid.to_owned(),
            rooms: left.rooms.iter().cloned().collect(),
            replay: replay.map(|kept| kept.packet.clone()).collect(),
        };
        socket.restore(recovery).ok()?;
        Some((pid.to_owned(), left.rooms))
    }
}
