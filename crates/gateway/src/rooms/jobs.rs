//! What takes time, done beside a shard; its end is a message to the shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Published, Room, Standing};
use switchboard_messaging::store::{Change, Head};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{ConversationId, Message, OrganizationId};
use switchboard_socketio::SocketId;
use tokio::sync::Semaphore;

use crate::sessions::{Membership, Sessions};

/// How long an event that came early waits for the one before it, which may be on its way from
/// another node, before the store is asked.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);
/// The same for what the store has and the hub did not bring: it may have just been stored.
pub(super) const LOOK_PATIENCE: Duration = Duration::from_millis(250);
/// Pause before something that failed is tried again.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// How often a node looks whether its rooms are where the store is: an event may have been lost
/// with the node that was to publish it, or on its way, and nothing else may come after it.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// The same while nothing comes by the hub: this is how messages get from node to node then.
pub(super) const POLL: Duration = Duration::from_millis(800);
/// Rooms whose heads are read at a time.
const HEADS_AT_ONCE: usize = 500;
/// Shards of a node that find their place at the same time: all of them may have lost it.
const FINDING_AT_ONCE: usize = 8;
/// Changes that are read, and then sent, at a time: far fewer than a socket's queue holds, or a long
/// gap would cut everybody in the room as too slow.
const AT_ONCE: i64 = 100;
/// Most changes that a newcomer is given; one that lacks more begins anew.
const MOST_PAST: i64 = 200;

/// How long a room stays subscribed after its last socket left: people come back.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// Whose turn it is to do what all shards may want to do at once. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(FINDING_AT_ONCE)))
    }
}

/// The end of a job.
#[derive(Debug)]
pub(super) enum Done {
    /// Rooms were subscribed (or not, when the hub is away), and where they stand was read, if that had
    /// to be.
    Opened {
        channels: Vec<Channel>,
        found: Option<Found>,
    },
    /// Where the organization stands was read.
    Found(Found),
    /// What was delivered before it went out has gone out, by this offset; `None` when it could not.
    Told(Option<u64>),
    /// It is time to find the place.
    Find,
    /// It is time to look whether what was missing up to a `rev` still is.
    GapDue(Channel, i64),
    /// What is missing was read; `None` when it could not be.
    Repaired(Channel, Option<Vec<Change>>),
    /// What a newcomer lacks was read, up to a `rev`.
    Past {
        channel: Channel,
        newcomer: u64,
        changes: Option<Vec<Change>>,
        up_to: i64,
    },
    /// The newest message that a receipt is about was read; `None` when it could not be.
    Explained(Box<BusEvent>, Option<Message>),
    /// Memberships were noted in the sessions of sockets.
    Noted,
    /// It is time to look whether a room is still empty.
    LingerOver(Channel),
    /// A room was unsubscribed.
    Closed(Channel),
}

/// Where rooms stand.
#[derive(Debug)]
pub(super) struct Found {
    /// In the store.
    pub(super) heads: HashMap<ConversationId, i64>,
    /// In the hub, and the rooms that it was asked for with the `rev` that was said to be delivered.
    /// `None` when the hub is away.
    pub(super) standing: Option<(Standing, Vec<(ConversationId, i64)>)>,
}

impl Found {
    /// Up to which `rev` each conversation's changes went out by the hub, as far as that is known.
    pub(super) fn went_out(&self) -> HashMap<ConversationId, i64> {
        let Some((standing, asked)) = &self.standing else {
            return HashMap::new();
        };
        let ids = asked.iter().map(|(id, _)| *id);
        ids.zip(standing.revs.iter().copied()).collect()
    }
}

