//! Who is there: many devices and nodes, one `online`, one `offline`.

mod local;
mod unheard;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use switchboard_protocol::{
    ConversationId, DeliveryClass, ErrorObject, OrganizationId, Presence, PresenceStatus, UserId,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::local::LocalUsers;
use self::unheard::Unheard;
use crate::Clock;
use crate::actor::Caller;
use crate::hub::{BusEvent, Channel, Device, Hub, NodeInfo, PresenceChange, PresenceOutcome, Room};
use crate::publish;
use crate::store::{Store, StoreResult, Viewer};

/// Most conversations (newest activity first) whose members hear of a change.
const AUDIENCE: i64 = 200;
/// Conversations with more members are not told: everyone would hear of everyone.
const MAX_MEMBERS: i64 = 500;

/// A user may be seen again within the grace as often; each time it begins anew.
const SETTLE_ROUNDS: usize = 10;
/// Milliseconds are cut off on the way; what is left of a grace below this is nothing.
const SLACK: Duration = Duration::from_millis(20);

/// The event of a change, as nodes send it to each other: its data is one `Presence`, and the
/// receiving nodes put several into one `presence:changed`.
pub const PRESENCE_EVENT: &str = "presence:changed";

/// Keeps presence for this node's sockets. Cheap to clone.
#[derive(Clone)]
pub struct PresenceService {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    hub: Arc<dyn Hub>,
    clock: Arc<dyn Clock>,
    grace: Duration,
    local: LocalUsers,
    unheard: Unheard,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl fmt::Debug for PresenceService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceService")
            .field("grace", &self.inner.grace)
            .finish_non_exhaustive()
    }
}

