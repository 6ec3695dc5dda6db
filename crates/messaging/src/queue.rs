//! The offline queue: what came for users who were away is kept in the store, sent when they are
//! there, and sent again until a device of theirs acknowledges it.
//!
//! Any node that has a socket of the user may send. It claims an attempt in the store first, so that
//! of several nodes one sends, to all of the user's sockets wherever they are. Nothing is removed but
//! by an acknowledgement, its expiry, or for want of room.

use std::time::Duration;

use switchboard_protocol::server_events::{QueueEvents, QueuedEvent};
use switchboard_protocol::{
    DeliveryClass, ErrorObject, OrganizationId, QueuedEventId, ServerEvent, Timestamp, UserId,
};

use crate::hub::{BusEvent, Channel};
use crate::pipeline::Messaging;
use crate::presence::{organization_channel, user_channel};
use crate::publish;
use crate::store::{Depths, QueueBounds, StoreResult, Viewer, WaitingEvent};

/// Nodes tell each other with this that something was queued for some users. It reaches no client.
pub const QUEUE_NEWS: &str = "queue:news";
/// Users that one such event names at most.
const NEWS_AT_ONCE: usize = 500;
/// Events in one `queue:events` at most.
const BATCH: usize = 50;
/// Bytes of data in one `queue:events` at most, unless it is one event that has more. A socket's queue
/// takes several of these.
const BATCH_BYTES: usize = 32 * 1024;

/// What an operator may set about the offline queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRules {
    /// How much one user's queue may hold.
    pub bounds: QueueBounds,
    /// How long an event is kept that does not say so itself.
    pub ttl: Duration,
    /// When an event is sent again for the first time; each further time it takes twice as long.
    pub retry_after: Duration,
    /// But no longer than this.
    pub retry_max: Duration,
    /// How often an event is sent before it is a dead letter.
    pub attempts: i64,
    /// How long a dead letter is kept.
    pub dead_for: Duration,
}

impl Default for QueueRules {
    fn default() -> Self {
        let (events, bytes) = (1_000, 4 * 1024 * 1024);
        Self {
            bounds: QueueBounds { events, bytes },
            ttl: Duration::from_hours(7 * 24),
            retry_after: Duration::from_secs(2),
            retry_max: Duration::from_mins(5),
            attempts: 10,
            dead_for: Duration::from_hours(30 * 24),
        }
    }
}

impl QueueRules {
    /// How long after the attempt that follows `attempts` others the next one comes.
    fn pause_after(&self, attempts: i64) -> Duration {
        let doublings = u32::try_from(attempts).unwrap_or(0).min(30);
        let pause = self.retry_after.saturating_mul(1 << doublings);
        pause.min(self.retry_max)
    }
}

/// What is to be done for a user after events were sent.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRound {
    /// What waits and was not sent now, because its time has not come: for sockets that are new.
    pub later: Vec<QueueEvents>,
    /// When to look again; `None` when nothing waits.
    pub next_at: Option<Timestamp>,
}

impl Messaging {
    /// Sends a user's sockets, on all nodes, what is due; what was sent often enough in vain becomes a
    /// dead letter.
    pub async fn send_queued(&self, viewer: &Viewer) -> StoreResult<QueueRound> {
        let now = self.clock.now();
        let waiting = self.store.queue().waiting(viewer, now).await?;
        let (due, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|one| one.next_at <= now);
        let next_of_later = later.iter().map(|one| one.next_at).min();
        let (claimed, next_of_due) = self.claim(viewer, due, now).await?;
        for batch in batches(claimed) {
            let sent = self.publish_queued(viewer, batch, now).await;
            if let Err(error) = sent {
                // They are sent again.
                tracing::warn!(%error, "queued events not sent");
            }
        }
        Ok(QueueRound {
            later: batches(later.into_iter().map(|one| one.event).collect()),
            next_at: next_of_later.into_iter().chain(next_of_due).min(),
        })
    }

    /// Of what is due, the events whose attempt is this node's to make, and when the next ones are.
    async fn claim(
        &self,
        viewer: &Viewer,
        due: Vec<WaitingEvent>,
        now: Timestamp,
    ) -> StoreResult<(Vec<QueuedEvent>, Option<Timestamp>)> {
        let (rules, queue) = (self.rules.get().queue, self.store.queue());
        let mut claimed: Vec<QueuedEventId> = Vec::new();
        let mut next_at: Option<Timestamp> = None;
        let counts: std::collections::BTreeSet<i64> = due.iter().map(|one| one.attempts).collect();
        for attempts in counts {
            let of_count = due.iter().filter(|one| one.attempts == attempts);
            let ids: Vec<_> = of_count.map(|one| one.event.id).collect();
            if attempts >= rules.attempts {
                let dead = queue.give_up(viewer, &ids, attempts, now).await?;
                metrics::counter!("switchboard_dead_letters_total", "kind" => "queue")
                    .increment(dead);
                continue;
            }
            let again = now.plus(rules.pause_after(attempts));
            claimed.extend(queue.claim_attempt(viewer, &ids, attempts, again).await?);
            next_at = Some(next_at.map_or(again, |next| next.min(again)));
        }
        let is_ours = |one: &WaitingEvent| claimed.contains(&one.event.id);
        let ours = due.into_iter().filter(is_ours).map(|one| one.event);
        Ok((ours.collect(), next_at))
    }

