//! Nodes that share a hub, and time that passes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::value::RawValue;
use switchboard_hub::{LEASE, LogBounds, MemoryCluster, MemoryHub, RedisHub, RedisOptions};
use switchboard_messaging::Hub;
use switchboard_messaging::clock::ManualClock;
use switchboard_messaging::hub::{
    Arrival, BusEvent, Channel, Device, NodeInfo, PresenceChange, PresenceOutcome, Room,
};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{
    DeliveryClass, OrganizationId, Presence, PresenceStatus, Timestamp, UserId,
};
use tokio::sync::mpsc;

/// Makes nodes that share one hub.
pub(crate) trait Harness {
    /// A node without a lease.
    async fn unregistered(&self, id: &str) -> Node;

    /// Lets this much of the hub's time pass.
    async fn let_time_pass(&self, time: Duration);

    /// How long leases last here.
    fn lease(&self) -> Duration;

    /// How much of each room is remembered here.
    fn log(&self) -> LogBounds {
        LogBounds {
            length: 20,
            ttl_ms: 1_500,
        }
    }

    /// A node that has just got its lease.
    async fn node(&self, id: &str) -> Node {
        let node = self.unregistered(id).await;
        node.renew().await;
        node
    }

    /// Lets the leases of all nodes run out, but for these.
    async fn let_leases_run_out_but_of(&self, survivors: &[&Node]) {
        for _ in 0..2 {
            self.let_time_pass(self.lease().mul_f64(0.6)).await;
            for node in survivors {
                node.renew().await;
            }
        }
    }
}

/// A node.
pub(crate) struct Node {
    pub(crate) hub: Arc<dyn Hub>,
    pub(crate) id: String,
    events: mpsc::Receiver<Arrival>,
}

impl Node {
    pub(crate) async fn renew(&self) -> Vec<(OrganizationId, Presence)> {
        self.renew_with(0).await
    }

    pub(crate) async fn renew_with(&self, connections: u64) -> Vec<(OrganizationId, Presence)> {
        self.hub.renew_lease(&self.info(connections)).await.unwrap()
    }

    /// Renews its lease on the way out.
    pub(crate) async fn drains(&self) {
        let info = NodeInfo {
            draining: true,
            ..self.info(0)
        };
        self.hub.renew_lease(&info).await.unwrap();
    }

    fn info(&self, connections: u64) -> NodeInfo {
        NodeInfo {
            id: self.id.clone(),
            version: "1.2.3".into(),
            started_at: at(7),
            connections,
            address: Some("http://10.0.0.7:9090".into()),
            route: "node-1".into(),
            figures: NodeFigures::default(),
            draining: false,
        }
    }

    pub(crate) async fn subscribe(&self, channels: &[Channel]) {
        self.hub.subscribe(channels).await.unwrap();
    }

    pub(crate) async fn publish(&self, channel: &Channel, data: &str) {
        self.hub.publish(event(channel, data)).await.unwrap();
    }

    /// The payload of the next event.
    pub(crate) async fn hears(&mut self) -> String {
        self.next_event().await.data.get().to_owned()
    }

    pub(crate) async fn next_event(&mut self) -> BusEvent {
        loop {
            let arrival = tokio::time::timeout(Duration::from_secs(10), self.events.recv());
            let arrival = arrival.await.expect("an event should have arrived");
            if let Arrival::Event(event) = arrival.expect("the hub should be open") {
                return *event;
            }
        }
    }

    pub(crate) async fn change(&self, user: &UserId, change: PresenceChange) -> PresenceOutcome {
        self.change_at(user, change, 1_000).await
    }

    pub(crate) async fn change_at(
        &self,
        user: &UserId,
        change: PresenceChange,
        when: i64,
    ) -> PresenceOutcome {
        self.hub
            .presence_change(&acme(), user, change, at(when))
            .await
            .unwrap()
    }

    pub(crate) async fn presence(&self, user: &UserId) -> Presence {
        let users = [user.clone()];
        self.hub
            .presence_of(&acme(), &users)
            .await
            .unwrap()
            .presences
            .remove(0)
    }

