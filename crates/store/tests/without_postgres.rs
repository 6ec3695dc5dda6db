//! What the store does while PostgreSQL stands still or is gone, and when it is back.

#![expect(clippy::unwrap_used, reason = "what a test builds on may fail it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Map;
use sqlx::{Connection as _, PgConnection};
use switchboard_messaging::circuit::Phase;
use switchboard_messaging::store::{
    Appended, Edit, NewConversation, NewMessage, StoreError, StoreResult, Viewer,
};
use switchboard_messaging::{Ids, Store, SystemIds};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    ConversationId, Kind, Message, MessageId, MessageType, OrganizationId, Timestamp, UserId,
};
use switchboard_store::Options;
use switchboard_testkit::postgres::PrivatePostgres;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// As configured by default.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// A circuit that is open answers at once, on a busy machine too.
const AT_ONCE: Duration = Duration::from_millis(50);

struct World {
    postgres: PrivatePostgres,
    store: Arc<dyn Store>,
    conversation: ConversationId,
}

impl World {
    async fn new() -> Self {
        Self::through(async |url| url).await
    }

    /// One whose store reaches the database by the URL that `way` gives for its own.
    async fn through(way: impl AsyncFnOnce(String) -> String) -> Self {
        let postgres = PrivatePostgres::start().await.unwrap();
        let url = postgres.fresh_database().await.url;
        switchboard_store::migrate(&url).await.unwrap();
        let url = way(url).await;
        let options = Options {
            url,
            max_connections: 4,
            statement_timeout: DEADLINE,
        };
        let store = switchboard_store::open(options).await.unwrap();
        let new = NewConversation {
            socket: None,
            id: ConversationId(SystemIds.next()),
            creator: ann(),
            kind: Kind::Group,
            others: Vec::new(),
            title: None,
            context: None,
            metadata: Map::new(),
            client_conversation_id: None,
            at: Timestamp::from_millis(1),
        };
        let created = store.create_conversation(new).await.unwrap();
        Self {
            postgres,
            store,
            conversation: created.view.conversation.id,
        }
    }

    async fn send(&self, client_message_id: &str) -> StoreResult<Appended> {
        let new = NewMessage {
            socket: None,
            id: MessageId(SystemIds.next()),
            conversation: self.conversation,
            sender: ann(),
            kind: MessageType::Text,
            content: client_message_id.to_owned(),
            reply_to: None,
            metadata: Map::new(),
            client_message_id: Some(client_message_id.to_owned()),
            at: Timestamp::from_millis(2),
        };
        self.store.append(new).await
    }

    async fn edit(&self, message: MessageId) -> StoreResult<Message> {
        let edit = Edit {
            socket: None,
            message,
            editor: ann(),
            content: "edited".to_owned(),
            expected_version: None,
            not_before: None,
            at: Timestamp::from_millis(3),
        };
        self.store.edit(edit).await
    }

    async fn stored(&self) -> Vec<Message> {
        let organization = ann().organization;
        self.store
            .history(
                &organization,
                self.conversation,
                Window::After(0),
                1_000_000,
            )
            .await
            .unwrap()
    }

    fn phase(&self) -> Phase {
        self.store.circuit().unwrap().phase()
    }

