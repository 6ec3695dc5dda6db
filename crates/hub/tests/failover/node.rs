//! Two nodes, and what they owe each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use switchboard_hub::{RedisHub, RedisOptions};
use switchboard_messaging::Rate;
use switchboard_messaging::hub::{
    Admission, Arrival, Buckets as _, Bus as _, BusEvent, Channel, Device, HubResult, NodeInfo,
    PresenceBook as _, PresenceChange, Registry as _, Room,
};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{DeliveryClass, OrganizationId, PresenceStatus, Timestamp, UserId};
use switchboard_testkit::redis::{Certificates, Door};
use tokio::sync::mpsc;

const COMMAND_TIMEOUT: Duration = Duration::from_millis(300);

/// What a call may take beyond its deadline on a busy machine.
const SLACK: Duration = Duration::from_millis(700);

/// All is well again this long after a failure; the set-ups notice one within a second.
const WELL_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Node {
    pub(crate) hub: Arc<RedisHub>,
    events: mpsc::Receiver<Arrival>,
    id: String,
    heard: u64,
    /// What another node needs to connect.
    others: RedisOptions,
}

/// Two nodes that listen to the same room, each with a device of a user of its own.
/// The number is the last that they told each other.
pub(crate) struct Pair(pub(crate) Node, pub(crate) Node, u64);

pub(crate) fn options(url: &str, door: &Door, id: &str) -> RedisOptions {
    let mut options = RedisOptions::new(url, id);
    options.tls.ca_file = door.certificates().map(Certificates::ca_file);
    options.command_timeout = COMMAND_TIMEOUT;
    options
}

impl Node {
    async fn connect(options: RedisOptions) -> Self {
        let id = options.node_id.clone();
        let others = RedisOptions {
            node_id: "c".into(),
            ..options.clone()
        };
        let (hub, events) = RedisHub::connect(options).await.unwrap();
        let node = Self {
            hub,
            events,
            id,
            heard: 0,
            others,
        };
        node.hub.subscribe(&[room()]).await.unwrap();
        node.renew().await.unwrap();
        node.arrives().await.unwrap();
        node
    }

    async fn renew(&self) -> HubResult<()> {
        let info = NodeInfo {
            id: self.id.clone(),
            version: "1".into(),
            started_at: Timestamp::from_millis(0),
            connections: 0,
            address: None,
            route: self.id.clone(),
            figures: NodeFigures::default(),
            draining: false,
        };
        self.hub.renew_lease(&info).await.map(drop)
    }

    /// A device of the user who is named as the node.
    async fn arrives(&self) -> HubResult<()> {
        let device = PresenceChange::Device(Device {
            socket: "s".into(),
            status: PresenceStatus::Online,
            name: None,
        });
        let at = Timestamp::from_millis(1);
        let user = UserId::new(&self.id).unwrap();
        let organization = acme();
        let told = self.hub.presence_change(&organization, &user, device, at);
        told.await.map(drop)
    }

    /// Whether Redis says that a user is online.
    async fn sees(&self, user: &str) -> bool {
        let users = [UserId::new(user).unwrap()];
        let seen = self.hub.presence_of(&acme(), &users).await;
        seen.is_ok_and(|seen| !seen.degraded && seen.presences[0].status == PresenceStatus::Online)
    }

    /// Takes a token from a bucket that has not been used yet, be it of Redis or the node's own.
    pub(crate) async fn spends(&self) {
        let (organization, user) = (acme(), UserId::new(&self.id).unwrap());
        let rate = Rate::new(1, Duration::from_mins(1));
        let taken = timely(self.hub.take(&organization, &user, "fresh", rate)).await;
        assert_eq!(taken.unwrap(), Admission::Admitted);
    }

    async fn publish(&self, number: u64) -> HubResult<()> {
        let published = self.hub.publish(event(&self.id, number));
        timely(published).await.map(drop)
    }

    pub(crate) fn is_up(&self) -> bool {
        format!("{:?}", self.hub).contains("up: true")
    }

