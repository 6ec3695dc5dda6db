//! Keeps what Redis sends in step with what this node wants to hear. One task does, so that a
//! subscribe and an unsubscribe of one channel can never overtake each other.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::ClusterStateChange;
use fred::types::config::Server;
use futures_util::future::try_join_all;
use switchboard_messaging::hub::{HubError, HubResult};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bus::Local;
use super::keys::hash_tag;
use super::link::Link;

/// Callers that wait for the task; more wait for them.
const REQUESTS: usize = 1_024;

/// Channels in one command.
const AT_ONCE: usize = 500;

/// How often the connection is probed, and again while it does not answer.
const PROBE: Duration = Duration::from_secs(1);
const PROBE_WHILE_DOWN: Duration = Duration::from_millis(200);

/// Channels of which something else is wanted than before, and who waits for it.
pub(super) struct Request {
    names: Vec<String>,
    done: oneshot::Sender<HubResult<()>>,
}

/// The task's end of the queue.
pub(super) struct Requests(mpsc::Receiver<Request>);

/// The other end.
pub(super) struct Requester {
    requests: mpsc::Sender<Request>,
    /// How long a caller waits. What was asked for is done later all the same.
    within: Duration,
}

impl Requests {
    pub(super) fn queue(within: Duration) -> (Requester, Self) {
        let (requests, taken) = mpsc::channel(REQUESTS);
        (Requester { requests, within }, Self(taken))
    }
}

impl Requester {
    /// Asks for channels to be looked at, and waits until they were.
    pub(super) async fn send(&self, names: Vec<String>) -> HubResult<()> {
        let closed = || HubError("the hub is closed".into());
        let asked = async {
            let (done, answer) = oneshot::channel();
            let request = Request { names, done };
            self.requests.send(request).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        };
        let late = |_| HubError("redis does not answer in time".into());
        tokio::time::timeout(self.within, asked)
            .await
            .map_err(late)?
    }
}

pub(super) struct Subscriptions {
    link: Arc<Link>,
    local: Local,
    sharded: bool,
    requests: Requests,
    /// Hears of every new connection.
    reconnected: broadcast::Receiver<Server>,
    /// Hears when fred has looked which node of a cluster has which slots.
    resharded: broadcast::Receiver<Vec<ClusterStateChange>>,
    /// What Redis has confirmed.
    live: HashSet<String>,
    /// What is to be looked at, because it is wanted otherwise or was lost.
    due: HashSet<String>,
}

impl Subscriptions {
    pub(super) fn new(link: Arc<Link>, local: Local, sharded: bool, requests: Requests) -> Self {
        // Of this connection it is known already.
        let reconnected = link.listener.reconnect_rx();
        let resharded = link.listener.cluster_change_rx();
        Self {
            reconnected,
            resharded,
            link,
            local,
            sharded,
            requests,
            live: HashSet::new(),
            due: HashSet::new(),
        }
    }