    async fn until_it_answers(&self) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.phase() != Phase::Closed {
            assert!(Instant::now() < patience, "the circuit stays open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every method that calls depend on is refused, in this time at most.
    async fn nothing_answers(&self, within: Duration) {
        let viewer = ann();
        let started = Instant::now();
        let (sent, member, heads) = tokio::join!(
            self.send("refused"),
            self.store.membership(&viewer, self.conversation),
            self.store.heads_of(&viewer, 10),
        );
        let took = started.elapsed();
        assert!(sent.unwrap_err().is_away());
        assert!(member.unwrap_err().is_away());
        assert!(heads.unwrap_err().is_away());
        assert!(took < within, "{took:?}");
    }

    /// Sends without a pause; what was acked.
    async fn send_until(&self, name: &str, end: Instant) -> BTreeSet<MessageId> {
        let mut acked = BTreeSet::new();
        for n in 0.. {
            if Instant::now() > end {
                break;
            }
            let id = format!("{name} {n}");
            // As clients do: the same again until it is acked.
            loop {
                match self.send(&id).await {
                    Ok(appended) => {
                        acked.insert(appended.message.id);
                        break;
                    }
                    Err(error) => assert!(error.is_away(), "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        acked
    }
}

/// A way to the database on which connections can be lost without a word, as when a firewall
/// forgets them: both ends believe in them, and nothing comes through any more.
struct Way {
    tasks: JoinSet<()>,
    epoch: watch::Sender<u32>,
    url: String,
}

impl Way {
    async fn to(url: &str) -> Self {
        let (head, rest) = url.split_once("@127.0.0.1:").unwrap();
        let (port, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let target = format!("127.0.0.1:{port}");
        let epoch = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(carry(listener, target, epoch.clone()));
        let url = format!("{head}@127.0.0.1:{own}/{name}");
        Self { tasks, epoch, url }
    }

    /// Loses the connections that there are; new ones are not concerned.
    fn lose_all(&self) {
        assert!(!self.tasks.is_empty());
        self.epoch.send_modify(|epoch| *epoch += 1);
    }
}

async fn carry(listener: TcpListener, target: String, epoch: watch::Sender<u32>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let (target, mut epoch) = (target.clone(), epoch.subscribe());
        connections.spawn(async move {
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = epoch.changed() => std::future::pending().await,
            }
        });
    }
}

#[tokio::test]
async fn connections_that_were_lost_without_a_word_are_replaced() {
    let (mut way, mut direct) = (None, String::new());
    let world = World::through(async |url| {
        direct.clone_from(&url);
        way.insert(Way::to(&url).await).url.clone()
    });
    let world = world.await;
    let message = world.send("to be edited").await.unwrap().message.id;
    // As many statements as the pool has connections wait for a lock, and are lost.
    let mut lock = PgConnection::connect(&direct).await.unwrap();
    let statement = "begin; select * from conversations for update";
    sqlx::raw_sql(statement).execute(&mut lock).await.unwrap();
    let edits = join_all((0..4).map(|_| world.edit(message)));
    let loss = async {
        tokio::time::sleep(DEADLINE / 3).await;
        way.as_ref().unwrap().lose_all();
    };
    let (edited, ()) = tokio::join!(edits, loss);
    assert!(edited.into_iter().all(|edit| edit.unwrap_err().is_away()));
    drop(lock);

    let started = Instant::now();
    while world.send("afterwards").await.is_err() {
        let waited = started.elapsed();
        // PostgreSQL takes their locks from transactions that stand still for 10 s.
        assert!(waited < Duration::from_secs(15), "{waited:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn ann() -> Viewer {
    Viewer {
        organization: OrganizationId::new("acme").unwrap(),
        user: UserId::new("ann").unwrap(),
    }
}

#[tokio::test]
async fn a_database_that_stands_still_is_unavailable_in_time_and_then_at_once() {
    let world = World::new().await;
    world.postgres.pause();
    world.nothing_answers(Duration::from_secs(2)).await;
    assert_ne!(world.phase(), Phase::Closed);
    for _ in 0..20 {
        world.nothing_answers(AT_ONCE).await;
    }
    let refused = world.send("refused").await.unwrap_err();
    assert!(matches!(refused, StoreError::CircuitOpen));

    world.postgres.resume();
    world.until_it_answers().await;
    assert_eq!(world.store.circuit().unwrap().outage(), None);
    world.send("accepted").await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable_in_time_and_then_at_once() {
    let mut world = World::new().await;
    // Several connections, all of which break.
    join_all((0..4).map(|_| world.store.ping())).await;
    world.postgres.kill();
    let started = Instant::now();
    while world.phase() == Phase::Closed {
        world.nothing_answers(Duration::from_secs(2)).await;
        assert!(started.elapsed() < Duration::from_secs(4));
    }
    for _ in 0..20 {
        world.nothing_answers(AT_ONCE).await;
    }
    world.postgres.restart().await;
    world.until_it_answers().await;
    world.nothing_is_broken().await;
}

impl World {
    async fn nothing_is_broken(&self) {
        for n in 0..20 {
            self.send(&format!("afterwards {n}")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn without_any_call_it_is_noticed_too() {
    let world = World::new().await;
    world.postgres.pause();
    let patience = Instant::now() + Duration::from_secs(8);
    while world.phase() == Phase::Closed {
        assert!(Instant::now() < patience);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.nothing_answers(AT_ONCE).await;
    world.postgres.resume();
    world.until_it_answers().await;
}

#[tokio::test]
async fn what_was_acked_is_stored_once_however_often_the_database_stands_still() {
    let world = World::new().await;
    let end = Instant::now() + Duration::from_secs(8);
    let faults = async {
        for pause in [300, 2_500] {
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.postgres.pause();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            world.postgres.resume();
        }
    };
    let names = ["a", "b", "c", "d"];
    let senders = join_all(names.map(|name| world.send_until(name, end)));
    let (acked, ()) = tokio::join!(senders, faults);
    let acked: BTreeSet<MessageId> = acked.into_iter().flatten().collect();
    let stored = world.stored().await;
    let ids: BTreeSet<MessageId> = stored.iter().map(|message| message.id).collect();
    // Everybody repeated what was not acked, so that the two are the same.
    assert_eq!((ids.len(), acked.len()), (stored.len(), stored.len()));
    assert!(ids == acked, "something else is stored than was acked");
    let seqs: Vec<i64> = stored.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=stored.len() as i64).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_acked_is_stored_once_however_often_the_database_crashes() {
    let mut world = World::new().await;
    for round in 0..2 {
        let end = Instant::now() + Duration::from_secs(1);
        let name = format!("before {round}");
        let acked = world.send_until(&name, end).await;
        world.postgres.kill();
        let _ = world.send(&format!("lost {round}")).await;
        world.postgres.restart().await;
        world.until_it_answers().await;
        world.nothing_is_broken().await;
        let stored: BTreeSet<MessageId> = world
            .stored()
            .await
            .iter()
            .map(|message| message.id)
            .collect();
        assert!(acked.is_subset(&stored));
    }
}
