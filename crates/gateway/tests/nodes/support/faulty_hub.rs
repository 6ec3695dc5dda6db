//! A hub whose ways between the nodes can be made to lose, delay, double and reorder events, and
//! whose calls can be made to fail.
//!
//! Each node has a queue of its own, which is where its own events arrive whatever happens, as
//! [`switchboard_messaging::hub::Bus`] promises. What it publishes is carried over to the queues of
//! the others, and that is where faults happen; nothing has a place in an order. Presence, typing and
//! buckets are shared.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchboard_hub::MemoryHub;
use switchboard_messaging::Rate;
use switchboard_messaging::hub::{
    Admission, Arrival, Buckets, Bus, BusEvent, Channel, Claim, ConnectionLog, Headcount, Hub,
    HubError, HubResult, Missed, NodeInfo, Order, Position, PresenceAnswer, PresenceBook,
    PresenceChange, PresenceOutcome, Published, Registry, Room, Roster, SessionKey, SessionRecord,
    Sessions, Standing, TypingBook, UnreadBook, UnreadNote,
};
use switchboard_protocol::answers::ConnectionEvent;
use switchboard_protocol::{ConversationId, OrganizationId, Presence, Timestamp, UserId};
use tokio::sync::mpsc;
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
    Unread,
}

impl Op {
    pub(crate) const ALL: [Self; 7] = [
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::Take,
        Self::Presence,
        Self::Typing,
        Self::Unread,
    ];
}

/// A node's end of the ways from all.
pub(crate) struct Ear {
    queue: mpsc::Sender<Arrival>,
    /// What the node wants to hear, and what of it comes from the others.
    wanted: Mutex<HashSet<Channel>>,
    live: Mutex<HashSet<Channel>>,
}

