//! What takes time, done beside a shard; its end is a message to the shard.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{Channel, Room};
use switchboard_messaging::store::{Change, Head};
use switchboard_protocol::{ConversationId, OrganizationId};

/// How long an event that came early waits for the one before it, which may be on its way from
/// another node, before the store is asked.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);
/// Pause before something that failed is tried again.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// How often a node looks whether its rooms are where the store is: an event may have been lost
/// with the node that was to publish it, or on its way, and nothing else may come after it.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Rooms whose heads are read at a time.
const HEADS_AT_ONCE: usize = 500;
/// Changes that are read, and then sent, at a time: far fewer than a socket's queue holds, or a long
/// gap would cut everybody in the room as too slow.
const AT_ONCE: i64 = 100;
/// Most changes that a newcomer is given; one that lacks more begins anew.
const MOST_PAST: i64 = 200;

/// How long a room stays subscribed after its last socket left: people come back.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// The end of a job.
#[derive(Debug)]
pub(super) enum Done {
    /// Rooms were subscribed (or not, when the hub is away), and where they stand was read.
    Opened {
        channels: Vec<Channel>,
        subscribed: bool,
        heads: HashMap<ConversationId, i64>,
    },
    /// Where the rooms stand was read.
    Looked(Vec<Channel>, HashMap<ConversationId, i64>),
    /// It is time to try to subscribe again.
    RetryOpen(Channel),
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
    /// It is time to look whether a room is still empty.
    LingerOver(Channel),
    /// A room was unsubscribed.
    Closed(Channel),
}

/// Subscribes rooms, and only then reads where they stand: everything after that comes by the hub.
pub(super) async fn open(app: Messaging, channels: Vec<Channel>) -> Done {
    let subscribed = match app.hub.subscribe(&channels).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(
                cause = error.0,
                rooms = channels.len(),
                "rooms not subscribed"
            );
            false
        }
    };
    let heads = heads(&app, &channels).await;
    Done::Opened {
        channels,
        subscribed,
        heads,
    }
}

/// Reads where rooms stand.
pub(super) async fn look(app: Messaging, channels: Vec<Channel>) -> Done {
    let heads = heads(&app, &channels).await;
    Done::Looked(channels, heads)
}

async fn heads(app: &Messaging, channels: &[Channel]) -> HashMap<ConversationId, i64> {
    let mut heads = HashMap::new();
    for (organization, conversations) in by_organization(channels) {
        for some in conversations.chunks(HEADS_AT_ONCE) {
            match app.store.heads(&organization, some).await {
                Ok(found) => {
                    heads.extend(
                        found
                            .iter()
                            .map(|head: &Head| (head.conversation, head.rev)),
                    );
                }
                Err(error) => tracing::warn!(%error, "heads of rooms not read"),
            }
        }
    }
    heads
}

fn by_organization(channels: &[Channel]) -> BTreeMap<OrganizationId, Vec<ConversationId>> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<ConversationId>> = BTreeMap::new();
    for channel in channels {
        if let Room::Conversation(conversation) = channel.room {
            by_organization
                .entry(channel.organization.clone())
                .or_default()
                .push(conversation);
        }
    }
    by_organization
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

/// Unsubscribes a room.
pub(super) async fn close(app: Messaging, channel: Channel) -> Done {
    if let Err(error) = app.hub.unsubscribe(std::slice::from_ref(&channel)).await {
        tracing::warn!(cause = error.0, "room not unsubscribed");
    }
    Done::Closed(channel)
}
