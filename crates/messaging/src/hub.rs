//! What the use cases need of the memory that nodes share. Two implementations hold to it
//! (`crates/hub`): Redis, and one in process for a single node. One conformance suite proves both.
//!
//! Nothing here is the only copy of a message: a hub may forget everything at any time.

mod order;
mod sessions;
mod unread;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchboard_protocol::answers::{ConnectionEvent, NodeFigures};
use switchboard_protocol::{
    ConversationId, DeliveryClass, OrganizationId, Presence, PresenceStatus, Timestamp, UserId,
};

use switchboard_trace::TraceContext;

use crate::circuit::Circuit;
use crate::gathering::Unanswered;
use crate::rate::Rate;

pub use order::{Epoch, Lost, Missed, Order, Position, Published, Standing};
pub use sessions::{Claim, SessionKey, SessionRecord, Sessions};
pub use unread::{Counted, UnreadBook, UnreadNote};

/// What a hub method gives.
pub type HubResult<T> = Result<T, HubError>;

/// Why a hub method did not do what it was asked: the shared memory is away, or not in time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("hub unavailable: {0}")]
pub struct HubError(pub String);

impl From<Unanswered> for HubError {
    fn from(why: Unanswered) -> Self {
        Self(why.to_string())
    }
}

/// Where events are sent to and listened for. The organization is always beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// Every socket of the organization.
    Organization,
    /// Every socket of one user.
    User(UserId),
    /// The sockets that follow a conversation.
    Conversation(ConversationId),
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => f.write_str("org"),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Conversation(conversation) => write!(f, "conversation:{conversation}"),
        }
    }
}

/// A room of an organization: what a node subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Channel {
    pub organization: OrganizationId,
    pub room: Room,
}

/// An event on its way to sockets. `data` is the payload as it will go over the wire: it is
/// written once, by the publisher.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BusEvent {
    /// The channel that carries it.
    pub channel: Channel,
    /// The rooms (of the same organization) whose sockets get it, each socket once; empty: the
    /// room of the channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Room>,
    /// Name of the server event.
    pub name: String,
    /// Its payload, as JSON.
    pub data: Box<RawValue>,
    pub class: DeliveryClass,
    /// The conversation's `rev`, when it is to be put in order in a conversation's room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<i64>,
    /// Public id of the socket that has heard of it by its ack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// Sockets that get it first enter this conversation's room, following it from after `rev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enters: Option<Enters>,
    /// When what it tells of was stored or happened.
    pub at: Timestamp,
    /// The span that published it, if its trace is sampled: who delivers it goes on from there.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "switchboard_trace::lenient"
    )]
    pub trace: Option<TraceContext>,
    /// Its place in the organization's order, once it has one: the hub gives it, not the publisher.
    #[serde(skip)]
    pub position: Option<Position>,
}

impl BusEvent {
    /// Whether it gets a place in the organization's order and is kept for those who are away.
    /// Presence is not: it can be asked for.
    pub fn is_ordered(&self) -> bool {
        self.class != DeliveryClass::Volatile && self.audience.is_empty()
    }
}

/// What comes to a node from the hub.
#[derive(Debug)]
pub enum Arrival {
    Event(Box<BusEvent>),
    /// Events may have been lost before this.
    Doubt,
}

/// A room to be entered on receipt of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enters {
    pub conversation: ConversationId,
    /// What the socket knows already.
    pub rev: i64,
    /// The room itself tells the socket of this event, in its order: here it only gets there.
    #[serde(default)]
    pub told_there: bool,
}

/// Publish and subscribe. Every implementation is made together with the receiving end of a
/// bounded queue, on which every event of every subscribed channel arrives, this node's own
/// included: ordered ones ([`BusEvent::is_ordered`]) of an organization in the order of their
/// positions, others as each publisher published them. When the queue is full the hub waits for it:
/// events are not dropped on this side.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Listens to these channels. They are live when this returns. After an error this node's own
    /// events arrive already, and those of the others as soon as the shared memory is back.
    async fn subscribe(&self, channels: &[Channel]) -> HubResult<()>;

    /// Stops listening.
    async fn unsubscribe(&self, channels: &[Channel]) -> HubResult<()>;

    /// Sends an event to every node that listens to its channel. An ordered one gets its position; one
    /// with a `rev` goes out once, and after those before it. This node, if it listens, gets it even
    /// when the shared memory is away, without a position; then the error says that it is not known
    /// whether the others did.
    async fn publish(&self, event: BusEvent) -> HubResult<Published>;
}