/// Subscribes rooms, and only then reads where they stand: everything after that comes by the hub. Rooms
/// of users stand nowhere, and are not asked for where the place in the organization's order
/// `is_found`.
pub(super) async fn open(
    app: Messaging,
    organization: OrganizationId,
    channels: Vec<Channel>,
    is_found: bool,
) -> Done {
    let subscribed = subscribe(&app, &channels).await;
    let ids = conversations(&channels);
    if ids.is_empty() && subscribed && is_found {
        let found = None;
        return Done::Opened { channels, found };
    }
    let heads = heads(&app, &organization, &ids).await;
    let delivered = heads.iter().map(|(id, rev)| (*id, *rev)).collect();
    let standing = if subscribed {
        standing(&app, &organization, delivered).await
    } else {
        None
    };
    let found = Some(Found { heads, standing });
    Done::Opened { channels, found }
}

/// Reads where conversations stand that have been delivered up to a `rev`, once everything that
/// is wanted of the hub comes.
pub(super) async fn find(
    app: Messaging,
    organization: OrganizationId,
    delivered: Vec<(ConversationId, i64)>,
    turns: Turns,
) -> Done {
    // It is never closed.
    let _turn = turns.0.acquire().await;
    let subscribed = subscribe(&app, &[]).await;
    let ids: Vec<_> = delivered.iter().map(|(id, _)| *id).collect();
    let heads = heads(&app, &organization, &ids).await;
    let standing = if subscribed {
        standing(&app, &organization, delivered).await
    } else {
        None
    };
    Done::Found(Found { heads, standing })
}

async fn subscribe(app: &Messaging, channels: &[Channel]) -> bool {
    let subscribed = app.hub.subscribe(channels).await;
    subscribed
        .inspect_err(|error| tracing::debug!(cause = error.0, "rooms not subscribed"))
        .is_ok()
}

async fn standing(
    app: &Messaging,
    organization: &OrganizationId,
    delivered: Vec<(ConversationId, i64)>,
) -> Option<(Standing, Vec<(ConversationId, i64)>)> {
    let rooms: Vec<(Room, i64)> = delivered
        .iter()
        .map(|(id, rev)| (Room::Conversation(*id), *rev))
        .collect();
    match app.hub.standing(organization, &rooms).await {
        Ok(standing) => Some((standing, delivered)),
        Err(error) => {
            tracing::debug!(cause = error.0, "standing of an organization not read");
            None
        }
    }
}

pub(super) fn conversations(channels: &[Channel]) -> Vec<ConversationId> {
    let conversation = |channel: &Channel| match channel.room {
        Room::Conversation(conversation) => Some(conversation),
        Room::Organization | Room::User(_) => None,
    };
    channels.iter().filter_map(conversation).collect()
}

async fn heads(
    app: &Messaging,
    organization: &OrganizationId,
    conversations: &[ConversationId],
) -> HashMap<ConversationId, i64> {
    let mut heads = HashMap::new();
    for some in conversations.chunks(HEADS_AT_ONCE) {
        match app.store.heads(organization, some).await {
            Ok(found) => {
                let revs = found
                    .iter()
                    .map(|head: &Head| (head.conversation, head.rev));
                heads.extend(revs);
            }
            Err(error) => tracing::warn!(%error, "heads of rooms not read"),
        }
    }
    heads
}

/// A conversation, the `rev` up to which its changes went out, and the one up to which they were
/// delivered here.
pub(super) type Ahead = (ConversationId, i64, i64);

/// Publishes what was delivered here before it went out, unless whoever is to publish it just does.
pub(super) async fn tell(app: Messaging, organization: OrganizationId, ahead: Vec<Ahead>) -> Done {
    tokio::time::sleep(LOOK_PATIENCE).await;
    let out = ahead.iter().map(|(id, out, _)| (*id, *out)).collect();
    let Some((now, _)) = standing(&app, &organization, out).await else {
        return Done::Told(None);
    };
    let mut floor = 0;
    for ((conversation, _, delivered), out) in ahead.into_iter().zip(now.revs) {
        let room = Room::Conversation(conversation);
        let channel = Channel {
            organization: organization.clone(),
            room,
        };
        let mut after = out;
        while after < delivered {
            let end = delivered.min(after + AT_ONCE);
            let Some(changes) = changes(&app, &channel, after, end).await else {
                return Done::Told(None);
            };
            match publish(&app, &channel, &changes).await {
                Some(offset) => floor = floor.max(offset),
                None => return Done::Told(None),
            }
            after = end;
        }
    }
    Done::Told(Some(floor))
}

