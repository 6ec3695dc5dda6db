//! The keys of each kind of scenario.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keys::{check, millis};
use super::{Pace, Transport};

/// Keys that hang together.
pub(super) trait Keys {
    /// What is wrong, with the name of the key.
    fn check(&self) -> Result<(), String>;
}

/// `kind = "connect"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many sockets get in, each of a user of its own.
    pub connections: u32,
    /// Connects a second, or at a time.
    pub pace: Pace,
    /// How long each of them stays.
    #[serde(with = "millis")]
    pub hold: Duration,
}

impl Keys for Connect {
    fn check(&self) -> Result<(), String> {
        check::connections(self.connections)?;
        check::pace(self.pace)?;
        check::time("hold", self.hold)
    }
}

/// `kind = "idle"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Idle {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many sockets are held, each of a user of its own.
    pub connections: u32,
    /// Connects a second.
    pub connect_rate: f64,
    /// How long all of them are held.
    #[serde(with = "millis")]
    pub hold: Duration,
}

impl Keys for Idle {
    fn check(&self) -> Result<(), String> {
        check::connections(self.connections)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::time("hold", self.hold)
    }
}

/// `kind = "fanout"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fanout {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room, its sender among them.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all rooms, or at a time in each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for Fanout {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::pace(self.pace)?;
        check::content(self.content_bytes)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}

/// `kind = "chat"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room; all of them send.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all members, or at a time of each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// Share of deliveries that are answered by a receipt, `message:read`.
    pub receipts: f64,
    /// Share of sends before which the sender is said to type, `message:typing`.
    pub typing: f64,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for Chat {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::pace(self.pace)?;
        check::content(self.content_bytes)?;
        check::share("receipts", self.receipts)?;
        check::share("typing", self.typing)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}

/// `kind = "reconnect-storm"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReconnectStorm {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room: one who sends and stays, and the others, who are cut and come back.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all rooms, or at a time in each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long somebody who was cut waits before the first attempt; doubled for each further one. socket.io-client's `reconnectionDelay`.
    #[serde(with = "millis")]
    pub delay: Duration,
    /// The longest that it waits. socket.io-client's `reconnectionDelayMax`.
    #[serde(with = "millis")]
    pub delay_max: Duration,
    /// By which share each wait is longer or shorter, at random. socket.io-client's `randomizationFactor`.
    pub jitter: f64,
    /// How long is sent before all are cut. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent from then on.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all are back and all is delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for ReconnectStorm {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::pace(self.pace)?;
        check::content(self.content_bytes)?;
        check::some_time("delay", self.delay)?;
        check::some_time("delay_max", self.delay_max)?;
        check::share("jitter", self.jitter)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}

/// `kind = "presence-storm"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceStorm {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many users change.
    pub users: u32,
    /// How many others are subscribed to them.
    pub watchers: u32,
    /// To how many of the users each watcher is subscribed.
    pub watched: u32,
    /// Connects a second, before anything changes.
    pub connect_rate: f64,
    /// Changes a second over all users, in an open loop.
    pub change_rate: f64,
    /// Share of changes that are leaving and coming back; the others are of status.
    pub leaving: f64,
    /// How long those who leave stay away. Servers tell of it only after a while: ours after 5 s.
    #[serde(with = "millis")]
    pub away: Duration,
    /// How long is changed before anything is measured.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is changed and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all watchers know the last state.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for PresenceStorm {
    fn check(&self) -> Result<(), String> {
        check::within("users", self.users, (1, check::MOST_CONNECTIONS))?;
        check::within("watchers", self.watchers, (1, check::MOST_CONNECTIONS))?;
        check::within("watched", self.watched, (1, self.users.min(1000)))?;
        check::rate("connect_rate", self.connect_rate)?;
        check::rate("change_rate", self.change_rate)?;
        check::share("leaving", self.leaving)?;
        check::time("away", self.away)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}

/// `kind = "slow-consumers"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlowConsumers {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room, its sender among them.
    pub room_size: u32,
    /// Share of the members that stop reading for `duration`, the sender never.
    pub slow: f64,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all rooms, or at a time in each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that, while the slow ones read again, until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for SlowConsumers {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::share("slow", self.slow)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::pace(self.pace)?;
        check::content(self.content_bytes)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}

/// `kind = "tenants"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenants {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// Rooms of the quiet organization. Nobody is in two.
    pub rooms: u32,
    /// Rooms of the noisy one.
    pub noisy_rooms: u32,
    /// Members of a room of either, its sender among them.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second of the quiet one, over all of its rooms.
    pub quiet_rate: f64,
    /// How many sends a second the server lets an organization have.
    pub limit: f64,
    /// How many times that the noisy one sends.
    pub times: f64,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long the quiet one is measured alone.
    #[serde(with = "millis")]
    pub alone: Duration,
    /// How long it is measured beside the noisy one after that.
    #[serde(with = "millis")]
    pub beside: Duration,
    /// How long may pass after that until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for Tenants {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::rooms_called("noisy_rooms", self.noisy_rooms, self.room_size)?;
        check::rate("connect_rate", self.connect_rate)?;
        check::rate("quiet_rate", self.quiet_rate)?;
        check::rate("limit", self.limit)?;
        check::within("times", self.times, (0.01, 1000.0))?;
        check::content(self.content_bytes)?;
        check::some_time("alone", self.alone)?;
        check::some_time("beside", self.beside)?;
        check::time("warmup", self.warmup)?;
        check::time("grace", self.grace)
    }
}

/// `kind = "history"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// By what sockets are connected.
    #[serde(default)]
    pub transport: Transport,
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room; all of them read.
    pub room_size: u32,
    /// How many messages each room is filled with beforehand.
    pub messages: u32,
    /// Messages of a page.
    pub page: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Pages a second over all members, or at a time of each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long is read before anything is measured.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is read and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all pages are there.
    #[serde(with = "millis")]
    pub grace: Duration,
}

impl Keys for History {
    fn check(&self) -> Result<(), String> {
        check::rooms(self.rooms, self.room_size)?;
        check::within("messages", self.messages, (1, 1_000_000))?;
        check::within("page", self.page, (1, 100))?;
        check::rate("connect_rate", self.connect_rate)?;
        check::pace(self.pace)?;
        check::content(self.content_bytes)?;
        check::times(self.warmup, self.duration, self.grace)
    }
}