/// A device, as presence knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Public socket id: unique in the cluster.
    pub socket: String,
    /// What it says of itself: `Online` or `Away`.
    pub status: PresenceStatus,
    /// What its token calls it, if it does. Sockets of one name are one device.
    pub name: Option<String>,
}

/// Something that may change how present a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// A device came to this node, or tells a new status of itself (with the same name).
    Device(Device),
    /// A device went. When it was the last, the user stays as announced until `Settle`.
    Gone {
        /// Public socket id.
        socket: String,
    },
    /// The grace after the last device is over: whoever still has none is offline.
    Settle,
    /// The user chose. `status` `None` is `auto`; `custom_status` as in the call.
    Choose {
        status: Option<PresenceStatus>,
        custom_status: Option<Option<String>>,
    },
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceOutcome {
    /// The presence that others see now.
    pub presence: Presence,
    /// Whether others see something else than before: the one caller in the cluster that gets
    /// `true` announces it.
    pub changed: bool,
    /// Live devices left, over all nodes.
    pub devices: u32,
    /// Whether this node decided alone, because the shared memory was away.
    pub degraded: bool,
}

/// Who is how present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceAnswer {
    /// In the order of the question.
    pub presences: Vec<Presence>,
    /// Whether only this node was asked, because the shared memory was away: users who have no
    /// device on it seem offline.
    pub degraded: bool,
}

/// Some of those who are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// In the order of their ids, none of them offline.
    pub presences: Vec<Presence>,
    /// After whom the next ones come; `None`: there are no more.
    pub next: Option<UserId>,
    /// How many there are in all.
    pub total: u64,
    /// As in [`PresenceAnswer`].
    pub degraded: bool,
}

/// How many of an organization are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headcount {
    /// Users of each status.
    pub online: u64,
    pub away: u64,
    pub busy: u64,
    /// Sockets on all nodes.
    pub sockets: u64,
    /// Devices on each node: those that users' tokens name, and sockets without a name.
    pub devices: u64,
    /// As in [`PresenceAnswer`].
    pub degraded: bool,
}

/// Who is there. A user's presence is the strongest over live devices (online > away), unless the
/// user chose one; without devices it is offline. Devices belong to the node that told of them and
/// go with its lease.
#[async_trait]
pub trait PresenceBook: Send + Sync {
    /// Applies a change, atomically in the cluster. `at` is the time for `lastSeenAt`, which never goes
    /// back; it does not move for somebody who chose to appear offline. While the shared memory is away the node
    /// decides by what it knows of its own devices; that is made good by
    /// [`Registry::renew_lease`].
    async fn presence_change(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        change: PresenceChange,
        at: Timestamp,
    ) -> HubResult<PresenceOutcome>;

    /// The presence of each of these users, in this order; one round trip, whatever the count.
    async fn presence_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<PresenceAnswer>;

