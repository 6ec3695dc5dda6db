//! The connection to Redis and its circuit: while Redis does not answer, nobody waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, ClusterInterface};
use fred::types::cluster::ClusterRouting;
use fred::types::config::{
    Config, PerformanceConfig, ReconnectPolicy, TcpConfig, UnresponsiveConfig,
};
use fred::types::scripts::Script;
use fred::types::{Builder, ClientState, ConnectHandle, FromValue, Key, Value};
use futures_util::FutureExt;
use futures_util::future::{join_all, try_join_all};
use switchboard_messaging::circuit::{Circuit, Cut, Verdict};
use switchboard_messaging::hub::{HubError, HubResult};

use super::RedisOptions;
use super::scripts::{self, Scripts};
use super::sentinels::Sentinels;
use crate::measure;

/// Messages that fred may hold for the task that takes them. Its default is 32, and what does not
/// fit is lost, and looked for in the logs. It makes room for as many of everything else that it
/// tells of, 6 MB in all, so only the client that listens has it.
const MESSAGES: usize = 16_384;

/// The longest pause between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Connections that reconnect for ever.
pub(super) struct Link {
    /// For commands whose answers are short.
    pub(super) client: Client,
    /// The one that subscribes.
    pub(super) listener: Client,
    /// For answers of a megabyte and more, behind which nothing else is to wait.
    pub(super) bulk: Client,
    pub(super) scripts: Scripts,
    sentinels: Sentinels,
    routing: Mutex<Vec<Routing>>,
    /// How long a connection may be silent before it is replaced.
    patience: Duration,
    pub(super) circuit: Circuit,
    /// How long a command may take.
    pub(super) deadline: Duration,
    /// Whether commands may go to a server that has forgotten something.
    renewed: AtomicBool,
}

/// A connection's task, and since when it has not answered.
struct Routing {
    client: Client,
    task: ConnectHandle,
    silent_since: Option<Instant>,
}

impl Link {
    /// Connects all, or says why not.
    pub(super) async fn connect(options: &RedisOptions) -> HubResult<Self> {
        let reached = Self::reach(options, options.config()?).await;
        reached.map_err(|error| hub_error(&error))
    }

    /// The same, with fred's own word on why not.
    pub(super) async fn reach(options: &RedisOptions, config: Config) -> Result<Self, Error> {
        let sentinels = Sentinels::of(&config);
        let patience = (options.command_timeout * 4).max(Duration::from_secs(2));
        let mut builder = builder(config, options.command_timeout, patience);
        let client = open(&builder, &sentinels).await?;
        let bulk = open(&builder, &sentinels).await?;
        builder.with_performance_config(|config| config.broadcast_channel_capacity = MESSAGES);
        let listener = open(&builder, &sentinels).await?;
        measure::redis_up(true);
        Ok(Self {
            client: client.client.clone(),
            listener: listener.client.clone(),
            bulk: bulk.client.clone(),
            scripts: Scripts::new(),
            sentinels,
            routing: Mutex::new(vec![client, listener, bulk]),
            patience,
            circuit: Circuit::new("redis", options.command_timeout),
            deadline: options.command_timeout,
            renewed: AtomicBool::new(false),
        })
    }

    /// Every connection.
    pub(super) fn all(&self) -> [&Client; 3] {
        [&self.client, &self.listener, &self.bulk]
    }

    /// Whether it is a Redis Cluster.
    pub(super) fn is_clustered(&self) -> bool {
        self.client.is_clustered()
    }

    /// Runs a command, or several that belong together, unless Redis is known to be away. However
    /// many they are, the timeout of one command is what they have.
    pub(super) async fn run<T>(
        &self,
        command: impl Future<Output = Result<T, Error>> + Send,
    ) -> HubResult<T> {
        let run = self.circuit.run(self.deadline, command, verdict).await;
        self.show();
        run.map_err(|cut| match cut {
            Cut::Failed(error) => hub_error(&error),
            Cut::Late => HubError("redis did not answer in time".into()),
            Cut::Open => HubError("redis does not answer".into()),
        })
    }

