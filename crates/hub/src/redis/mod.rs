//! The hub of a cluster, in Redis 7 or what speaks its protocol: alone, behind Sentinel, or as a
//! Redis Cluster.

mod alone;
mod buckets;
mod bus;
mod connections;
mod examination;
mod incarnation;
mod info;
mod keys;
mod link;
mod make_good;
mod options;
mod order;
mod presence;
mod reaping;
mod registry;
mod roster;
mod scripts;
mod sentinels;
mod sessions;
mod subscriptions;
mod tls;
mod typing;
mod unread;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchboard_messaging::Circuit;
use switchboard_messaging::gathering::Gathering;
use switchboard_messaging::hub::{Arrival, Hub, HubResult};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::examination::{
    RedisExamination, RedisTrouble, SentinelFacts, SentinelsAsked, ask_sentinels,
};
pub use self::info::ServerFacts;
pub use self::options::RedisOptions;
pub use self::tls::RedisTls;

pub(crate) use self::order::new_epoch;

use self::alone::Alone;
use self::buckets::Taker;
use self::bus::{RedisBus, Speaker};
use self::incarnation::Identity;
use self::keys::Keys;
use self::link::Link;
use self::make_good::{SeenAgain, Unsettled};
use self::order::Publisher;
use self::presence::Teller;
use self::sessions::Doer;
use self::unread::Noter;
use crate::own_devices::OwnDevices;
use crate::{LogBounds, PRESENCE_KEPT, RECEIVER_QUEUE};

/// A node's connection to what it shares with the others.
pub struct RedisHub {
    link: Arc<Link>,
    keys: Keys,
    bus: RedisBus,
    identity: Identity,
    own: OwnDevices,
    alone: Alone,
    seen_again: SeenAgain,
    unsettled: Unsettled,
    lease: Duration,
    gathered: Gathered,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl RedisHub {
    /// Connects, and gives the queue on which events arrive. Fails when Redis cannot be reached now;
    /// later it may come and go.
    pub async fn connect(options: RedisOptions) -> HubResult<(Arc<Self>, mpsc::Receiver<Arrival>)> {
        let link = Arc::new(Link::connect(&options).await?);
        let sharded = link.is_clustered();
        let (queue, events) = mpsc::channel(RECEIVER_QUEUE);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keys = Keys::new(&options.key_prefix);
        let identity = Identity::new(&options.node_id, options.lease / 3);
        let origin = identity.now().to_string();

        // A subscription takes two answers.
        let within = options.command_timeout * 2;
        let (bus, requests) = RedisBus::new(keys.clone(), origin, queue, within);
        tasks.spawn(bus::receive(
            link.listener.clone(),
            bus.local.clone(),
            stop.clone(),
        ));
        for client in link.all() {
            let watched = watch::errors(Arc::clone(&link), client.clone(), stop.clone());
            tasks.spawn(watched);
        }
        let outages = watch::outages(Arc::clone(&link), bus.local.clone(), stop.clone());
        tasks.spawn(outages);
        let subscriptions = subscriptions::Subscriptions::new(
            Arc::clone(&link),
            bus.local.clone(),
            sharded,
            requests,
        );
        tasks.spawn(subscriptions.run(stop.clone()));
        tasks.close();
        let gathered = Gathered::new((&link, &keys), (options.log, sharded), &tasks);

        let hub = Self {
            link,
            keys,
            bus,
            identity,
            own: OwnDevices::default(),
            alone: Alone::new(options.clock),
            seen_again: SeenAgain::default(),
            unsettled: Unsettled::default(),
            lease: options.lease,
            gathered,
            tasks,
            stop,
        };
        Ok((Arc::new(hub), events))
    }
}

/// What is asked for several of an organization at once.
struct Gathered {
    takes: Gathering<Taker>,
    publishes: Gathering<Publisher>,
    sessions: Gathering<Doer>,
    tellings: Gathering<Teller>,
    notes: Gathering<Noter>,
    speeches: Gathering<Speaker>,
}

impl Gathered {
    fn new(
        (link, keys): (&Arc<Link>, &Keys),
        (log, sharded): (LogBounds, bool),
        tasks: &TaskTracker,
    ) -> Self {
        let link = || Arc::clone(link);
        let publisher = Publisher {
            link: link(),
            keys: keys.clone(),
            log,
            sharded,
        };
        let teller = Teller {
            link: link(),
            keys: keys.clone(),
        };
        let noter = Noter {
            link: link(),
            keys: keys.clone(),
        };
        let speaker = Speaker {
            link: link(),
            sharded,
        };
        Self {
            takes: Gathering::new(Taker(link()), tasks.clone()),
            publishes: Gathering::new(publisher, tasks.clone()),
            sessions: Gathering::new(Doer(link()), tasks.clone()),
            tellings: Gathering::new(teller, tasks.clone()),
            notes: Gathering::new(noter, tasks.clone()),
            speeches: Gathering::new(speaker, tasks.clone()),
        }
    }
}

impl fmt::Debug for RedisHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisHub")
            .field("node", &self.identity.now())
            .field("up", &self.link.is_up())
            .finish_non_exhaustive()
    }
}

impl Drop for RedisHub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Hub for RedisHub {
    async fn ping(&self) -> HubResult<()> {
        self.link.probe().await
    }

    fn circuit(&self) -> Option<&Circuit> {
        Some(&self.link.circuit)
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.link.close().await;
    }
}

/// Milliseconds for a script.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// How long keys about people and nodes live since they were last written, in milliseconds.
fn kept() -> i64 {
    millis(PRESENCE_KEPT)
}