    /// Which of these users have a live device, in this order, whatever they chose to appear as; one
    /// round trip. While the shared memory is away: a device on this node. Who is not said to be there
    /// may have come just now.
    async fn are_there(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<bool>>;

    /// Those of an organization whose presence is not offline, after a user, in the order of their ids.
    /// It costs no more than `limit`, however many there are.
    async fn roster(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<Roster>;

    /// How many of an organization are there; one round trip, however many there are.
    async fn headcount(&self, organization: &OrganizationId) -> HubResult<Headcount>;

    /// Drops the devices of nodes whose lease is over (each such node by one caller only) and
    /// returns the users who have no device left: they are due to be settled after the grace. So
    /// are those whom such a node did not come to settle itself.
    async fn reap_dead_nodes(&self) -> HubResult<Vec<(OrganizationId, UserId)>>;
}

/// Who is typing. While the shared memory is away each node knows its own.
#[async_trait]
pub trait TypingBook: Send + Sync {
    /// Notes that somebody types; lasts for `ttl`. `true` when this is news to the others.
    async fn typing_start(
        &self,
        channel: &Channel,
        user: &UserId,
        ttl: Duration,
    ) -> HubResult<bool>;

    /// Notes that somebody stopped. `true` when this is news to the others. With `only_expired`,
    /// somebody who went on typing (on whichever node) is left alone.
    async fn typing_stop(
        &self,
        channel: &Channel,
        user: &UserId,
        only_expired: bool,
    ) -> HubResult<bool>;

    /// Who types there and since when, at most 100, those who began first before the others.
    async fn typing_users(&self, channel: &Channel) -> HubResult<Vec<(UserId, Timestamp)>>;
}

/// What a token bucket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A token was taken.
    Admitted,
    /// None was left; there will be one after this time.
    RefusedFor(Duration),
}

/// Token buckets, shared by all nodes; while the shared memory is away each node has its own.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// Takes one token from a user's bucket. A bucket that was never used, or not for long, is
    /// full. The hub's time counts, not the node's.
    async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> HubResult<Admission>;
}

/// A node, as the others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Unique in the cluster, and new with each start.
    pub id: String,
    pub version: String,
    pub started_at: Timestamp,
    pub connections: u64,
    /// Where the others send requests for its sessions: `http://host:port`. `None` when it takes
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the ids of its sessions begin with; new with each start. Empty when nodes of its version
    /// know nothing of it.
    #[serde(default)]
    pub route: String,
    /// Whether it is on the way out, and sends its clients away.
    #[serde(default)]
    pub draining: bool,
    /// How it is doing.
    #[serde(default)]
    pub figures: NodeFigures,
}

/// Which nodes there are.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Registers this node or renews its lease; to be called before the first device is told of,
    /// and then more often than every 5 s (the lease lasts 15 s).
    ///
    /// A lease may have run out meanwhile (the process stood still, the shared memory was away or
    /// was emptied): then this node's devices are told of again, and so is whatever
    /// `presence_change` could not store. Returns whom the others see differently since: the
    /// caller announces them, as it does for `changed` in a [`PresenceOutcome`].
    async fn renew_lease(&self, node: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>>;

    /// Gives the lease back. Devices and users to be settled that this node leaves behind are
    /// found by the others, as if it had died.
    async fn leave(&self) -> HubResult<()>;

    /// The nodes whose lease is valid.
    async fn nodes(&self) -> HubResult<Vec<NodeInfo>>;
}

/// What happened to the connections of each organization lately. It is a memory of the newest
/// [`CONNECTION_EVENTS`] for operators, which may be lost.
#[async_trait]
pub trait ConnectionLog: Send + Sync {
    /// Adds events, each of them newer than those before.
    async fn log_connections(
        &self,
        organization: &OrganizationId,
        events: &[ConnectionEvent],
    ) -> HubResult<()>;

    /// The newest events, newest first.
    async fn connection_events(
        &self,
        organization: &OrganizationId,
        limit: usize,
    ) -> HubResult<Vec<ConnectionEvent>>;
}

/// Connection events of an organization that are kept.
pub const CONNECTION_EVENTS: usize = 1_000;

/// Everything that nodes share.
#[async_trait]
pub trait Hub:
    Bus
    + Order
    + Sessions
    + PresenceBook
    + TypingBook
    + UnreadBook
    + Buckets
    + Registry
    + ConnectionLog
    + fmt::Debug
{
    /// Whether the shared memory answers.
    async fn ping(&self) -> HubResult<()>;

    /// The circuit before the shared memory; `None` when it is in this process.
    fn circuit(&self) -> Option<&Circuit> {
        None
    }

    /// Flushes what is under way and closes the connections.
    async fn close(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_knows_nothing_of_forwarding_and_draining_is_a_node_all_the_same() {
        let told =
            r#"{"id":"a","version":"0","startedAt":"2026-01-01T00:00:00.000Z","connections":1}"#;
        let node: NodeInfo = serde_json::from_str(told).unwrap();
        assert_eq!((node.address, node.route), (None, String::new()));
        assert_eq!(node.figures, NodeFigures::default());
        assert!(!node.draining);
    }
}
