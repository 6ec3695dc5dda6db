//! What only Redis can get wrong: keys that stay, connections that break, servers that stall.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test builds on may fail it"
)]

mod examination;
mod keys;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::interfaces::HashesInterface;
use keys::{observer, ttls};
use serde_json::value::RawValue;
use switchboard_hub::{RedisHub, RedisOptions};
use switchboard_messaging::clock::ManualClock;
use switchboard_messaging::hub::{
    Admission, Arrival, BusEvent, Channel, Device, HubResult, NodeInfo, PresenceChange, Room,
};
use switchboard_messaging::{Clock as _, Hub, Rate, SystemClock};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{
    DeliveryClass, OrganizationId, Presence, PresenceStatus, Timestamp, UserId,
};
use switchboard_testkit::redis::{PrivateRedis, fresh_prefix, url};
use tokio::sync::mpsc;

const COMMAND_TIMEOUT: Duration = Duration::from_millis(300);

/// What a call may take beyond its deadline on a busy machine.
const SLACK: Duration = Duration::from_millis(700);

struct Node {
    hub: Arc<dyn Hub>,
    events: mpsc::Receiver<Arrival>,
    id: String,
}

impl Node {
    async fn connect(url: &str, prefix: &str, id: &str) -> Self {
        let mut options = RedisOptions::new(url, id);
        prefix.clone_into(&mut options.key_prefix);
        options.command_timeout = COMMAND_TIMEOUT;
        let (hub, events) = RedisHub::connect(options).await.unwrap();
        let id = id.to_owned();
        let node = Self { hub, events, id };
        node.renew().await;
        node
    }

    async fn renew(&self) -> Vec<(OrganizationId, Presence)> {
        self.try_renew().await.unwrap()
    }

    async fn try_renew(&self) -> HubResult<Vec<(OrganizationId, Presence)>> {
        let info = NodeInfo {
            id: self.id.clone(),
            version: "1".into(),
            started_at: Timestamp::from_millis(0),
            connections: 0,
            address: None,
            route: String::new(),
            figures: NodeFigures::default(),
            draining: false,
        };
        self.hub.renew_lease(&info).await
    }

    async fn hears(&mut self) -> String {
        loop {
            let arrival = tokio::time::timeout(Duration::from_secs(10), self.events.recv());
            let arrival = arrival.await.expect("an event should have arrived");
            if let Arrival::Event(event) = arrival.expect("the hub should be open") {
                return event.data.get().to_owned();
            }
        }
    }

    async fn status_of(&self, user: &UserId) -> PresenceStatus {
        let users = [user.clone()];
        self.hub
            .presence_of(&acme(), &users)
            .await
            .unwrap()
            .presences[0]
            .status
    }

    async fn change(&self, change: PresenceChange) -> HubResult<bool> {
        let at = Timestamp::from_millis(1);
        let outcome = self
            .hub
            .presence_change(&acme(), &alice(), change, at)
            .await?;
        Ok(outcome.changed)
    }