    /// Runs a command about one slot, and once more when the slot was elsewhere: fred has looked where it
    /// is by then. Where a slot is being moved, and what is asked for is not there yet, that is an error.
    pub(super) async fn routed<T, F>(&self, command: impl Fn() -> F + Send + Sync) -> HubResult<T>
    where
        F: Future<Output = Result<T, Error>> + Send,
        T: Send,
    {
        let twice = async {
            match command().await {
                Err(error) if *error.kind() == ErrorKind::Routing => command().await,
                answer => answer,
            }
        };
        self.run(twice).await
    }

    /// Runs a script, unless Redis is known to be away.
    pub(super) async fn call<T: FromValue + Send>(
        &self,
        script: &Script,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> HubResult<T> {
        // Clones of these share their bytes.
        let keys: Vec<Key> = keys.into_iter().map(Key::from).collect();
        self.routed(|| scripts::call(&self.client, script, keys.clone(), args.clone()))
            .await
    }

    /// Hears that commands have a new connection.
    pub(super) fn renewed(&self) {
        self.renewed.store(true, Ordering::Relaxed);
    }

    /// Whether they have got one since this was asked last. What is behind it may be a replica that
    /// took a primary's place before it had heard all, or a server that was restarted. Of a cluster
    /// that may be one shard, and leases are on another.
    pub(super) fn take_renewed(&self) -> bool {
        self.renewed.swap(false, Ordering::Relaxed)
    }

    /// Whether Redis answered when it was last asked.
    pub(super) fn is_up(&self) -> bool {
        self.circuit.is_closed()
    }

    /// Asks every connection whether it is alive, and closes or opens the circuit accordingly.
    pub(super) async fn probe(&self) -> HubResult<()> {
        self.revive();
        self.circuit.half_open();
        let answers = join_all(self.all().into_iter().map(ping)).await;
        for (one, answer) in self.routing().iter_mut().zip(&answers) {
            one.heard(answer, self.patience);
        }
        let result: Result<Vec<()>, Error> = answers.into_iter().collect();
        let result = result.map_err(|error| hub_error(&error));
        match &result {
            Ok(_) => self.circuit.close(),
            Err(error) => self.circuit.open(&error.0),
        }
        self.show();
        result.map(|_| ())
    }

    /// Looks whether slots of a cluster have moved, and has fred look too if so. It does only when an
    /// answer tells it, and who only listens gets none: Redis silently ends the subscriptions to a slot
    /// that moved.
    pub(super) async fn look_for_moved_slots(&self) {
        if !self.is_clustered() {
            return;
        }
        let Ok(told) = self.run(self.listener.cluster_slots()).await else {
            return;
        };
        let told = ClusterRouting::from_cluster_slots(told, "");
        let known = self.listener.cached_cluster_state();
        if let (Ok(told), Some(known)) = (told, known)
            && owners(&told) == owners(&known)
        {
            return;
        }
        tracing::info!("slots of the redis cluster have moved");
        for client in self.all() {
            // Sent now; the clients' events tell when it is done.
            let _ = client.sync_cluster().now_or_never();
        }
    }

    /// Hears that a connection broke, or that a client could not connect anew.
    pub(super) fn broke(&self, client: &Client, error: &Error, connected: bool) {
        self.circuit.open(&hub_error(error).0);
        self.show();
        if !connected {
            self.sentinels.next(client);
        }
        // Fred has left what is a replica now with the connection that was told so. Who only listens or
        // reads is told nothing.
        if error.details().starts_with("READONLY") {
            for other in self.all().into_iter().filter(|one| one.id() != client.id()) {
                reconnect(other);
            }
        }
    }

    fn show(&self) {
        measure::redis_up(self.is_up());
    }

    /// Fred gives up when the server refuses the credentials, which it may do only for a while.
    fn revive(&self) {
        for one in &mut *self.routing() {
            if one.task.is_finished() {
                one.task = one.client.connect();
            }
        }
    }

    fn routing(&self) -> MutexGuard<'_, Vec<Routing>> {
        self.routing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is under way and closes all connections.
    pub(super) async fn close(&self) {
        for one in self.all() {
            if let Err(error) = one.quit().await {
                tracing::debug!(error = %hub_error(&error), "redis connection did not close cleanly");
            }
        }
    }
}

impl Routing {
    /// Replaces a connection that has been silent for too long. Nobody else does: to the system it is
    /// fine for a quarter of an hour, and fred's own watch begins anew with each command that is sent.
    fn heard(&mut self, answer: &Result<(), Error>, patience: Duration) {
        if answer.is_ok() {
            self.silent_since = None;
            return;
        }
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= patience && self.client.state() == ClientState::Connected {
            self.silent_since = None;
            reconnect(&self.client);
        }
    }
}

/// Has a client drop its connections and find Redis anew. It does so by itself from here on.
fn reconnect(client: &Client) {
    let _ = client.force_reconnection().now_or_never();
}

/// Asks a server, or each primary of a cluster, for a sign of life.
async fn ping(client: &Client) -> Result<(), Error> {
    let primaries = client.cached_cluster_state();
    let primaries = primaries.map_or_else(Vec::new, |slots| slots.unique_primary_nodes());
    if primaries.is_empty() {
        return client.ping(None).await;
    }
    let asked = primaries.into_iter().map(|primary| async move {
        let one = client.with_cluster_node(primary);
        one.ping::<()>(None).await
    });
    try_join_all(asked).await.map(|_| ())
}

/// Which range of slots is whose. The address of a node is left out: each tells its own in its own way.
fn owners(routing: &ClusterRouting) -> Vec<(u16, u16, &str)> {
    let ranges = routing.slots().iter();
    let mut owners: Vec<_> = ranges.map(|one| (one.start, one.end, &*one.id)).collect();
    owners.sort_unstable();
    owners
}

/// Connects a client; to a Redis behind Sentinel by asking each of the sentinels.
async fn open(builder: &Builder, sentinels: &Sentinels) -> Result<Routing, Error> {
    let client = builder.build()?;
    let mut tries_left = sentinels.count().max(1);
    loop {
        tries_left -= 1;
        match client.init().await {
            Ok(task) => {
                return Ok(Routing {
                    client,
                    task,
                    silent_since: None,
                });
            }
            Err(error) if tries_left == 0 => return Err(error),
            Err(_) => sentinels.next(&client),
        }
    }
}

pub(super) fn builder(config: Config, command_timeout: Duration, patience: Duration) -> Builder {
    let mut builder = Builder::from_config(config);
    builder
        .set_performance_config(PerformanceConfig {
            default_command_timeout: command_timeout,
            ..PerformanceConfig::default()
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = patience;
            connection.internal_command_timeout = patience;
            // A command that may have been executed is not sent again: it may take a token.
            connection.max_command_attempts = 1;
            // Fred sends what was answered with ASK to the node that gave the answer, again and again,
            // and then ends its task. See `routed` for MOVED.
            connection.max_redirections = 0;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(patience),
                interval: Duration::from_millis(500),
            };
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_exponential(
            0,
            50,
            PAUSE.as_millis() as u32,
            2,
        ));
    builder
}

/// What an error says of Redis.
fn verdict(error: &Error) -> Verdict {
    match error.kind() {
        ErrorKind::IO | ErrorKind::Canceled => Verdict::Broken,
        ErrorKind::Timeout => Verdict::Away,
        _ => Verdict::Answered,
    }
}

/// Says what fred said. Its errors hold what the server answered, never what was sent.
pub(super) fn hub_error(error: &Error) -> HubError {
    HubError(format!("redis: {error}"))
}