    async fn publish_queued(
        &self,
        viewer: &Viewer,
        batch: QueueEvents,
        at: Timestamp,
    ) -> Result<(), ErrorObject> {
        let count = batch.events.len() as u64;
        let channel = user_channel(&viewer.organization, &viewer.user);
        let event = ServerEvent::QueueEvents(batch);
        // The store remembers them: no log need, and a socket that is behind gets them another time.
        let class = DeliveryClass::Volatile;
        let data = publish::raw(&event)?;
        self.publish(vec![plain(channel, (event.name(), class), data, at)])
            .await;
        metrics::counter!("switchboard_queued_events_total", "result" => "sent").increment(count);
        Ok(())
    }

    /// Tells all nodes that something was queued for these users, who may have come meanwhile.
    pub(crate) async fn tell_of_queued(&self, organization: &OrganizationId, users: &[UserId]) {
        let at = self.clock.now();
        for some in users.chunks(NEWS_AT_ONCE) {
            let Ok(data) = publish::raw(&some) else {
                return;
            };
            let channel = organization_channel(organization);
            let name = (QUEUE_NEWS, DeliveryClass::Volatile);
            // Nodes that do not hear of it find it in the store some seconds later.
            self.publish(vec![plain(channel, name, data, at)]).await;
        }
    }

    /// How many events wait for a user.
    pub async fn queue_length(&self, viewer: &Viewer) -> Result<i64, ErrorObject> {
        let now = self.clock.now();
        Ok(self.store.queue().queue_length(viewer, now).await?)
    }

    /// Removes what has expired; counts what is left, over all organizations.
    pub async fn sweep_queue(&self) -> StoreResult<Depths> {
        let (now, dead_for) = (self.clock.now(), self.rules.get().queue.dead_for);
        let depths = self.store.queue().sweep_queue(now, dead_for).await?;
        metrics::counter!("switchboard_queued_events_total", "result" => "expired")
            .increment(depths.expired);
        Ok(depths)
    }
}

/// An event that is no change of anything.
pub(crate) fn plain(
    channel: Channel,
    (name, class): (&str, DeliveryClass),
    data: Box<serde_json::value::RawValue>,
    at: Timestamp,
) -> BusEvent {
    BusEvent {
        channel,
        audience: Vec::new(),
        name: name.to_owned(),
        data,
        class,
        rev: None,
        except: None,
        enters: None,
        at,
        trace: None,
        position: None,
    }
}

fn batches(events: Vec<QueuedEvent>) -> Vec<QueueEvents> {
    let mut batches: Vec<QueueEvents> = Vec::new();
    let mut room = 0;
    for event in events {
        let bytes = event.data.to_string().len();
        match batches.last_mut() {
            Some(last) if last.events.len() < BATCH && bytes <= room => {
                room -= bytes;
                last.events.push(event);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(bytes);
                let events = vec![event];
                batches.push(QueueEvents { events });
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{CountingIds, Ids as _};
    use switchboard_protocol::objects::Priority;

    fn event(bytes: usize) -> QueuedEvent {
        QueuedEvent {
            id: QueuedEventId(CountingIds::default().next()),
            event: "e".to_owned(),
            // With its quotes.
            data: "x".repeat(bytes - 2).into(),
            priority: Priority::Normal,
            created_at: Timestamp::default(),
        }
    }

    fn sizes(events: Vec<QueuedEvent>) -> Vec<usize> {
        let batches = batches(events);
        batches.iter().map(|batch| batch.events.len()).collect()
    }

    #[test]
    fn a_batch_has_so_many_events_and_not_one_more() {
        let of = |count| sizes((0..count).map(|_| event(10)).collect());
        assert_eq!(of(0), [0; 0]);
        assert_eq!(of(BATCH), [BATCH]);
        assert_eq!(of(BATCH + 1), [BATCH, 1]);
    }

    #[test]
    fn a_batch_has_so_many_bytes_unless_it_is_one_event() {
        let half = BATCH_BYTES / 2;
        assert_eq!(sizes(vec![event(half), event(half)]), [2]);
        assert_eq!(sizes(vec![event(half), event(half + 1)]), [1, 1]);
        assert_eq!(sizes(vec![event(BATCH_BYTES * 2), event(10)]), [1, 1]);
    }

    #[test]
    fn each_pause_is_twice_the_one_before_up_to_the_longest() {
        let rules = QueueRules::default();
        let pauses =
            [0, 1, 2, 7, 8, 1_000_000].map(|attempts| rules.pause_after(attempts).as_secs());
        assert_eq!(pauses, [2, 4, 8, 256, 300, 300]);
    }
}
