//! What a node does while Redis is away, and what it puts right afterwards.

#![expect(clippy::unwrap_used, reason = "what a test builds on may fail it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use switchboard_hub::{RedisHub, RedisOptions};
use switchboard_messaging::hub::{
    Admission, Arrival, Bus as _, Channel, Device, NodeInfo, PresenceAnswer, PresenceChange,
    PresenceOutcome, Room,
};
use switchboard_messaging::{Hub, Rate};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{OrganizationId, PresenceStatus, Timestamp, UserId};
use switchboard_testkit::redis::PrivateRedis;

use PresenceStatus::{Away, Busy, Offline, Online};

const COMMAND_TIMEOUT: Duration = Duration::from_millis(300);

/// What a call may take beyond its deadline on a busy machine.
const SLACK: Duration = Duration::from_millis(700);

struct Node {
    hub: Arc<dyn Hub>,
    id: String,
}

impl Node {
    async fn connect(redis: &PrivateRedis, id: &str) -> Self {
        Self::with_lease(redis, id, Duration::from_mins(1)).await
    }

    async fn with_lease(redis: &PrivateRedis, id: &str, lease: Duration) -> Self {
        let mut options = RedisOptions::new(&redis.url(), id);
        options.command_timeout = COMMAND_TIMEOUT;
        options.lease = lease;
        // Nobody listens on its bus here.
        let (hub, _events) = RedisHub::connect(options).await.unwrap();
        let id = id.to_owned();
        let node = Self { hub, id };
        node.renew().await;
        node
    }

    /// Renews the lease; whom the others see differently since.
    async fn renew(&self) -> BTreeMap<String, PresenceStatus> {
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
        let told = self.hub.renew_lease(&info).await.unwrap();
        let told = told.into_iter().map(|(_, presence)| presence);
        told.map(|presence| (presence.user_id.as_str().to_owned(), presence.status))
            .collect()
    }

    async fn change(&self, name: &str, change: PresenceChange) -> PresenceOutcome {
        let at = Timestamp::from_millis(1);
        let user = user(name);
        self.hub
            .presence_change(&acme(), &user, change, at)
            .await
            .unwrap()
    }

    async fn asked(&self, name: &str) -> PresenceAnswer {
        self.hub.presence_of(&acme(), &[user(name)]).await.unwrap()
    }

    async fn status(&self, name: &str) -> PresenceStatus {
        let answer = self.asked(name).await;
        assert!(!answer.degraded);
        answer.presences[0].status
    }

    async fn take(&self, rate: Rate) -> Admission {
        let (organization, user) = (acme(), user("alice"));
        self.hub
            .take(&organization, &user, "x", rate)
            .await
            .unwrap()
    }

