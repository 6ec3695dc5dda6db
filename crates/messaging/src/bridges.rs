//! Events that came before their predecessors.
//!
//! Two nodes store `rev` 5 and 6 of a conversation; 6 is published first, and the hub keeps it until
//! 5 is there. If the node that stored 5 died before it could publish it, whoever published 6 does.
//!
//! What brings a user to a conversation has no predecessor by which others would miss it: a node that
//! could not publish it tries again.

use std::sync::Arc;
use std::time::Duration;

use switchboard_protocol::ErrorObject;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Messaging;
use crate::hub::{BusEvent, Channel, HubError, HubResult, Published, Room};
use crate::publish;
use crate::store::{Change, Viewer};

/// How long a predecessor may be on its way.
const PATIENCE: Duration = Duration::from_millis(50);
/// Changes that are read at a time.
const AT_ONCE: i64 = 100;
/// How often it is tried again to bring a user somewhere.
const AGAIN: Duration = Duration::from_secs(1);
/// Most users who are yet to be brought; they wait for the hub to come back.
const MOST_YET_TO_COME: usize = 10_000;

/// Where the tasks run that look after such events.
#[derive(Clone, Debug)]
pub struct Bridges {
    tasks: TaskTracker,
    stop: CancellationToken,
    yet_to_come: Arc<Semaphore>,
}

impl Bridges {
    /// They run on `tasks` until `stop`.
    pub fn new((tasks, stop): (TaskTracker, CancellationToken)) -> Self {
        let yet_to_come = Arc::new(Semaphore::new(MOST_YET_TO_COME));
        Self {
            tasks,
            stop,
            yet_to_come,
        }
    }
}

impl Messaging {
    /// Tells the others. A failure is not the caller's: what happened is stored, and receivers
    /// find the gap and fill it from the store.
    pub async fn publish(&self, events: Vec<BusEvent>) {
        for event in events {
            let (channel, rev) = (event.channel.clone(), event.rev);
            let brings = event.enters.map(|_| event.clone());
            match self.hub.publish(event).await {
                Ok(Published::Early { after }) => self.bridge(channel, after, rev),
                Ok(Published::Out(_) | Published::Known) => {}
                // The hub itself logs when it goes away, once; `publishes_total` counts these.
                Err(error) => {
                    tracing::debug!(cause = error.0, "event not published");
                    if let Some(event) = brings {
                        self.bring_later(event);
                    }
                }
            }
        }
    }

    /// Publishes an event that brings a user somewhere once the hub is back.
    fn bring_later(&self, event: BusEvent) {
        let Ok(place) = Arc::clone(&self.bridges.yet_to_come).try_acquire_owned() else {
            tracing::warn!("somebody is not brought to a conversation: too many others wait");
            return;
        };
        let (app, stop) = (self.clone(), self.bridges.stop.clone());
        self.bridges.tasks.spawn(async move {
            let bringing = async {
                loop {
                    tokio::time::sleep(AGAIN).await;
                    if app.has_brought(&event).await {
                        return;
                    }
                }
            };
            stop.run_until_cancelled(bringing).await;
            drop(place);
        });
    }

    /// Whether an event that brings a user somewhere is out, or is of no more use.
    async fn has_brought(&self, event: &BusEvent) -> bool {
        let (Some(enters), Room::User(user)) = (event.enters, &event.channel.room) else {
            return true;
        };
        if self
            .hub
            .circuit()
            .is_some_and(|circuit| !circuit.is_closed())
        {
            return false;
        }
        let viewer = Viewer {
            organization: event.channel.organization.clone(),
            user: user.clone(),
        };
        // Meanwhile the user may have been removed.
        let Ok(membership) = self.store.membership(&viewer, enters.conversation).await else {
            return false;
        };
        let is_member = membership.is_some_and(|found| found.member.is_some());
        !is_member || self.hub.publish(event.clone()).await.is_ok()
    }

    /// Publishes a change that was read back from the store.
    pub async fn publish_change(&self, channel: &Channel, change: &Change) -> HubResult<Published> {
        let Room::Conversation(conversation) = channel.room else {
            return Err(HubError("only conversations have changes".into()));
        };
        let now = self.clock.now();
        let organization = &channel.organization;
        let unwritten = |error: ErrorObject| HubError(error.to_string());
        let event = publish::change(organization, conversation, change, now).map_err(unwritten)?;
        let brings = publish::bringing(organization, conversation, change, now);
        let published = self.hub.publish(event).await?;
        // Whoever was to publish it did not come to bring anybody there either.
        if let (Published::Out(_), Some(event)) = (&published, brings.map_err(unwritten)?) {
            self.hub.publish(event).await?;
        }
        Ok(published)
    }

    fn bridge(&self, channel: Channel, after: i64, rev: Option<i64>) {
        let Some(rev) = rev else { return };
        let (app, stop) = (self.clone(), self.bridges.stop.clone());
        self.bridges.tasks.spawn(async move {
            let bridging = async {
                tokio::time::sleep(PATIENCE).await;
                app.publish_between(&channel, after, rev - 1).await;
            };
            stop.run_until_cancelled(bridging).await;
        });
    }

    /// Publishes what lies between; what has gone out meanwhile does not go out again.
    async fn publish_between(&self, channel: &Channel, after: i64, up_to: i64) {
        let Room::Conversation(conversation) = channel.room else {
            return;
        };
        // Mostly its predecessors were a moment behind it: then nothing has to be read.
        let rooms = [(channel.room.clone(), after)];
        let standing = self.hub.standing(&channel.organization, &rooms).await;
        let mut after = standing.map_or(after, |now| {
            now.revs.first().map_or(after, |rev| after.max(*rev))
        });
        while after < up_to {
            let end = up_to.min(after + AT_ONCE);
            let read = self
                .store
                .changes(&channel.organization, conversation, after, end)
                .await;
            let changes = match read {
                Ok(changes) => changes,
                Err(error) => {
                    tracing::warn!(%error, "changes before an early one not read");
                    return;
                }
            };
            for change in &changes {
                let published = self.publish_change(channel, change).await;
                if matches!(published, Ok(Published::Out(_))) {
                    metrics::counter!("switchboard_gaps_repaired_total").increment(1);
                }
            }
            after = end;
        }
    }
}
