//! Pings as the JavaScript server times them (engine.io `lib/socket.ts`).

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    DisconnectReason, Protocol,
    frame::Frame,
    lock,
    registry::Registry,
    wheel::{Alarm, Tick},
    wire::EnginePacket,
};

use super::{Farewell, Session};

/// When the next thing is due. Engine.IO 4: the server pings after `ping_interval`, and the answer
/// is due `ping_timeout` later. Engine.IO 3: the client's ping is due after both together.
#[derive(Debug)]
pub(super) struct Heartbeat {
    due: Tick,
    /// The one alarm that counts. It is not moved when `due` moves away from it: it finds out.
    entry: Tick,
    awaits_pong: bool,
    /// How often in a row silence was excused.
    excused: u8,
}

/// How often in a row a client is excused whose packets we do not read: a handler that never ends
/// must not keep its connection for ever.
const EXCUSES: u8 = 3;

/// Ticks that an alarm may be late without being called late.
const LATE: Tick = 5;

enum Beat {
    Nothing,
    Ping,
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(registry: &Registry, protocol: Protocol) -> Self {
        let due = registry.wheel.tick_in(first(registry, protocol));
        Self {
            due,
            entry: due,
            awaits_pong: false,
            excused: 0,
        }
    }

    pub(super) fn entry(&self) -> Tick {
        self.entry
    }

    /// Gives the client the whole time for its answer again, on a new transport. A ping that is due
    /// stays due when it is: the client counts from the handshake.
    pub(super) fn renew(&mut self, registry: &Registry) {
        if self.awaits_pong {
            let timeout = registry.options.ping_timeout;
            self.due = self.due.max(registry.wheel.tick_in(timeout));
        }
    }
}

/// The time from one sign of life to the next event.
fn first(registry: &Registry, protocol: Protocol) -> Duration {
    let options = &registry.options;
    match protocol {
        Protocol::V4 => options.ping_interval + options.ping_timeout,
        Protocol::V5 => options.ping_interval,
    }
}

impl Session {
    /// The alarm of `tick` rang.
    pub(crate) fn heartbeat_due(self: &Arc<Self>, tick: Tick) {
        let beat = {
            let mut state = lock(&self.state);
            let paused = state.paused;
            let beat = &mut state.heartbeat;
            if tick != beat.entry {
                return;
            }
            let wheel = &self.registry.wheel;
            let timeout = wheel.ticks(self.registry.options.ping_timeout);
            // The time for an answer begins with the question, which may be late: a node that stood
            // still must not throw everybody out.
            let now = wheel.tick_at(Instant::now());
            let asked = if now > tick + LATE { now } else { tick };
            let next = if beat.due > tick {
                Beat::Nothing
            } else if self.protocol == Protocol::V5 && !beat.awaits_pong {
                beat.awaits_pong = true;
                beat.due = asked + timeout;
                Beat::Ping
            } else if paused && beat.excused < EXCUSES {
                // The sign of life may be among what we did not read.
                beat.excused += 1;
                beat.due = asked + timeout;
                Beat::Nothing
            } else {
                Beat::TimedOut
            };
            if !matches!(next, Beat::TimedOut) {
                beat.entry = beat.due;
                wheel.set(beat.due, self.id, Alarm::Heartbeat);
            }
            next
        };
        match beat {
            Beat::Nothing => {}
            Beat::Ping => self.say(Frame::engine("2")),
            Beat::TimedOut => {
                self.end(DisconnectReason::PingTimeout, Farewell::Drop);
            }
        }
    }

    /// Takes a packet of the engine itself. Breaks at a heartbeat in the wrong direction, which is
    /// an error of the transport.
    pub(crate) fn heard(self: &Arc<Self>, packet: &EnginePacket<'_>) -> ControlFlow<()> {
        match (packet, self.protocol) {
            (EnginePacket::Ping(_), Protocol::V4) => {
                self.alive();
                self.say(Frame::engine("3"));
            }
            (EnginePacket::Pong(_), Protocol::V5) => self.alive(),
            (EnginePacket::Ping(_) | EnginePacket::Pong(_), _) => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// The client gave its sign of life: a pong in Engine.IO 4, a ping in Engine.IO 3.
    fn alive(&self) {
        let due = self
            .registry
            .wheel
            .tick_in(first(&self.registry, self.protocol));
        let mut state = lock(&self.state);
        let beat = &mut state.heartbeat;
        beat.awaits_pong = false;
        beat.excused = 0;
        beat.due = due;
        // An alarm that would come too late for it is replaced.
        if due < beat.entry {
            beat.entry = due;
            self.registry.wheel.set(due, self.id, Alarm::Heartbeat);
        }
    }
}