    /// Runs until stopped. It also is the one that notices when Redis answers again, for what was
    /// lost must be subscribed to before anything else is believed to work.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut commands_again = self.link.client.reconnect_rx();
        let mut next_probe = Instant::now() + PROBE;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                heard = self.reconnected.recv() => match heard {
                    Err(RecvError::Closed) => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => self.lost().await,
                },
                heard = self.resharded.recv() => match heard {
                    Err(RecvError::Closed) => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => self.lost().await,
                },
                heard = commands_again.recv() => match heard {
                    Err(RecvError::Closed) => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        self.link.renewed();
                        self.probe().await;
                    }
                },
                // Before requests, of which there may always be one.
                () = tokio::time::sleep_until(next_probe) => {
                    self.probe().await;
                    let up = self.link.is_up();
                    next_probe = Instant::now() + if up { PROBE } else { PROBE_WHILE_DOWN };
                }
                request = self.requests.0.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => return,
                },
            }
        }
    }

    /// A new connection listens to nothing yet, and an old one not to what has moved.
    async fn lost(&mut self) {
        // Nothing of the new connection can arrive before it subscribes.
        self.local.doubt().await;
        // What has been heard by now is made good at once: a cluster tells of each of its nodes.
        self.reconnected = self.reconnected.resubscribe();
        self.resharded = self.resharded.resubscribe();
        self.live.clear();
        self.due.extend(self.local.all_wanted());
        if self.link.probe().await.is_ok() {
            self.settle_or_log().await;
        }
    }

    async fn probe(&mut self) {
        if self.link.probe().await.is_err() {
            return;
        }
        self.link.look_for_moved_slots().await;
        if !self.due.is_empty() {
            self.settle_or_log().await;
        }
    }

    async fn settle_or_log(&mut self) {
        if let Err(error) = self.settle().await {
            tracing::warn!(%error, "could not subscribe; will be tried again");
        }
    }

    /// Answers a request, and those that came meanwhile.
    async fn answer(&mut self, first: Request) {
        let mut waiting = vec![first];
        while waiting.len() < REQUESTS
            && let Ok(request) = self.requests.0.try_recv()
        {
            waiting.push(request);
        }
        for request in &mut waiting {
            self.due.extend(request.names.drain(..));
        }
        let result = self.settle().await;
        for request in waiting {
            // Whoever does not wait any more needs no answer.
            let _ = request.done.send(result.clone());
        }
    }

    /// Brings what is due in step; what fails stays due.
    async fn settle(&mut self) -> HubResult<()> {
        let (local, live) = (&self.local, &self.live);
        let out_of_step = |name: &String| local.wants(name) != live.contains(name);
        self.due.retain(out_of_step);
        let due: Vec<String> = self.due.iter().cloned().collect();
        let (on, off): (Vec<_>, Vec<_>) = due.into_iter().partition(|name| local.wants(name));
        for names in self.commands(off) {
            self.command(names, false).await?;
        }
        for names in self.commands(on) {
            self.command(names, true).await?;
        }
        Ok(())
    }

    /// Groups channels so that each group fits one command: on a cluster, one slot.
    fn commands(&self, names: Vec<String>) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            let slot = if self.sharded { hash_tag(&name) } else { "" };
            groups.entry(slot.to_owned()).or_default().push(name);
        }
        let chunks = groups.into_values().flat_map(|group| {
            let chunks: Vec<Vec<String>> = group.chunks(AT_ONCE).map(<[_]>::to_vec).collect();
            chunks
        });
        chunks.collect()
    }

    async fn command(&mut self, names: Vec<String>, on: bool) -> HubResult<()> {
        let (listener, sent) = (&self.link.listener, names.clone());
        match (on, self.sharded) {
            (true, false) => {
                // Both go out by one write.
                let (subscribed, confirmed) =
                    tokio::join!(self.link.run(listener.subscribe(sent)), self.confirm());
                subscribed.and(confirmed)?;
            }
            (true, true) => self.subscribe_sharded(&names).await?,
            (false, false) => self.link.run(listener.unsubscribe(sent)).await?,
            (false, true) => self.link.run(listener.sunsubscribe(sent)).await?,
        }
        for name in names {
            self.due.remove(&name);
            if on {
                self.live.insert(name);
            } else {
                self.live.remove(&name);
            }
        }
        Ok(())
    }

    /// Each channel in a command of its own, all under way at once: Redis confirms each channel of an
    /// SSUBSCRIBE, and fred would take the second confirmation for the answer to the next command.
    async fn subscribe_sharded(&self, names: &[String]) -> HubResult<()> {
        let listener = &self.link.listener;
        let sent = || try_join_all(names.iter().map(|name| listener.ssubscribe(name.as_str())));
        self.link.routed(sent).await.map(drop)
    }

    /// Fred answers SUBSCRIBE before it sends it (SSUBSCRIBE it does not). Redis answers in order,
    /// so a PING that is sent right after it tells that it was heard, if it was heard on the same connection.
    async fn confirm(&self) -> HubResult<()> {
        let ping = self.link.listener.ping::<()>(None);
        self.link.run(ping).await?;
        if self.reconnected.is_empty() {
            Ok(())
        } else {
            Err(HubError("the connection to redis was renewed".into()))
        }
    }
}