    /// Whether a number that the other one published has come by now.
    async fn hears(&mut self, number: u64) -> bool {
        let patience = Duration::from_millis(100);
        while self.heard < number {
            let event = tokio::time::timeout(patience, self.events.recv()).await;
            let Ok(event) = event else { return false };
            if let Arrival::Event(event) = event.unwrap()
                && event.name != self.id
            {
                self.heard = event.data.get().parse().unwrap();
            }
        }
        true
    }
}

impl Pair {
    pub(crate) async fn connect(url: &str, door: &Door) -> Self {
        let a = Node::connect(options(url, door, "a")).await;
        let b = Node::connect(options(url, door, "b")).await;
        let mut pair = Self(a, b, 0);
        pair.recovers(Instant::now()).await;
        pair
    }

    /// Publishes from both, with nobody waiting longer than they may, until both hear each other, are
    /// registered, and see each other's users. Returns how long it took since the failure.
    pub(crate) async fn recovers(&mut self, failed: Instant) -> Duration {
        while !self.is_well().await {
            assert!(failed.elapsed() < WELL_WITHIN * 3, "it is never well again");
        }
        let took = failed.elapsed();
        eprintln!("well again after {took:?}");
        assert!(took < WELL_WITHIN, "it took {took:?}");
        took
    }

    /// Publishes from a third node until both hear it, and they do nothing else.
    pub(crate) async fn hear_from_others(&mut self, failed: Instant) {
        let (third, _events) = RedisHub::connect(self.0.others.clone()).await.unwrap();
        loop {
            self.2 += 1;
            let _ = third.publish(event("c", self.2)).await;
            if self.0.hears(self.2).await && self.1.hears(self.2).await {
                break;
            }
            assert!(failed.elapsed() < WELL_WITHIN, "they are deaf");
        }
        eprintln!("heard again after {:?}", failed.elapsed());
    }

    async fn is_well(&mut self) -> bool {
        self.2 += 1;
        let Self(a, b, number) = self;
        let number = *number;
        let published = [
            a.publish(number).await.is_ok(),
            b.publish(number).await.is_ok(),
        ];
        let room = [room()];
        let _ = timely(a.hub.subscribe(&room)).await;
        let heard = [a.hears(number).await, b.hears(number).await];
        if published != [true, true] || heard != [true, true] {
            return false;
        }
        let renewed = [a.renew().await.is_ok(), b.renew().await.is_ok()];
        let nodes = a.hub.nodes().await;
        let registered = nodes.is_ok_and(|nodes| nodes.len() == 2);
        let seen = [b.sees("a").await, a.sees("b").await];
        renewed == [true, true] && registered && seen == [true, true] && a.is_up() && b.is_up()
    }

    /// Calls until both nodes say that Redis is away, in time each.
    pub(crate) async fn notice(&self) {
        let patience = Instant::now() + WELL_WITHIN;
        while self.0.is_up() || self.1.is_up() {
            for node in [&self.0, &self.1] {
                let _ = node.publish(0).await;
            }
            assert!(Instant::now() < patience, "nobody notices");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // From here on nobody waits at all.
        let started = Instant::now();
        assert!(self.0.publish(0).await.is_err());
        assert!(started.elapsed() < COMMAND_TIMEOUT);
    }
}

/// What a call gives, and that it gives it in time.
async fn timely<T>(call: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = call.await;
    let took = started.elapsed();
    // Who subscribes may have to wait for a probe first.
    assert!(took < COMMAND_TIMEOUT * 2 + SLACK, "a call took {took:?}");
    answer
}

pub(crate) fn acme() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

pub(crate) fn room() -> Channel {
    Channel {
        organization: acme(),
        room: Room::Organization,
    }
}

fn event(from: &str, number: u64) -> BusEvent {
    BusEvent {
        channel: room(),
        audience: Vec::new(),
        name: from.to_owned(),
        data: RawValue::from_string(number.to_string()).unwrap(),
        class: DeliveryClass::Volatile,
        rev: None,
        except: None,
        enters: None,
        at: Timestamp::from_millis(0),
        trace: None,
        position: None,
    }
}
