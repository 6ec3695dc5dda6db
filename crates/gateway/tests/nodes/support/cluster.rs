//! Nodes on one store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use switchboard_gateway::{Gateway, GatewayOptions, Parts, QueryToken};
use switchboard_hub::MemoryHub;
use switchboard_messaging::auth::{AuthOptions, Authenticator, KeyRing, Signer, Verifier};
use switchboard_messaging::bridges::Bridges;
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::hub::{Arrival, Channel, NodeInfo, Registry, Room};
use switchboard_messaging::limits::{Preset, RateTable};
use switchboard_messaging::presence::{PresenceService, PresenceTimes};
use switchboard_messaging::receipts::ReceiptService;
use switchboard_messaging::typing::TypingService;
use switchboard_messaging::{
    Clock, Hub, Live, Messaging, Rate, Revocations, Rules, Store, SystemClock, SystemIds,
};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{ConversationId, Dialect, OrganizationId, UserId};
use switchboard_socketio::listen;
use switchboard_testkit::client::{Refused, SocketClient};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::client::Client;
use super::faulty_hub::{Ear, FaultyHub};
use super::faulty_store::FaultyStore;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
pub(crate) const ORGANIZATION: &str = "acme";

/// What a test may want to be otherwise.
pub(crate) struct Setup {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) rates: RateTable,
    pub(crate) offline_grace: Duration,
    pub(crate) idle_after: Duration,
    pub(crate) typing_ttl: Duration,
    pub(crate) unread_window: Duration,
    pub(crate) unread_check: Duration,
    pub(crate) presence_window: Duration,
    pub(crate) connections_per_user: usize,
    pub(crate) connections_per_org: usize,
    pub(crate) rooms_per_socket: usize,
    pub(crate) max_disconnection: Duration,
    pub(crate) dialects: Vec<Dialect>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            rules: Rules::default(),
            rates: rates(&[]),
            offline_grace: Duration::from_millis(300),
            idle_after: Duration::ZERO,
            typing_ttl: Duration::from_millis(400),
            unread_window: Duration::from_millis(100),
            unread_check: Duration::from_hours(1),
            presence_window: Duration::from_millis(20),
            connections_per_user: 0,
            connections_per_org: 0,
            rooms_per_socket: 0,
            max_disconnection: Duration::from_mins(1),
            dialects: Dialect::built_in().unwrap(),
        }
    }
}

/// Rates that nobody meets, but for these calls.
pub(crate) fn rates(limited: &[(&str, Rate)]) -> RateTable {
    let plenty = Rate::new(1_000_000, Duration::from_secs(1));
    let named = [
        "message:send",
        "message:edit",
        "message:delete",
        "message:typing",
        "conversation:create",
    ];
    let mut events: HashMap<String, Rate> = named
        .map(|name| (name.to_owned(), plenty))
        .into_iter()
        .collect();
    events.extend(
        limited
            .iter()
            .map(|(name, rate)| ((*name).to_owned(), *rate)),
    );
    let unnamed = events.get("unknown").copied().unwrap_or(plenty);
    RateTable::new(Preset::Standard, Some(unnamed), events)
}

/// Some nodes that share a store and, through [`FaultyHub`]s, everything else.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    /// Goes with the test.
    _folder: TempDir,
}

impl Cluster {
    pub(crate) async fn of(count: usize) -> Self {
        Self::with(count, Setup::default()).await
    }

    pub(crate) async fn with(count: usize, setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_store(&folder).await;
        let shared = MemoryHub::cluster(Arc::clone(&setup.clock));
        let buses: Vec<_> = (0..count).map(|_| Ear::new()).collect();
        let ears: Vec<Arc<Ear>> = buses.iter().map(|(ear, _)| Arc::clone(ear)).collect();
        let mut nodes = Vec::new();
        for (index, (ear, inbound)) in buses.into_iter().enumerate() {
            let others = ears.iter().filter(|other| !Arc::ptr_eq(other, &ear));
            let others = others.map(Arc::clone).collect();
            let id = format!("node-{}", index + 1);
            let hub = FaultyHub::new(ear, others, shared.attach(&id).0);
            let store = FaultyStore::new(Arc::clone(&store));
            nodes.push(Node::start(&id, &setup, (store, hub), inbound).await);
        }
        Self {
            nodes,
            _folder: folder,
        }
    }