impl PresenceService {
    /// A service that announces `offline` after `grace`; its timers run on `tasks` until `stop`.
    pub fn new(
        (store, hub): (Arc<dyn Store>, Arc<dyn Hub>),
        clock: Arc<dyn Clock>,
        grace: Duration,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                hub,
                clock,
                grace,
                local: LocalUsers::default(),
                unheard: Unheard::default(),
                tasks,
                stop,
            }),
        }
    }

    /// A socket came.
    pub async fn socket_came(&self, viewer: &Viewer, socket: &str) {
        self.inner.local.came(viewer, socket);
        let device = Device {
            socket: socket.to_owned(),
            status: PresenceStatus::Online,
        };
        self.apply(viewer, PresenceChange::Device(device), Some(socket))
            .await;
    }

    /// How many users with a socket on this node are of each status, as far as it heard.
    pub fn count_by_status(&self) -> Vec<(PresenceStatus, usize)> {
        self.inner.local.count()
    }

    /// A socket went. The last one's user is offline when none has come back after the grace.
    pub async fn socket_gone(&self, viewer: &Viewer, socket: &str) {
        self.inner.local.gone(viewer, socket);
        let gone = PresenceChange::Gone {
            socket: socket.to_owned(),
        };
        if self.apply(viewer, gone, None).await == Some(0) {
            self.settle_after_grace(viewer.clone());
        }
    }

    /// Keeps this node's place among the others: renews its lease, and looks after what nodes that
    /// died without a word left behind. To be called every few seconds.
    pub async fn keep_place(&self, node: &NodeInfo) {
        match self.inner.hub.renew_lease(node).await {
            Ok(changed) => {
                for (organization, presence) in changed {
                    let viewer = Viewer {
                        organization,
                        user: presence.user_id.clone(),
                    };
                    self.announce(&viewer, &presence, None).await;
                }
            }
            Err(error) => tracing::debug!(cause = error.0, "lease not renewed"),
        }
        match self.inner.hub.reap_dead_nodes().await {
            Ok(users) => {
                for (organization, user) in users {
                    self.settle_after_grace(Viewer { organization, user });
                }
            }
            Err(error) => tracing::debug!(cause = error.0, "dead nodes not looked for"),
        }
        self.announce_unheard().await;
    }

    /// The user's own choice.
    pub(crate) async fn choose(
        &self,
        caller: &Caller,
        status: Option<PresenceStatus>,
        custom_status: Option<Option<String>>,
    ) -> Result<(PresenceOutcome, Vec<BusEvent>), ErrorObject> {
        let viewer = caller.viewer();
        let (change, now) = (
            PresenceChange::Choose {
                status,
                custom_status,
            },
            self.inner.clock.now(),
        );
        let (organization, user) = (&viewer.organization, &viewer.user);
        let outcome = self
            .inner
            .hub
            .presence_change(organization, user, change, now)
            .await?;
        self.inner.local.heard(viewer, outcome.presence.status);
        let mut events = Vec::new();
        if outcome.changed {
            let audience = match self.audience(viewer).await {
                Ok(audience) => audience,
                // Whom the socket hears, they hear of it.
                Err(_) => caller
                    .conversations()
                    .into_iter()
                    .take(AUDIENCE as usize)
                    .collect(),
            };
            let except = caller.socket.as_deref();
            events.push(self.event(viewer, &outcome.presence, audience, except)?);
        }
        Ok((outcome, events))
    }

    fn settle_after_grace(&self, viewer: Viewer) {
        let service = self.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = service.settle(&viewer) => {}
                () = service.inner.stop.cancelled() => {}
            }
        });
    }

    /// Waits until nobody has been seen for the whole grace, and settles. Somebody who came back
    /// and went again, on whichever node, has a grace of their own.
    async fn settle(&self, viewer: &Viewer) {
        let mut wait = self.inner.grace;
        // Nodes' clocks differ: after some rounds it is settled whatever they say.
        for _ in 0..SETTLE_ROUNDS {
            tokio::time::sleep(wait).await;
            wait = self.grace_left(viewer).await;
            if wait < SLACK {
                break;
            }
        }
        self.apply(viewer, PresenceChange::Settle, None).await;
    }

    /// How much of the grace is left since the user was last seen; nothing when that is not known.
    async fn grace_left(&self, viewer: &Viewer) -> Duration {
        let user = std::slice::from_ref(&viewer.user);
        let found = self.inner.hub.presence_of(&viewer.organization, user).await;
        let seen = found
            .ok()
            .and_then(|found| found.presences.first()?.last_seen_at);
        let now = self.inner.clock.now();
        seen.map_or(Duration::ZERO, |seen| {
            self.inner.grace.saturating_sub(now.since(seen))
        })
    }

    /// Applies a change and announces it; the number of devices left, when the hub could tell.
    async fn apply(
        &self,
        viewer: &Viewer,
        change: PresenceChange,
        except: Option<&str>,
    ) -> Option<u32> {
        let (organization, user, now) =
            (&viewer.organization, &viewer.user, self.inner.clock.now());
        let outcome = match self
            .inner
            .hub
            .presence_change(organization, user, change, now)
            .await
        {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::debug!(cause = error.0, "presence not kept");
                return None;
            }
        };
        self.inner.local.heard(viewer, outcome.presence.status);
        if outcome.changed {
            self.announce(viewer, &outcome.presence, except).await;
        }
        Some(outcome.devices)
    }

    /// Tells whoever shares a live conversation with the user, and the user's own sockets. Without
    /// the store the user's own devices hear of it, and the others when it is back.
    async fn announce(&self, viewer: &Viewer, presence: &Presence, except: Option<&str>) {
        let audience = self.audience(viewer).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "presence is told to the user's own devices only");
            self.inner.unheard.add(viewer);
            Vec::new()
        });
        match self.event(viewer, presence, audience, except) {
            Ok(event) => {
                if let Err(error) = self.inner.hub.publish(event).await {
                    tracing::debug!(cause = error.0, "presence not published");
                }
            }
            Err(error) => tracing::warn!(%error, "presence not announced"),
        }
    }

    /// Tells of those whose changes the others did not hear of, as they are now.
    async fn announce_unheard(&self) {
        if self
            .inner
            .store
            .circuit()
            .is_some_and(|circuit| !circuit.is_closed())
        {
            return;
        }
        for viewer in self.inner.unheard.take() {
            let user = std::slice::from_ref(&viewer.user);
            let found = self.inner.hub.presence_of(&viewer.organization, user).await;
            if let Some(presence) = found
                .ok()
                .and_then(|found| found.presences.into_iter().next())
            {
                self.announce(&viewer, &presence, None).await;
            }
        }
    }

    /// The conversations in which a change of the user is told.
    async fn audience(&self, viewer: &Viewer) -> StoreResult<Vec<ConversationId>> {
        let heads = self.inner.store.heads_of(viewer, AUDIENCE).await?;
        let small = heads
            .into_iter()
            .filter(|head| head.member_count <= MAX_MEMBERS);
        Ok(small.map(|head| head.conversation).collect())
    }

    fn event(
        &self,
        viewer: &Viewer,
        presence: &Presence,
        audience: Vec<ConversationId>,
        except: Option<&str>,
    ) -> Result<BusEvent, ErrorObject> {
        let mut audience: Vec<Room> = audience.into_iter().map(Room::Conversation).collect();
        audience.push(Room::User(viewer.user.clone()));
        Ok(BusEvent {
            channel: organization_channel(&viewer.organization),
            audience,
            name: PRESENCE_EVENT.to_owned(),
            data: publish::raw(presence)?,
            class: DeliveryClass::Logged,
            rev: None,
            except: except.map(str::to_owned),
            enters: None,
            at: self.inner.clock.now(),
            position: None,
        })
    }
}

/// The channel that every node with a socket of the organization listens to.
pub fn organization_channel(organization: &OrganizationId) -> Channel {
    Channel {
        organization: organization.clone(),
        room: Room::Organization,
    }
}

/// The channel of a user's own room.
pub fn user_channel(organization: &OrganizationId, user: &UserId) -> Channel {
    Channel {
        organization: organization.clone(),
        room: Room::User(user.clone()),
    }
}
