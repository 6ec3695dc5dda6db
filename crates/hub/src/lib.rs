//! The memory that nodes share: the two implementations of [`switchboard_messaging::Hub`].
//! [`RedisHub`] is for a cluster, [`MemoryHub`] for a single node and for tests. Nothing above can
//! tell them apart; `tests/conformance` holds both to the same behaviour.

mod measure;
mod memory;
pub mod order;
mod own_devices;
mod presence;
mod redis;
mod tokens;

use std::time::Duration;

pub use memory::{MemoryCluster, MemoryHub};
pub use order::LogBounds;
pub use redis::{
    RedisExamination, RedisHub, RedisOptions, RedisTls, RedisTrouble, SentinelFacts,
    SentinelsAsked, ServerFacts, ask_sentinels,
};

/// How long a node counts as alive after it last renewed its lease.
pub const LEASE: Duration = Duration::from_secs(15);

/// Events that wait for the node to take them; when there are more, the hub waits.
pub const RECEIVER_QUEUE: usize = 8_192;

/// How long a typing note that ran out is kept for the one who announces that it did.
const TYPING_LINGERS: Duration = Duration::from_mins(1);

/// Most users that are said to type in a room.
const MOST_TYPING: usize = 100;

/// How long it is remembered what a user has not read, since it was noted last.
const UNREAD_KEPT: Duration = Duration::from_hours(1);

/// How long it is remembered what a user chose and when they were last seen, since the last change.
const PRESENCE_KEPT: Duration = Duration::from_hours(30 * 24);

/// How long it is remembered what happened to connections, since the last time.
const CONNECTIONS_KEPT: Duration = Duration::from_hours(7 * 24);