    /// The first is 1.
    pub(crate) fn node(&self, number: usize) -> &Node {
        &self.nodes[number - 1]
    }

    /// Everything that was late has arrived.
    pub(crate) async fn settled(&self) {
        for node in &self.nodes {
            node.hub.settled().await;
        }
    }
}

async fn open_store(folder: &TempDir) -> Arc<dyn Store> {
    let url = format!(
        "sqlite://{}",
        folder.path().join("switchboard.db").display()
    );
    switchboard_store::migrate(&url).await.unwrap();
    let options = switchboard_store::Options {
        url,
        max_connections: 8,
        statement_timeout: Duration::from_secs(10),
    };
    switchboard_store::open(options).await.unwrap()
}

/// A node that serves; it ends with the test.
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) hub: Arc<FaultyHub>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) gateway: Gateway,
    /// The use cases, for what comes through another door.
    pub(crate) messaging: Messaging,
    presence: PresenceService,
    lease: NodeInfo,
    clock: Arc<dyn Clock>,
    signer: Signer,
    _running: TaskTrackerToken,
    stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Node {
    async fn start(
        id: &str,
        setup: &Setup,
        (store, hub): (Arc<FaultyStore>, Arc<FaultyHub>),
        inbound: mpsc::Receiver<Arrival>,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let messaging = messaging(setup, (&store, &hub), &(tasks.clone(), stop.clone()));
        let keys = KeyRing::new(Some(SECRET), None, &[]).unwrap();
        let presence = messaging.presence.clone();
        let verifier = Live::new(Verifier::new(keys, AuthOptions::default()));
        let revocations = messaging.revocations.clone();
        let clock = Arc::clone(&messaging.clock);
        let parts = Parts {
            authenticator: Authenticator::new(verifier, revocations, clock),
            messaging: messaging.clone(),
            inbound,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let gateway = Gateway::new(options(id, setup), parts);
        let lease = NodeInfo {
            id: id.to_owned(),
            version: "test".to_owned(),
            started_at: setup.clock.now(),
            connections: 0,
            address: None,
            route: String::new(),
            figures: NodeFigures::default(),
            draining: false,
        };
        hub.renew_lease(&lease).await.unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let settings = listen::Options::default();
        tasks.spawn(listen::serve(tcp, gateway.router(), settings, stop.clone()));
        Self {
            url,
            hub,
            store,
            gateway,
            messaging,
            presence,
            lease,
            clock: Arc::clone(&setup.clock),
            signer: Signer::new(SECRET, &[], AuthOptions::default()),
            _running: tasks.token(),
            stop,
        }
    }

    /// Does its round, as a node does every few seconds.
    pub(crate) async fn keep_place(&self) {
        self.presence.keep_place(&self.lease).await;
    }

    /// Tells the others that it drains.
    pub(crate) async fn says_that_it_drains(&self) {
        let lease = NodeInfo {
            draining: true,
            ..self.lease.clone()
        };
        self.presence.keep_place(&lease).await;
    }

    /// Closes its sockets over this time, or over `in_company` if another node drains too.
    pub(crate) async fn drain(&self, alone: Duration, in_company: Duration, deadline: Duration) {
        let window = DrainWindow {
            registry: Arc::clone(&self.hub) as _,
            node: self.lease.id.clone(),
            alone,
            in_company,
        };
        self.gateway.drain(&window, deadline).await;
    }

    /// Closes its sockets at once.
    pub(crate) async fn drain_at_once(&self, deadline: Duration) {
        self.drain(Duration::ZERO, Duration::ZERO, deadline).await;
    }

    /// A token that is good for `ttl` from now.
    pub(crate) fn token(&self, user: &str, organization: &str, ttl: Duration) -> String {
        let user = UserId::new(user).unwrap();
        let organization = OrganizationId::new(organization).unwrap();
        let span = (self.clock.now(), ttl);
        self.signer.sign(&user, &organization, &[], span).unwrap()
    }

    /// A token with these claims besides the necessary ones, which they may replace.
    pub(crate) fn token_with(&self, user: &str, claims: &Value) -> String {
        let now = self.clock.now().as_millis() / 1000;
        let mut all = json!({"sub": user, "org": ORGANIZATION, "iat": now, "exp": now + 3600});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let key = EncodingKey::from_secret(SECRET);
        jsonwebtoken::encode(&Header::default(), &all, &key).unwrap()
    }

    /// A socket after its `session:ready`.
    pub(crate) async fn connect(&self, user: &str) -> Client {
        let token = self.token(user, ORGANIZATION, Duration::from_hours(1));
        self.connect_with(&token).await.unwrap()
    }

    pub(crate) async fn connect_with(&self, token: &str) -> Result<Client, Refused> {
        let socket = SocketClient::connect(&self.url, json!({"token": token})).await?;
        Ok(Client::begin(socket).await)
    }

    /// A socket whose connection broke, here or elsewhere, comes back in its former place.
    pub(crate) async fn recover(&self, user: &str, former: Client) -> Client {
        let token = self.token(user, ORGANIZATION, Duration::from_hours(1));
        let auth = json!({"token": token, "pid": former.pid(), "offset": former.offset()});
        let id = former.sid().to_owned();
        drop(former);
        let socket = SocketClient::connect(&self.url, auth).await.unwrap();
        let client = Client::begin(socket).await;
        assert_eq!(client.ready["recovered"], true, "{}", client.ready);
        assert_eq!(client.sid(), id);
        client
    }

    /// Whether events of other nodes come for a conversation.
    pub(crate) fn listens_to(&self, conversation: &str) -> bool {
        let conversation: ConversationId = serde_json::from_value(json!(conversation)).unwrap();
        self.hub.listens_to(&Channel {
            organization: OrganizationId::new(ORGANIZATION).unwrap(),
            room: Room::Conversation(conversation),
        })
    }

    pub(crate) async fn until_it_listens(&self, conversation: &str, expected: bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        while self.listens_to(conversation) != expected {
            assert!(
                tokio::time::Instant::now() < deadline,
                "listens: {}",
                !expected
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn messaging(
    setup: &Setup,
    (store, hub): (&Arc<FaultyStore>, &Arc<FaultyHub>),
    owner: &(TaskTracker, CancellationToken),
) -> Messaging {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    let hub: Arc<dyn Hub> = Arc::clone(hub) as _;
    let clock = Arc::clone(&setup.clock);
    let presence = PresenceService::new(
        (Arc::clone(&store), Arc::clone(&hub)),
        Arc::clone(&clock),
        PresenceTimes {
            offline_grace: setup.offline_grace,
            idle_after: setup.idle_after,
            history: Duration::from_hours(24),
        },
        owner.clone(),
    );
    let typing = TypingService::new(
        Arc::clone(&hub),
        Arc::clone(&clock),
        setup.typing_ttl,
        owner.clone(),
    );
    let receipts = ReceiptService::new(Arc::clone(&hub), Arc::clone(&clock), owner.clone());
    Messaging {
        store,
        hub,
        clock,
        ids: Arc::new(SystemIds),
        rules: Live::new(setup.rules.clone()),
        rates: Live::new(setup.rates.clone()),
        presence,
        typing,
        receipts,
        bridges: Bridges::new(owner.clone()),
        revocations: Revocations::default(),
        tracer: None,
    }
}

fn options(id: &str, setup: &Setup) -> GatewayOptions {
    GatewayOptions {
        node_id: id.to_owned(),
        cookie: None,
        query_token: QueryToken::default(),
        unread_window: setup.unread_window,
        unread_check: setup.unread_check,
        presence_window: setup.presence_window,
        connections_per_user: setup.connections_per_user,
        connections_per_org: setup.connections_per_org,
        rooms_per_socket: setup.rooms_per_socket,
        max_disconnection: setup.max_disconnection,
        dialects: setup.dialects.clone(),
        socketio: switchboard_socketio::Options {
            send_queue: 256 * 1024,
            ..switchboard_socketio::Options::default()
        },
    }
}