    async fn until_degraded(&self, degraded: bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.hub.circuit().unwrap().is_closed() == degraded {
            assert!(Instant::now() < patience, "degraded should be {degraded}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn acme() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn room() -> Channel {
    Channel {
        organization: acme(),
        room: Room::User(user("room")),
    }
}

fn device(socket: &str, status: PresenceStatus) -> PresenceChange {
    PresenceChange::Device(Device {
        socket: socket.into(),
        status,
        name: None,
    })
}

fn gone(socket: &str) -> PresenceChange {
    PresenceChange::Gone {
        socket: socket.into(),
    }
}

fn choose(status: Option<PresenceStatus>, custom: Option<&str>) -> PresenceChange {
    PresenceChange::Choose {
        status,
        custom_status: custom.map(|text| Some(text.to_owned())),
    }
}

fn told<const N: usize>(all: [(&str, PresenceStatus); N]) -> BTreeMap<String, PresenceStatus> {
    all.map(|(name, status)| (name.to_owned(), status)).into()
}

#[tokio::test]
async fn calls_that_meet_a_stalled_redis_wait_once_and_then_nobody_does() {
    let redis = PrivateRedis::start().await;
    let a = Node::connect(&redis, "a").await;
    let rate = Rate::new(1_000, Duration::from_mins(1));
    a.take(rate).await;
    redis.pause();
    // They begin one after the other: the last ones have waited for little when the first gives up.
    let takes = (0..20).map(|n| {
        let a = &a;
        async move {
            tokio::time::sleep(COMMAND_TIMEOUT * n / 25).await;
            a.take(rate).await
        }
    });
    let started = Instant::now();
    join_all(takes).await;
    let all = started.elapsed();
    assert!(all < COMMAND_TIMEOUT + SLACK, "{all:?}");
    let started = Instant::now();
    for _ in 0..100 {
        a.take(rate).await;
    }
    let all = started.elapsed();
    assert!(all < COMMAND_TIMEOUT, "{all:?}");
}

#[tokio::test]
async fn what_was_heard_is_doubted_as_soon_as_redis_stands_still() {
    let redis = PrivateRedis::start().await;
    let mut options = RedisOptions::new(&redis.url(), "a");
    options.command_timeout = COMMAND_TIMEOUT;
    let (hub, mut events) = RedisHub::connect(options).await.unwrap();
    hub.subscribe(&[room()]).await.unwrap();
    while events.try_recv().is_ok() {}
    redis.pause();
    hub.ping().await.unwrap_err();
    let told = tokio::time::timeout(SLACK, events.recv()).await;
    assert!(matches!(told, Ok(Some(Arrival::Doubt))), "{told:?}");
    // Once for each outage.
    assert!(hub.ping().await.is_err());
    assert!(events.try_recv().is_err());
    redis.resume();
}

#[tokio::test]
async fn a_rate_limit_holds_on_each_node_while_redis_is_away() {
    let mut redis = PrivateRedis::start().await;
    let (a, b) = (
        Node::connect(&redis, "a").await,
        Node::connect(&redis, "b").await,
    );
    redis.kill();
    let rate = Rate::new(5, Duration::from_hours(1));
    for node in [&a, &b] {
        let takes = join_all((0..8).map(|_| node.take(rate))).await;
        let admitted = takes.iter().filter(|take| **take == Admission::Admitted);
        assert_eq!(admitted.count(), 5);
        assert!(matches!(node.take(rate).await, Admission::RefusedFor(_)));
    }
    redis.restart().await;
    a.until_degraded(false).await;
    b.until_degraded(false).await;
    // Five for both again.
    let mut admitted = 0;
    for node in [&a, &b, &a, &b, &a, &b] {
        admitted += usize::from(node.take(rate).await == Admission::Admitted);
    }
    assert_eq!(admitted, 5);
}

#[tokio::test]
async fn typing_begins_and_ends_once_whatever_redis_heard_of_it() {
    let redis = PrivateRedis::start().await;
    let a = Node::connect(&redis, "a").await;
    let (hub, ttl) = (&a.hub, Duration::from_secs(30));
    let (early, late) = (user("early"), user("late"));
    assert!(hub.typing_start(&room(), &early, ttl).await.unwrap());
    redis.pause();
    assert!(!hub.typing_start(&room(), &early, ttl).await.unwrap());
    assert!(hub.typing_start(&room(), &late, ttl).await.unwrap());
    assert!(!hub.typing_stop(&room(), &early, true).await.unwrap());
    assert!(hub.typing_stop(&room(), &early, false).await.unwrap());
    assert!(!hub.typing_stop(&room(), &early, false).await.unwrap());
    redis.resume();
    a.until_degraded(false).await;
    // Redis never heard that it began, and those who were told are to be told of its end.
    assert!(!hub.typing_stop(&room(), &late, true).await.unwrap());
    assert!(hub.typing_stop(&room(), &late, false).await.unwrap());
    assert!(!hub.typing_stop(&room(), &late, false).await.unwrap());
}

#[tokio::test]
async fn a_node_knows_its_own_users_while_redis_is_away_and_says_that_it_knows_no_more() {
    let redis = PrivateRedis::start().await;
    let (a, b) = (
        Node::connect(&redis, "a").await,
        Node::connect(&redis, "b").await,
    );
    a.change("alice", choose(Some(Busy), Some("in a meeting")))
        .await;
    a.change("alice", device("s1", Online)).await;
    b.change("bob", device("s2", Online)).await;
    redis.pause();
    a.until_degraded(true).await;
    let alice = a.asked("alice").await;
    let text = alice.presences[0].custom_status.as_deref();
    assert_eq!(
        (alice.presences[0].status, text),
        (Busy, Some("in a meeting"))
    );
    assert!(alice.degraded);
    let bob = a.asked("bob").await;
    assert_eq!((bob.presences[0].status, bob.degraded), (Offline, true));

    // Another device changes nothing that others see: she chose.
    let outcome = a.change("alice", device("s3", Away)).await;
    assert!(outcome.degraded && !outcome.changed);
    assert_eq!((outcome.presence.status, outcome.devices), (Busy, 2));
}

/// Alice goes, bob comes, carol chooses, dave comes and goes; then Redis is back.
async fn live_without_redis(a: &Node) {
    for (name, changes) in [
        ("alice", vec![gone("s1"), PresenceChange::Settle]),
        ("bob", vec![device("s2", Online)]),
        (
            "carol",
            vec![choose(Some(Away), Some("x")), choose(Some(Busy), None)],
        ),
        (
            "dave",
            vec![device("s4", Online), gone("s4"), PresenceChange::Settle],
        ),
    ] {
        for change in changes {
            assert!(a.change(name, change).await.degraded);
        }
    }
}

async fn everything_is_right(a: &Node, b: &Node) {
    let changed = told([("alice", Offline), ("bob", Online), ("carol", Busy)]);
    assert_eq!(a.renew().await, changed);
    assert_eq!(b.renew().await, told([]));
    for (name, status) in [
        ("alice", Offline),
        ("bob", Online),
        ("carol", Busy),
        ("dave", Offline),
        ("erin", Online),
    ] {
        assert_eq!(b.status(name).await, status, "{name}");
    }
    let carol = b.asked("carol").await;
    assert_eq!(carol.presences[0].custom_status.as_deref(), Some("x"));
    assert_eq!(a.renew().await, told([]));
}

async fn two_nodes_with_people(redis: &PrivateRedis) -> (Node, Node) {
    let (a, b) = (
        Node::connect(redis, "a").await,
        Node::connect(redis, "b").await,
    );
    a.change("alice", device("s1", Online)).await;
    a.change("carol", device("s3", Online)).await;
    b.change("erin", device("s5", Online)).await;
    (a, b)
}

#[tokio::test]
async fn what_changed_meanwhile_is_told_once_when_redis_is_back() {
    let redis = PrivateRedis::start().await;
    let (a, b) = two_nodes_with_people(&redis).await;
    redis.pause();
    a.until_degraded(true).await;
    live_without_redis(&a).await;
    redis.resume();
    a.until_degraded(false).await;
    b.until_degraded(false).await;
    everything_is_right(&a, &b).await;
}

#[tokio::test]
async fn the_same_is_told_when_redis_forgot_everything() {
    let mut redis = PrivateRedis::start().await;
    let (a, b) = two_nodes_with_people(&redis).await;
    redis.kill();
    a.until_degraded(true).await;
    live_without_redis(&a).await;
    redis.restart().await;
    a.until_degraded(false).await;
    b.until_degraded(false).await;
    everything_is_right(&a, &b).await;
}

#[tokio::test]
async fn somebody_who_only_seemed_to_go_is_told_to_be_there() {
    let redis = PrivateRedis::start().await;
    let (a, b) = (
        Node::connect(&redis, "a").await,
        Node::connect(&redis, "b").await,
    );
    a.change("alice", device("s1", Online)).await;
    b.change("alice", device("s2", Online)).await;
    redis.pause();
    a.until_degraded(true).await;
    a.change("alice", gone("s1")).await;
    let settled = a.change("alice", PresenceChange::Settle).await;
    assert_eq!((settled.presence.status, settled.changed), (Offline, true));
    redis.resume();
    a.until_degraded(false).await;
    assert_eq!(a.renew().await, told([("alice", Online)]));
    assert_eq!(a.renew().await, told([]));
}

#[tokio::test]
async fn who_went_and_was_not_settled_is_settled_after_all() {
    let redis = PrivateRedis::start().await;
    let a = Node::with_lease(&redis, "a", Duration::from_millis(200)).await;
    a.change("alice", device("s1", Online)).await;
    redis.pause();
    a.until_degraded(true).await;
    a.change("alice", gone("s1")).await;
    redis.resume();
    a.until_degraded(false).await;
    assert_eq!(a.renew().await, told([]));
    let due = a.hub.reap_dead_nodes().await.unwrap();
    assert_eq!(due, [(acme(), user("alice"))]);
}

#[tokio::test]
async fn nobody_is_taken_for_dead_because_redis_was_away() {
    let lease = Duration::from_secs(2);
    let redis = PrivateRedis::start().await;
    let a = Node::with_lease(&redis, "a", lease).await;
    let b = Node::with_lease(&redis, "b", lease).await;
    b.change("bob", device("s2", Online)).await;
    redis.pause();
    tokio::time::sleep(lease).await;
    redis.resume();
    a.until_degraded(false).await;
    a.renew().await;
    assert_eq!(a.hub.reap_dead_nodes().await.unwrap(), []);
    b.until_degraded(false).await;
    assert_eq!(b.renew().await, told([]));
    tokio::time::sleep(lease / 2).await;
    a.renew().await;
    // The incarnation without a lease is buried; bob belongs to the next one.
    assert_eq!(a.hub.reap_dead_nodes().await.unwrap(), []);
    assert_eq!(a.status("bob").await, Online);
}

#[tokio::test]
async fn who_is_there_is_told_by_what_the_node_knows_while_redis_is_away() {
    let mut redis = PrivateRedis::start().await;
    let (a, b) = (
        Node::connect(&redis, "a").await,
        Node::connect(&redis, "b").await,
    );
    for name in ["alice", "bob", "carol"] {
        a.change(name, device("s", Online)).await;
    }
    b.change("dave", device("s", Online)).await;
    a.change("bob", choose(Some(Offline), None)).await;
    a.change("carol", device("s", Away)).await;
    let everybody = a.hub.roster(&acme(), None, 10).await.unwrap();
    assert_eq!((everybody.total, everybody.degraded), (3, false));
    redis.kill();
    a.until_degraded(true).await;
    let first = a.hub.roster(&acme(), None, 1).await.unwrap();
    assert_eq!((first.total, first.degraded), (2, true));
    assert_eq!(first.presences[0].user_id, user("alice"));
    let rest = a.hub.roster(&acme(), first.next.as_ref(), 1).await.unwrap();
    assert_eq!(
        (&rest.presences[0].user_id, rest.next),
        (&user("carol"), None)
    );
    let count = a.hub.headcount(&acme()).await.unwrap();
    assert_eq!((count.online, count.away, count.busy), (1, 1, 0));
    assert!(count.degraded);
    assert_eq!(count.sockets, 2, "who appears offline is not in it");
}
