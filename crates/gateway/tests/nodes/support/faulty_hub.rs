//! A hub whose ways between the nodes can be made to lose, delay, double and reorder events, and
//! whose calls can be made to fail.
//!
//! Each node has a bus of its own, which is where its own events arrive whatever happens, as
//! [`switchboard_messaging::hub::Bus`] promises. What it publishes is carried over to the buses of
//! the others, and that is where faults happen. Presence, typing and buckets are shared.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchboard_hub::MemoryHub;
use switchboard_messaging::Rate;
use switchboard_messaging::hub::{
    Admission, Buckets, Bus, BusEvent, Channel, Hub, HubError, HubResult, NodeInfo, PresenceAnswer,
    PresenceBook, PresenceChange, PresenceOutcome, Registry, TypingBook,
};
use switchboard_protocol::{OrganizationId, Presence, Timestamp, UserId};
use tokio_util::task::TaskTracker;

/// What becomes of an event on its way to another node.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Arrives,
    Lost,
    /// Kept until [`FaultyHub::release`].
    Held,
    /// One copy after each of these times.
    Copies(Vec<Duration>),
}

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Subscribe,
    Unsubscribe,
    Publish,
    Take,
    Presence,
    Typing,
}

impl Op {
    pub(crate) const ALL: [Self; 6] = [
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::Take,
        Self::Presence,
        Self::Typing,
    ];
}

/// A node's end of the ways from the others.
pub(crate) struct Ear {
    bus: Arc<MemoryHub>,
    channels: Mutex<HashSet<Channel>>,
}

impl Ear {
    pub(crate) fn new(bus: Arc<MemoryHub>) -> Arc<Self> {
        let channels = Mutex::default();
        Arc::new(Self { bus, channels })
    }

    async fn hear(&self, event: BusEvent) {
        let listens = self.channels.lock().unwrap().contains(&event.channel);
        if listens {
            self.bus.publish(event).await.unwrap();
        }
    }
}

type Weather = Box<dyn FnMut(&BusEvent) -> Fate + Send>;

/// One node's hub.
pub(crate) struct FaultyHub {
    own: Arc<Ear>,
    others: Vec<Arc<Ear>>,
    shared: Arc<MemoryHub>,
    weather: Mutex<Weather>,
    held: Mutex<Vec<(Arc<Ear>, BusEvent)>>,
    failing: Mutex<HashSet<Op>>,
    late: TaskTracker,
}

impl FaultyHub {
    pub(crate) fn new(own: Arc<Ear>, others: Vec<Arc<Ear>>, shared: Arc<MemoryHub>) -> Arc<Self> {
        Arc::new(Self {
            own,
            others,
            shared,
            weather: Mutex::new(Box::new(|_| Fate::Arrives)),
            held: Mutex::default(),
            failing: Mutex::default(),
            late: TaskTracker::new(),
        })
    }

    /// What becomes of events that this node publishes from now on, asked for each receiver.
    pub(crate) fn treat(&self, weather: impl FnMut(&BusEvent) -> Fate + Send + 'static) {
        *self.weather.lock().unwrap() = Box::new(weather);
    }

    /// As [`treat`](Self::treat), for the sequenced events by their `rev`; the rest arrives.
    pub(crate) fn treat_revs(&self, mut weather: impl FnMut(i64) -> Fate + Send + 'static) {
        self.treat(move |event| event.rev.map_or(Fate::Arrives, &mut weather));
    }

    /// All is well from now on.
    pub(crate) fn clear_up(&self) {
        self.treat(|_| Fate::Arrives);
    }

    /// Lets go what is held, the last one first.
    pub(crate) async fn release(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        for (ear, event) in held.into_iter().rev() {
            ear.hear(event).await;
        }
    }

    /// Everything that was late has arrived.
    pub(crate) async fn settled(&self) {
        self.late.close();
        self.late.wait().await;
    }

    pub(crate) fn fail(&self, ops: &[Op]) {
        self.failing.lock().unwrap().extend(ops);
    }

