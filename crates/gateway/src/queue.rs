//! The offline queue of this node's users: what waits for them is sent when they come, and again
//! until they acknowledge it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use switchboard_messaging::Messaging;
use switchboard_messaging::hub::BusEvent;
use switchboard_messaging::presence::user_channel;
use switchboard_messaging::store::Viewer;
use switchboard_protocol::server_events::QueueEvents;
use switchboard_protocol::{ServerEvent, Timestamp, UserId};
use switchboard_socketio::Socket;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dialects::Dialects;
use crate::rooms::{Rooms, room_name};

/// Users whose queues are read at the same time.
const AT_ONCE: usize = 8;
/// How long after a failure of the store it is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often it is looked for what was queued and not heard of.
const LOOK: Duration = Duration::from_secs(5);
/// How far back: nodes' clocks differ.
const LOOK_BACK: Duration = Duration::from_secs(15);
/// Rows of one look at most, and looks of one round.
const LOOK_AT_ONCE: i64 = 1_000;
const LOOKS: usize = 10;
/// How often what has expired is removed.
const SWEEP: Duration = Duration::from_mins(1);

/// Looks after the queues of this node's users. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Queue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Messaging,
    rooms: Rooms,
    dialects: Dialects,
    /// No more than there are users with a socket here, and some who just went.
    turns: Mutex<HashMap<Viewer, Turn>>,
    sooner: Notify,
}

/// When a user's queue is looked at, and for which sockets also what was sent to others already.
#[derive(Debug)]
struct Turn {
    due: Instant,
    newcomers: Vec<Socket>,
}

impl Queue {
    pub(crate) fn new(app: &Messaging, rooms: &Rooms, dialects: &Dialects) -> Self {
        Self(Arc::new(Inner {
            app: app.clone(),
            rooms: rooms.clone(),
            dialects: dialects.clone(),
            turns: Mutex::default(),
            sooner: Notify::new(),
        }))
    }

    /// A socket came, and was told that it is ready.
    pub(crate) fn came(&self, viewer: &Viewer, socket: Socket) {
        self.at(viewer.clone(), Instant::now(), vec![socket]);
    }

    /// Another node tells that something was queued.
    pub(crate) fn heard(&self, event: &BusEvent) {
        let users: Vec<UserId> = serde_json::from_str(event.data.get()).unwrap_or_default();
        for user in users {
            let organization = event.channel.organization.clone();
            self.is_news(Viewer { organization, user });
        }
    }

    fn is_news(&self, viewer: Viewer) {
        if self.is_here(&viewer) {
            self.at(viewer, Instant::now(), Vec::new());
        }
    }

    fn is_here(&self, viewer: &Viewer) -> bool {
        let own = room_name(&user_channel(&viewer.organization, &viewer.user));
        self.0.rooms.sockets_in(&own) > 0
    }

    fn at(&self, viewer: Viewer, due: Instant, newcomers: Vec<Socket>) {
        {
            let mut turns = self.lock();
            let turn = turns.entry(viewer).or_insert_with(|| Turn {
                due,
                newcomers: Vec::new(),
            });
            turn.due = turn.due.min(due);
            turn.newcomers.extend(newcomers);
        }
        self.0.sooner.notify_one();
    }

    /// Sends what is due, when it is, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut looks, mut sweeps) = (rounds(LOOK), rounds(SWEEP));
        loop {
            let next = self.lock().values().map(|turn| turn.due).min();
            tokio::select! {
                () = self.0.sooner.notified() => {}
                () = until(next) => {}
                _ = looks.tick() => self.look().await,
                _ = sweeps.tick() => self.sweep().await,
                () = stop.cancelled() => return,
            }
            let due = stream::iter(self.take_due());
            let sending = due.for_each_concurrent(AT_ONCE, |(viewer, turn)| {
                let queue = self.clone();
                async move { queue.send(viewer, turn).await }
            });
            if stop.run_until_cancelled(sending).await.is_none() {
                return;
            }
        }
    }

    fn take_due(&self) -> Vec<(Viewer, Turn)> {
        let now = Instant::now();
        let mut turns = self.lock();
        turns.extract_if(|_, turn| turn.due <= now).collect()
    }

    async fn send(&self, viewer: Viewer, turn: Turn) {
        if !self.is_here(&viewer) {
            return;
        }
        let app = &self.0.app;
        match app.send_queued(&viewer).await {
            Ok(round) => {
                for batch in round.later {
                    self.tell(&viewer, &turn.newcomers, batch).await;
                }
                if let Some(next_at) = round.next_at {
                    let wait = next_at.since(app.clock.now());
                    // The store counts milliseconds.
                    let wait = wait + Duration::from_millis(1);
                    self.at(viewer, Instant::now() + wait, Vec::new());
                }
            }
            Err(error) => {
                tracing::debug!(%error, "queued events not read");
                self.at(viewer, Instant::now() + AFTER_FAILURE, turn.newcomers);
            }
        }
    }

    /// Sends sockets what others of the user were sent already.
    async fn tell(&self, viewer: &Viewer, sockets: &[Socket], batch: QueueEvents) {
        let event = ServerEvent::QueueEvents(batch);
        let (rooms, organization) = (&self.0.rooms, &viewer.organization);
        for socket in sockets {
            for packet in self.0.dialects.packets(socket, event.name(), &event) {
                rooms.tell(organization, socket.clone(), packet).await;
            }
        }
    }

    /// Looks for what was queued while this node could not hear of it.
    async fn look(&self) {
        let app = &self.0.app;
        let now = app.clock.now().as_millis();
        let mut after = Timestamp::from_millis(now - LOOK_BACK.as_millis() as i64);
        for _ in 0..LOOKS {
            let Ok(news) = app.store.queue().queue_news(after, LOOK_AT_ONCE).await else {
                return;
            };
            let is_all = (news.len() as i64) < LOOK_AT_ONCE;
            for (viewer, at) in news {
                after = at;
                self.is_news(viewer);
            }
            if is_all {
                return;
            }
        }
    }

    async fn sweep(&self) {
        if let Ok(depths) = self.0.app.sweep_queue().await {
            let depth =
                |kind: &'static str| metrics::gauge!("switchboard_outbox_depth", "kind" => kind);
            depth("queue").set(depths.waiting as f64);
            depth("dead_letters").set(depths.dead as f64);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Viewer, Turn>> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rounds(every: Duration) -> tokio::time::Interval {
    let mut rounds = tokio::time::interval(every);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rounds
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