impl Ear {
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Arrival>) {
        let (queue, inbound) = mpsc::channel(switchboard_hub::RECEIVER_QUEUE);
        let ear = Self {
            queue,
            wanted: Mutex::default(),
            live: Mutex::default(),
        };
        (Arc::new(ear), inbound)
    }

    async fn hear_own(&self, event: BusEvent) {
        let wants = self.wanted.lock().unwrap().contains(&event.channel);
        if wants {
            let _ = self.queue.send(Arrival::Event(Box::new(event))).await;
        }
    }

    async fn hear(&self, event: BusEvent) {
        let listens = self.live.lock().unwrap().contains(&event.channel);
        if listens {
            let _ = self.queue.send(Arrival::Event(Box::new(event))).await;
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
    /// How often unread counts were noted.
    pub(crate) unread_notes: AtomicUsize,
    /// Names of the events that this node published.
    pub(crate) published: Mutex<Vec<String>>,
    late: TaskTracker,
    /// How often it was asked how present users are.
    pub(crate) questions: AtomicUsize,
    /// How often it was asked where the order stands.
    pub(crate) standings: AtomicUsize,
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
            unread_notes: AtomicUsize::new(0),
            published: Mutex::default(),
            late: TaskTracker::new(),
            questions: AtomicUsize::new(0),
            standings: AtomicUsize::new(0),
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

    /// This node alone cannot reach the shared memory any more, and notices.
    pub(crate) async fn cut(&self) {
        self.fail(&Op::ALL);
        self.own.live.lock().unwrap().clear();
        let _ = self.own.queue.send(Arrival::Doubt).await;
    }

    pub(crate) fn mend(&self) {
        self.failing.lock().unwrap().clear();
    }

    /// Whether events of others come from this channel.
    pub(crate) fn listens_to(&self, channel: &Channel) -> bool {
        self.own.live.lock().unwrap().contains(channel)
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
        let wanted = {
            let mut wanted = self.own.wanted.lock().unwrap();
            wanted.extend(channels.iter().cloned());
            wanted.clone()
        };
        self.check(Op::Subscribe)?;
        self.own.live.lock().unwrap().extend(wanted);
        Ok(())
    }

    async fn unsubscribe(&self, channels: &[Channel]) -> HubResult<()> {
        let stays = |channel: &Channel| !channels.contains(channel);
        self.own.wanted.lock().unwrap().retain(stays);
        self.check(Op::Unsubscribe)?;
        self.own.live.lock().unwrap().retain(stays);
        Ok(())
    }

    async fn publish(&self, event: BusEvent) -> HubResult<Published> {
        self.published.lock().unwrap().push(event.name.clone());
        self.own.hear_own(event.clone()).await;
        self.check(Op::Publish)?;
        for ear in &self.others {
            self.carry(&event, ear).await;
        }
        Ok(Published::Out(None))
    }
}

#[async_trait]
impl Order for FaultyHub {
    async fn standing(
        &self,
        organization: &OrganizationId,
        rooms: &[(Room, i64)],
    ) -> HubResult<Standing> {
        self.standings.fetch_add(1, Ordering::SeqCst);
        self.check(Op::Publish)?;
        // Whatever was delivered went out.
        let position = self.shared.standing(organization, &[]).await?.position;
        let revs = rooms.iter().map(|(_, rev)| *rev).collect();
        Ok(Standing { position, revs })
    }

    async fn missed(
        &self,
        organization: &OrganizationId,
        rooms: &[Room],
        after: &Position,
        limit: usize,
    ) -> HubResult<Missed> {
        self.shared.missed(organization, rooms, after, limit).await
    }
}

#[async_trait]
impl Sessions for FaultyHub {
    async fn session_save(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        record: &SessionRecord,
        ttl_ms: u64,
    ) -> HubResult<()> {
        let shared = &self.shared;
        shared.session_save(organization, key, record, ttl_ms).await
    }

    async fn session_keep(
        &self,
        sessions: &[(OrganizationId, SessionKey)],
        ttl_ms: u64,
    ) -> HubResult<Vec<usize>> {
        self.shared.session_keep(sessions, ttl_ms).await
    }

    async fn session_claim(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        user: &UserId,
        owner: &str,
        ttl_ms: u64,
    ) -> HubResult<Claim> {
        let shared = &self.shared;
        shared
            .session_claim(organization, key, user, owner, ttl_ms)
            .await
    }

    async fn session_end(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        owner: &str,
    ) -> HubResult<()> {
        self.shared.session_end(organization, key, owner).await
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
        self.questions.fetch_add(1, Ordering::Relaxed);
        self.shared.presence_of(organization, users).await
    }

    async fn are_there(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<bool>> {
        self.check(Op::Presence)?;
        self.shared.are_there(organization, users).await
    }

    async fn roster(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<Roster> {
        self.shared.roster(organization, after, limit).await
    }

    async fn headcount(&self, organization: &OrganizationId) -> HubResult<Headcount> {
        self.shared.headcount(organization).await
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

    async fn typing_users(&self, channel: &Channel) -> HubResult<Vec<(UserId, Timestamp)>> {
        self.check(Op::Typing)?;
        self.shared.typing_users(channel).await
    }
}

#[async_trait]
impl UnreadBook for FaultyHub {
    async fn unread_note(
        &self,
        organization: &OrganizationId,
        notes: &[UnreadNote],
    ) -> HubResult<Vec<Option<i64>>> {
        self.check(Op::Unread)?;
        self.unread_notes.fetch_add(1, Ordering::SeqCst);
        self.shared.unread_note(organization, notes).await
    }

    async fn unread_known(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<Option<BTreeMap<ConversationId, i64>>>> {
        self.check(Op::Unread)?;
        self.shared.unread_known(organization, users).await
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
impl ConnectionLog for FaultyHub {
    async fn log_connections(
        &self,
        organization: &OrganizationId,
        events: &[ConnectionEvent],
    ) -> HubResult<()> {
        self.shared.log_connections(organization, events).await
    }

    async fn connection_events(
        &self,
        organization: &OrganizationId,
        limit: usize,
    ) -> HubResult<Vec<ConnectionEvent>> {
        self.shared.connection_events(organization, limit).await
    }
}

#[async_trait]
impl Hub for FaultyHub {
    async fn ping(&self) -> HubResult<()> {
        Ok(())
    }

    async fn close(&self) {
        self.shared.close().await;
    }
}
