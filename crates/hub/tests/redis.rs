//! What only Redis can get wrong: keys that stay, connections that break, servers that stall.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test builds on may fail it"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Builder;
use fred::types::config::Config;
use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use switchboard_hub::{RedisHub, RedisOptions};
use switchboard_messaging::clock::ManualClock;
use switchboard_messaging::hub::{
    Admission, Arrival, BusEvent, Channel, Device, HubResult, NodeInfo, PresenceChange, Room,
    SessionKey, SessionRecord, UnreadNote,
};
use switchboard_messaging::{Hub, Rate};
use switchboard_protocol::{
    ConversationId, DeliveryClass, OrganizationId, Presence, PresenceStatus, Timestamp, UserId,
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
            figures: Default::default(),
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
        position: None,
    }
}

/// Everything that there is about users and nodes.
async fn make_every_kind_of_key(hub: &dyn Hub) {
    let custom_status = Some(Some("here".into()));
    let choose = PresenceChange::Choose {
        status: Some(PresenceStatus::Busy),
        custom_status,
    };
    let at = Timestamp::from_millis(1);
    for change in [choose, online("s1")] {
        hub.presence_change(&acme(), &alice(), change, at)
            .await
            .unwrap();
    }
    let ttl = Duration::from_secs(5);
    hub.typing_start(&room(), &alice(), ttl).await.unwrap();
    let note = UnreadNote {
        user: alice(),
        counts: Vec::new(),
        is_all: true,
    };
    hub.unread_note(&acme(), &[note]).await.unwrap();
    let rate = Rate::new(2, Duration::from_mins(1));
    for _ in 0..3 {
        hub.take(&acme(), &alice(), "x", rate).await.unwrap();
    }
    for rev in [2, 4] {
        hub.publish(sequenced(rev)).await.unwrap();
    }
    let record = SessionRecord {
        namespace: "/".to_owned(),
        began: None,
        user: alice(),
        socket: "socket".into(),
        owner: "owner".into(),
        entered: [].into(),
        left: [].into(),
    };
    let key = SessionKey("secret".into());
    hub.session_save(&acme(), &key, &record, 10_000)
        .await
        .unwrap();
}

/// An event with this `rev` of one conversation.
fn sequenced(rev: i64) -> BusEvent {
    let conversation = ConversationId(uuid::Uuid::from_u128(1));
    BusEvent {
        channel: Channel {
            organization: acme(),
            room: Room::Conversation(conversation),
        },
        class: DeliveryClass::Sequenced,
        rev: Some(rev),
        ..event("1")
    }
}

#[tokio::test]
async fn every_key_has_a_ttl() {
    let prefix = fresh_prefix();
    let doomed = Node::connect(&url(), &prefix, "doomed").await;
    make_every_kind_of_key(&*doomed.hub).await;
    let observer = observer(&url()).await;
    let seen = ttls(&observer, &prefix).await;
    assert_eq!(seen.len(), 16, "{seen:?}");

    doomed.hub.leave().await.unwrap();
    let node = Node::connect(&url(), &prefix, "node").await;
    assert_eq!(node.hub.reap_dead_nodes().await.unwrap().len(), 1);
    for (key, ttl) in [seen, ttls(&observer, &prefix).await].concat() {
        assert!(ttl > 0, "{key} has no ttl");
    }
}

async fn observer(url: &str) -> Client {
    let client = Builder::from_config(Config::from_url(url).unwrap());
    let client = client.build().unwrap();
    client.init().await.unwrap();
    client
}

async fn ttls(observer: &Client, prefix: &str) -> Vec<(String, i64)> {
    let pages = observer.scan_buffered(format!("{prefix}:*"), Some(1_000), None);
    let keys: Vec<fred::types::Key> = pages.try_collect().await.unwrap();
    let mut ttls = Vec::new();
    for key in keys {
        let name = key.as_str().unwrap().to_owned();
        ttls.push((name, observer.pttl::<i64, _>(key).await.unwrap()));
    }
    ttls
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
    for (burst, seconds) in [(1, 1), (7, 60), (100, 60), (20, 3_600), (1_000_000, 86_400)] {
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
async fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let mut options = RedisOptions::new(&url(), "a");
    options.username = Some("nobody".into());
    options.password = Some("hunter2".into());
    let error = RedisHub::connect(options).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}