    pub(crate) async fn reaps(&self) -> Vec<(OrganizationId, UserId)> {
        let mut reaped = self.hub.reap_dead_nodes().await.unwrap();
        reaped.sort();
        reaped
    }

    /// What is left of it is what it told the hub.
    pub(crate) async fn dies(self) {
        self.hub.close().await;
    }
}

pub(crate) struct MemoryHarness {
    clock: Arc<ManualClock>,
    cluster: MemoryCluster,
}

impl MemoryHarness {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(at(1_000_000)));
        let cluster = MemoryHub::cluster(Arc::clone(&clock) as _);
        let made = Self { clock, cluster };
        let cluster = made.cluster.clone().with_log(made.log());
        Self { cluster, ..made }
    }
}

impl Harness for MemoryHarness {
    async fn unregistered(&self, id: &str) -> Node {
        let (hub, events) = self.cluster.attach(id);
        Node {
            hub,
            id: id.into(),
            events,
        }
    }

    async fn let_time_pass(&self, time: Duration) {
        // The clock counts milliseconds; a fraction of one has passed only with the whole.
        self.clock.advance(time + Duration::from_micros(999));
    }

    fn lease(&self) -> Duration {
        LEASE
    }
}

pub(crate) struct RedisHarness {
    redis: RedisOptions,
    open: Mutex<Vec<Arc<RedisHub>>>,
}

impl RedisHarness {
    pub(crate) fn new() -> Self {
        let mut options = RedisOptions::new(&switchboard_testkit::redis::url(), "");
        options.lease = Duration::from_millis(750);
        Self::on(options)
    }

    /// On the Redis that these lead to.
    pub(crate) fn on(mut redis: RedisOptions) -> Self {
        redis.key_prefix = switchboard_testkit::redis::fresh_prefix();
        // Five people's tests share two cores.
        redis.command_timeout = Duration::from_secs(5);
        let open = Mutex::default();
        Self { redis, open }
    }
}

impl Harness for RedisHarness {
    async fn unregistered(&self, id: &str) -> Node {
        let mut options = self.redis.clone();
        id.clone_into(&mut options.node_id);
        options.log = self.log();
        let (hub, events) = RedisHub::connect(options).await.unwrap();
        self.open.lock().unwrap().push(Arc::clone(&hub));
        Node {
            hub,
            id: id.into(),
            events,
        }
    }

    async fn let_time_pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn lease(&self) -> Duration {
        self.redis.lease
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn acme() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

pub(crate) fn globex() -> OrganizationId {
    OrganizationId::new("globex").unwrap()
}

pub(crate) fn alice() -> UserId {
    user("alice")
}

pub(crate) fn bob() -> UserId {
    user("bob")
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub(crate) fn room_of(user: UserId) -> Channel {
    Channel {
        organization: acme(),
        room: Room::User(user),
    }
}

pub(crate) fn everybody(organization: OrganizationId) -> Channel {
    Channel {
        organization,
        room: Room::Organization,
    }
}

pub(crate) fn event(channel: &Channel, data: &str) -> BusEvent {
    BusEvent {
        channel: channel.clone(),
        audience: Vec::new(),
        name: "test:event".into(),
        data: RawValue::from_string(data.to_owned()).unwrap(),
        class: DeliveryClass::Logged,
        rev: None,
        except: None,
        enters: None,
        at: at(1_000),
        trace: None,
        position: None,
    }
}

pub(crate) fn online(socket: &str) -> PresenceChange {
    device(socket, PresenceStatus::Online)
}

pub(crate) fn away(socket: &str) -> PresenceChange {
    device(socket, PresenceStatus::Away)
}

fn device(socket: &str, status: PresenceStatus) -> PresenceChange {
    PresenceChange::Device(Device {
        socket: socket.into(),
        status,
        name: None,
    })
}

pub(crate) fn gone(socket: &str) -> PresenceChange {
    PresenceChange::Gone {
        socket: socket.into(),
    }
}

pub(crate) fn choose(status: Option<PresenceStatus>) -> PresenceChange {
    PresenceChange::Choose {
        status,
        custom_status: None,
    }
}