    async fn until_it_answers(&self) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.hub.ping().await.is_err() {
            assert!(
                Instant::now() < patience,
                "redis should have answered again"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn acme() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

fn alice() -> UserId {
    UserId::new("alice").unwrap()
}

fn room() -> Channel {
    Channel {
        organization: acme(),
        room: Room::User(alice()),
    }
}

fn online(socket: &str) -> PresenceChange {
    PresenceChange::Device(Device {
        socket: socket.into(),
        status: PresenceStatus::Online,
        name: None,
    })
}

fn event(data: &str) -> BusEvent {
    BusEvent {
        channel: room(),
        audience: Vec::new(),
        name: "test:event".into(),
        data: RawValue::from_string(data.to_owned()).unwrap(),
        class: DeliveryClass::Volatile,
        rev: None,
        except: None,
        enters: None,
        at: Timestamp::from_millis(0),
        trace: None,
        position: None,
    }
}

#[tokio::test]
async fn what_was_subscribed_to_is_heard_again_after_a_restart() {
    let mut redis = PrivateRedis::start().await;
    let mut a = Node::connect(&redis.url(), "sb", "a").await;
    let b = Node::connect(&redis.url(), "sb", "b").await;
    a.hub.subscribe(&[room()]).await.unwrap();

    redis.kill();
    redis.restart().await;
    b.until_it_answers().await;

    // The subscription comes back by itself; until then events of others are lost.
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let _ = b.hub.publish(event("1")).await;
        let pause = Duration::from_millis(50);
        if let Ok(Some(Arrival::Event(heard))) = tokio::time::timeout(pause, a.events.recv()).await
        {
            assert_eq!(heard.data.get(), "1");
            break;
        }
        assert!(Instant::now() < patience, "nothing is heard any more");
    }
}

#[tokio::test]
async fn what_is_subscribed_to_while_redis_is_down_is_heard_when_it_is_back() {
    let mut redis = PrivateRedis::start().await;
    let mut a = Node::connect(&redis.url(), "sb", "a").await;
    redis.kill();
    assert!(a.hub.subscribe(&[room()]).await.is_err());
    let _ = a.hub.publish(event("\"own\"")).await;
    assert_eq!(a.hears().await, "\"own\"");

    redis.restart().await;
    let b = Node::connect(&redis.url(), "sb", "b").await;
    let patience = Instant::now() + Duration::from_secs(20);
    while !matches!(a.events.try_recv(), Ok(Arrival::Event(_))) {
        b.hub.publish(event("\"other\"")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(Instant::now() < patience, "nothing is heard");
    }
}

#[tokio::test]
async fn while_redis_is_down_a_node_hears_itself_and_is_told_in_time() {
    let mut redis = PrivateRedis::start().await;
    let mut a = Node::connect(&redis.url(), "sb", "a").await;
    a.hub.subscribe(&[room()]).await.unwrap();
    redis.kill();
    for number in ["1", "2", "3"] {
        let started = Instant::now();
        let published = a.hub.publish(event(number)).await;
        assert!(published.is_err());
        assert!(started.elapsed() < COMMAND_TIMEOUT + SLACK);
        assert_eq!(a.hears().await, number);
    }
}

#[tokio::test]
async fn a_stalled_redis_is_an_error_in_time_and_soon_at_once() {
    let redis = PrivateRedis::start().await;
    let a = Node::connect(&redis.url(), "sb", "a").await;
    redis.pause();
    let started = Instant::now();
    assert!(a.hub.nodes().await.is_err());
    assert!(started.elapsed() < COMMAND_TIMEOUT + SLACK);
    // The circuit is open: nobody waits any more.
    let started = Instant::now();
    for _ in 0..100 {
        assert!(a.hub.nodes().await.is_err());
    }
    assert!(started.elapsed() < COMMAND_TIMEOUT);

    redis.resume();
    a.until_it_answers().await;
    assert_eq!(a.hub.nodes().await.unwrap().len(), 1);
    a.hub.subscribe(&[room()]).await.unwrap();
}

#[tokio::test]
async fn devices_are_told_of_again_when_redis_forgot_them() {
    let mut redis = PrivateRedis::start().await;
    let a = Node::connect(&redis.url(), "sb", "a").await;
    assert!(a.change(online("s1")).await.unwrap());
    redis.restart().await;
    a.until_it_answers().await;
    assert_eq!(a.status_of(&alice()).await, PresenceStatus::Offline);

    // Nobody was told that she went, so nobody is told that she is there.
    assert_eq!(a.renew().await, []);
    assert_eq!(a.status_of(&alice()).await, PresenceStatus::Online);
}

/// More than Lua can hand over to one command.
#[tokio::test]
async fn however_many_devices_a_user_has_all_are_told_of_again() {
    let redis = PrivateRedis::start().await;
    let a = Node::connect(&redis.url(), "sb", "a").await;
    redis.pause();
    for n in 0..4_500 {
        a.change(online(&format!("s{n}"))).await.unwrap();
    }
    redis.resume();
    a.until_it_answers().await;
    // So many may take more than a command's time on a busy machine; a node goes on with the next lease.
    let patience = Instant::now() + Duration::from_secs(20);
    while let Err(error) = a.try_renew().await {
        assert!(Instant::now() < patience, "{error}");
    }
    let socket = "s7".into();
    let gone = PresenceChange::Gone { socket };
    let at = Timestamp::from_millis(1);
    let (acme, alice) = (acme(), alice());
    let going = a.hub.presence_change(&acme, &alice, gone, at);
    assert_eq!(going.await.unwrap().devices, 4_499);
}

#[tokio::test]
async fn what_redis_did_not_hear_is_made_good_with_the_next_lease() {
    let redis = PrivateRedis::start().await;
    let a = Node::connect(&redis.url(), "sb", "a").await;
    let bob = UserId::new("bob").unwrap();
    let at = Timestamp::from_millis(1);
    assert!(a.change(online("s1")).await.unwrap());
    redis.pause();
    let gone = PresenceChange::Gone {
        socket: "s1".into(),
    };
    a.change(gone).await.unwrap();
    a.change(PresenceChange::Settle).await.unwrap();
    let organization = acme();
    let came = a.hub.presence_change(&organization, &bob, online("s2"), at);
    assert!(came.await.unwrap().degraded);
    redis.resume();
    a.until_it_answers().await;

    let mut told: Vec<_> = a.renew().await.into_iter().map(|(_, one)| one).collect();
    told.sort_by_key(|one| one.user_id.clone());
    // What ran out of time may have been executed all the same; it is the end that counts.
    assert!(
        told.iter()
            .all(|one| one.user_id == alice() || one.user_id == bob)
    );
    assert_eq!(a.status_of(&alice()).await, PresenceStatus::Offline);
    assert_eq!(a.status_of(&bob).await, PresenceStatus::Online);
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_left_by_all_connections() {
    let (redis, primary) = (PrivateRedis::start().await, PrivateRedis::start().await);
    let a = Node::connect(&redis.url(), "sb", "a").await;
    let connections = async || {
        let list = redis.ask(&["CLIENT", "LIST", "TYPE", "NORMAL"]).await;
        let of_node = list.lines().filter(|line| line.contains("resp=3"));
        let ids = of_node.filter_map(|line| line.split_whitespace().next());
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = connections().await;
    assert_eq!(before.len(), 3, "{before:?}");
    let port = primary.url().rsplit_once(':').unwrap().1.to_owned();
    redis.ask(&["REPLICAOF", "127.0.0.1", &port]).await;
    assert!(a.try_renew().await.is_err());

    let patience = Instant::now() + Duration::from_secs(20);
    while connections().await.iter().any(|id| before.contains(id)) {
        assert!(Instant::now() < patience, "it was not left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn redis_and_memory_name_the_same_retry_time() {
    let prefix = fresh_prefix();
    let redis = Node::connect(&url(), &prefix, "a").await;
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
    let (memory, _events) = switchboard_hub::MemoryHub::cluster(clock).attach("a");
    for (burst, seconds) in [
        (1, 30),
        (7, 60),
        (100, 6_000),
        (20, 3_600),
        (1_000_000, 86_400),
    ] {
        let rate = Rate::new(burst, Duration::from_secs(seconds));
        let name = format!("{burst} in {seconds}");
        let mut waits = Vec::new();
        for hub in [&*redis.hub, &*memory as &dyn Hub] {
            let mut last = Admission::Admitted;
            for _ in 0..=burst.min(300) {
                last = hub.take(&acme(), &alice(), &name, rate).await.unwrap();
            }
            waits.push(last);
        }
        match waits[..] {
            [Admission::RefusedFor(one), Admission::RefusedFor(other)] => {
                assert!(one <= other, "{one:?} and {other:?} for {name}");
                assert!(
                    one + Duration::from_secs(5) > other,
                    "{one:?} and {other:?} for {name}"
                );
            }
            // A million tokens are not taken here.
            [Admission::Admitted, Admission::Admitted] => assert!(burst > 300, "{name}"),
            _ => panic!("{waits:?} for {name}"),
        }
    }
}

#[tokio::test]
async fn nobody_waits_until_a_clock_of_redis_that_was_set_back_has_caught_up() {
    let (url, prefix) = (url(), fresh_prefix());
    let node = Node::connect(&url, &prefix, "a").await;
    let rate = Rate::new(1, Duration::from_secs(3));
    let take = async || node.hub.take(&acme(), &alice(), "x", rate).await.unwrap();
    assert_eq!(take().await, Admission::Admitted);

    let observer = observer(&url).await;
    let keys = ttls(&observer, &prefix).await;
    let (bucket, _) = keys
        .iter()
        .find(|(key, _)| key.contains("bucket:"))
        .unwrap();
    let in_an_hour = (SystemClock.now().as_millis() + 3_600_000) * 1_000;
    let in_an_hour = in_an_hour.to_string();
    let spent = [("credit", "0"), ("at", in_an_hour.as_str())];
    observer
        .hset::<(), _, _>(bucket, spent.to_vec())
        .await
        .unwrap();

    let set_back = Instant::now();
    assert_ne!(take().await, Admission::Admitted, "it brings nothing");
    while let Admission::RefusedFor(wait) = take().await {
        assert!(
            set_back.elapsed() < Duration::from_secs(10),
            "still {wait:?}"
        );
        tokio::time::sleep(wait.min(Duration::from_millis(100))).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let mut options = RedisOptions::new(&url(), "a");
    options.username = Some("nobody".into());
    options.password = Some("hunter2".into());
    let error = RedisHub::connect(options).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}