    pub(crate) fn mend(&self) {
        self.failing.lock().unwrap().clear();
    }

    /// Whether events of others come from this channel.
    pub(crate) fn listens_to(&self, channel: &Channel) -> bool {
        self.own.channels.lock().unwrap().contains(channel)
    }

    fn check(&self, op: Op) -> HubResult<()> {
        if self.failing.lock().unwrap().contains(&op) {
            return Err(HubError(format!("{op:?} was told to fail")));
        }
        Ok(())
    }

    async fn carry(&self, event: &BusEvent, ear: &Arc<Ear>) {
        let fate = (*self.weather.lock().unwrap())(event);
        match fate {
            Fate::Arrives => ear.hear(event.clone()).await,
            Fate::Lost => {}
            Fate::Held => self
                .held
                .lock()
                .unwrap()
                .push((Arc::clone(ear), event.clone())),
            Fate::Copies(delays) => {
                for delay in delays {
                    let (ear, event) = (Arc::clone(ear), event.clone());
                    self.late.spawn(async move {
                        tokio::time::sleep(delay).await;
                        ear.hear(event).await;
                    });
                }
            }
        }
    }
}

impl fmt::Debug for FaultyHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyHub")
    }
}

#[async_trait]
impl Bus for FaultyHub {
    async fn subscribe(&self, channels: &[Channel]) -> HubResult<()> {
        self.own.bus.subscribe(channels).await?;
        self.check(Op::Subscribe)?;
        let channels = channels.iter().cloned();
        self.own.channels.lock().unwrap().extend(channels);
        Ok(())
    }

    async fn unsubscribe(&self, channels: &[Channel]) -> HubResult<()> {
        self.own.bus.unsubscribe(channels).await?;
        self.check(Op::Unsubscribe)?;
        let mut listened = self.own.channels.lock().unwrap();
        listened.retain(|channel| !channels.contains(channel));
        Ok(())
    }

    async fn publish(&self, event: BusEvent) -> HubResult<()> {
        self.own.bus.publish(event.clone()).await?;
        self.check(Op::Publish)?;
        for ear in &self.others {
            self.carry(&event, ear).await;
        }
        Ok(())
    }
}

#[async_trait]
impl PresenceBook for FaultyHub {
    async fn presence_change(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        change: PresenceChange,
        at: Timestamp,
    ) -> HubResult<PresenceOutcome> {
        self.check(Op::Presence)?;
        self.shared
            .presence_change(organization, user, change, at)
            .await
    }

    async fn presence_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<PresenceAnswer> {
        self.check(Op::Presence)?;
        self.shared.presence_of(organization, users).await
    }

    async fn reap_dead_nodes(&self) -> HubResult<Vec<(OrganizationId, UserId)>> {
        self.shared.reap_dead_nodes().await
    }
}

#[async_trait]
impl TypingBook for FaultyHub {
    async fn typing_start(
        &self,
        channel: &Channel,
        user: &UserId,
        ttl: Duration,
    ) -> HubResult<bool> {
        self.check(Op::Typing)?;
        self.shared.typing_start(channel, user, ttl).await
    }

    async fn typing_stop(
        &self,
        channel: &Channel,
        user: &UserId,
        only_expired: bool,
    ) -> HubResult<bool> {
        self.check(Op::Typing)?;
        self.shared.typing_stop(channel, user, only_expired).await
    }
}

#[async_trait]
impl Buckets for FaultyHub {
    async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> HubResult<Admission> {
        self.check(Op::Take)?;
        self.shared.take(organization, user, bucket, rate).await
    }
}

#[async_trait]
impl Registry for FaultyHub {
    async fn renew_lease(&self, node: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>> {
        self.shared.renew_lease(node).await
    }

    async fn leave(&self) -> HubResult<()> {
        self.shared.leave().await
    }

    async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
        self.shared.nodes().await
    }
}

#[async_trait]
impl Hub for FaultyHub {
    async fn ping(&self) -> HubResult<()> {
        Ok(())
    }

    async fn close(&self) {
        self.own.bus.close().await;
        self.shared.close().await;
    }
}