/// Publishes changes that were read from the store; the greatest offset that one got, or 0.
async fn publish(app: &Messaging, channel: &Channel, changes: &[Change]) -> Option<u64> {
    let mut floor = 0;
    for change in changes {
        match app.publish_change(channel, change).await {
            Ok(Published::Out(position)) => {
                floor = floor.max(position.map_or(0, |position| position.offset));
            }
            Ok(Published::Known | Published::Early { .. }) => {}
            Err(error) => {
                tracing::debug!(cause = error.0, "a change was not published");
                return None;
            }
        }
    }
    Some(floor)
}

/// Waits, then says so.
pub(super) async fn after(pause: Duration, done: Done) -> Done {
    tokio::time::sleep(pause).await;
    done
}

/// Reads what is missing in a room, or the first part of much.
pub(super) async fn repair(app: Messaging, channel: Channel, (after, up_to): (i64, i64)) -> Done {
    let changes = changes(&app, &channel, after, up_to.min(after + AT_ONCE)).await;
    Done::Repaired(channel, changes)
}

/// Reads what a newcomer lacks.
pub(super) async fn past(
    app: Messaging,
    channel: Channel,
    newcomer: u64,
    (after, up_to): (i64, i64),
) -> Done {
    let changes = all_changes(&app, &channel, after, up_to).await;
    Done::Past {
        channel,
        newcomer,
        changes,
        up_to,
    }
}

async fn all_changes(
    app: &Messaging,
    channel: &Channel,
    mut after: i64,
    up_to: i64,
) -> Option<Vec<Change>> {
    let mut all = Vec::new();
    while after < up_to && up_to - after <= MOST_PAST {
        let end = up_to.min(after + AT_ONCE);
        all.extend(changes(app, channel, after, end).await?);
        after = end;
    }
    (after >= up_to).then_some(all)
}

async fn changes(
    app: &Messaging,
    channel: &Channel,
    after: i64,
    up_to: i64,
) -> Option<Vec<Change>> {
    let Room::Conversation(conversation) = channel.room else {
        return None;
    };
    match app
        .store
        .changes(&channel.organization, conversation, after, up_to)
        .await
    {
        Ok(changes) => Some(changes),
        Err(error) => {
            tracing::warn!(%error, %conversation, after, up_to, "missing changes not read");
            None
        }
    }
}

/// Reads the message with a number that a receipt is about.
pub(super) async fn explain(app: Messaging, receipt: BusEvent, seq: i64) -> Done {
    let Room::Conversation(conversation) = receipt.channel.room else {
        return Done::Explained(Box::new(receipt), None);
    };
    let message = message_at(&app, &receipt.channel.organization, conversation, seq).await;
    Done::Explained(Box::new(receipt), message)
}

/// A conversation's message with a number; `None` when there is none, or the store is away.
pub(crate) async fn message_at(
    app: &Messaging,
    organization: &OrganizationId,
    conversation: ConversationId,
    seq: i64,
) -> Option<Message> {
    let after = Window::After(seq - 1);
    let found = app
        .store
        .history(organization, conversation, after, 1)
        .await;
    let found = found.inspect_err(|error| tracing::debug!(%error, "message of a receipt not read"));
    found.ok()?.pop().filter(|message| message.seq == seq)
}

/// Notes in the sessions of sockets that a membership of their user began or ended.
pub(super) async fn note(
    sessions: Sessions,
    sockets: Arc<[SocketId]>,
    (conversation, membership): (ConversationId, Membership),
) -> Done {
    for socket in sockets.iter() {
        sessions.membership(socket, conversation, membership).await;
    }
    Done::Noted
}

/// Unsubscribes a room.
pub(super) async fn close(app: Messaging, channel: Channel) -> Done {
    if let Err(error) = app.hub.unsubscribe(std::slice::from_ref(&channel)).await {
        tracing::debug!(cause = error.0, "room not unsubscribed");
    }
    Done::Closed(channel)
}
