//! Measures group commit: how many messages a second many senders of one organization store, and how
//! long the sends of a quiet organization take with and without a noisy one beside it.
//!
//! `cargo run -p switchboard-testkit -- run cargo run -p switchboard-store --example neighbours`
//! (with `sqlite` at its end for SQLite).

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has nothing to say"
)]
#![expect(clippy::print_stdout, reason = "its figures are for people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Map;
use switchboard_messaging::Store;
use switchboard_messaging::clock::{Clock, Ids, SystemClock, SystemIds};
use switchboard_messaging::store::{NewConversation, NewMessage, StoreError, Viewer};
use switchboard_protocol::{ConversationId, Kind, MessageId, MessageType, OrganizationId, UserId};
use switchboard_store::Options;
use tokio::task::JoinSet;
use tokio::time::sleep;

const SECONDS: u64 = 10;
/// Conversations of the noisy organization.
const CONVERSATIONS: usize = 20;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let url = if std::env::args().any(|arg| arg == "sqlite") {
        format!("sqlite://{}", folder.path().join("bench.db").display())
    } else {
        switchboard_testkit::postgres::fresh_database().await.url
    };
    switchboard_store::migrate(&url).await.unwrap();
    let store = switchboard_store::open(Options {
        url,
        max_connections: 10,
        statement_timeout: Duration::from_secs(2),
    });
    let store = store.await.unwrap();
    for senders in [1, 64, 512] {
        let noise = Noise::start(&store, senders).await;
        sleep(Duration::from_secs(SECONDS)).await;
        println!("{senders} senders: {}", noise.stop());
    }
    println!("quiet alone: {}", quiet(&store).await);
    for senders in [512, 4_000] {
        let noise = Noise::start(&store, senders).await;
        sleep(Duration::from_secs(2)).await;
        let beside = quiet(&store).await;
        println!(
            "quiet beside {senders} noisy senders: {beside}; noise: {}",
            noise.stop()
        );
    }
    store.close().await;
}

/// Senders that send again as soon as they are answered.
struct Noise {
    senders: JoinSet<()>,
    stored: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    begun: Instant,
}

impl Noise {
    async fn start(store: &Arc<dyn Store>, count: usize) -> Self {
        let mut conversations = Vec::new();
        for _ in 0..CONVERSATIONS {
            conversations.push(conversation(store, "noisy").await);
        }
        let (stored, refused) = (Arc::default(), Arc::default());
        let mut senders = JoinSet::new();
        for n in 0..count {
            let to = conversations[n % CONVERSATIONS];
            senders.spawn(flood(
                Arc::clone(store),
                to,
                Arc::clone(&stored),
                Arc::clone(&refused),
            ));
        }
        let begun = Instant::now();
        Self {
            senders,
            stored,
            refused,
            begun,
        }
    }

    /// What it came to.
    fn stop(mut self) -> String {
        self.senders.abort_all();
        let per_second = |count: &AtomicU64| {
            (count.load(Ordering::Relaxed) as f64 / self.begun.elapsed().as_secs_f64()).round()
        };
        let (stored, refused) = (per_second(&self.stored), per_second(&self.refused));
        format!("{stored} stored/s, {refused} refused/s")
    }
}

async fn flood(
    store: Arc<dyn Store>,
    to: ConversationId,
    stored: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
) {
    loop {
        match store.append(message("noisy", to)).await {
            Ok(_) => stored.fetch_add(1, Ordering::Relaxed),
            Err(StoreError::Internal(why)) => panic!("{why}"),
            Err(_) => {
                // As an impatient client does, who does not look at what it is told.
                sleep(Duration::from_millis(100)).await;
                refused.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Ten sends a second, and how long they took.
async fn quiet(store: &Arc<dyn Store>) -> String {
    let to = conversation(store, "quiet").await;
    let mut times = Vec::new();
    let mut refused = 0;
    let end = Instant::now() + Duration::from_secs(SECONDS * 2);
    while Instant::now() < end {
        let begun = Instant::now();
        match store.append(message("quiet", to)).await {
            Ok(_) => times.push(begun.elapsed()),
            Err(_) => refused += 1,
        }
        sleep(Duration::from_millis(100).saturating_sub(begun.elapsed())).await;
    }
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let (count, half, most) = (times.len(), at(50), at(99));
    format!("{count} stored, {refused} refused, p50 {half:.1?}, p99 {most:.1?}")
}

fn viewer(organization: &str) -> Viewer {
    Viewer {
        organization: OrganizationId::new(organization).unwrap(),
        user: UserId::new("ann").unwrap(),
    }
}

async fn conversation(store: &Arc<dyn Store>, organization: &str) -> ConversationId {
    let new = NewConversation {
        socket: None,
        id: ConversationId(SystemIds.next()),
        creator: viewer(organization),
        kind: Kind::Group,
        others: Vec::new(),
        title: None,
        context: None,
        metadata: Map::new(),
        client_conversation_id: None,
        at: SystemClock.now(),
    };
    let created = store.create_conversation(new).await.unwrap();
    created.view.conversation.id
}

fn message(organization: &str, to: ConversationId) -> NewMessage {
    NewMessage {
        socket: None,
        id: MessageId(SystemIds.next()),
        conversation: to,
        sender: viewer(organization),
        kind: MessageType::Text,
        content: "hello, this is a message of a usual length, more or less".to_owned(),
        reply_to: None,
        metadata: Map::new(),
        client_message_id: Some(SystemIds.next().to_string()),
        at: SystemClock.now(),
    }
}
