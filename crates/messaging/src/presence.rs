//! Who is there: many devices and nodes, one `online`, one `offline`.

mod device;
mod idle;
mod local;
mod records;
mod unheard;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use switchboard_protocol::{
    ConversationId, DeliveryClass, ErrorObject, OrganizationId, Presence, PresenceStatus,
    Timestamp, UserId,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::device::LocalDevice;

use self::device::Told;
use self::local::LocalUsers;
use self::records::Records;
use self::unheard::Unheard;
use crate::Clock;
use crate::actor::Caller;
use crate::hub::{BusEvent, Channel, Device, Hub, NodeInfo, PresenceChange, PresenceOutcome, Room};
use crate::publish;
use crate::store::{Head, Store, StoreResult, Viewer};
use crate::turns::Turns;

/// Most conversations (newest activity first) whose members hear of a change.
const AUDIENCE: i64 = 200;
/// Conversations with more members are not told: everyone would hear of everyone.
const MAX_MEMBERS: i64 = 500;

/// A user may be seen again within the grace as often; each time it begins anew.
const SETTLE_ROUNDS: usize = 10;
/// Users of this node that are looked at at a time when their grace is over: thousands may be gone with
/// a network.
const SETTLING_AT_ONCE: usize = 32;
/// Milliseconds are cut off on the way; what is left of a grace below this is nothing.
const SLACK: Duration = Duration::from_millis(20);

/// The event of a change, as nodes send it to each other: its data is one `Presence`, and the
/// receiving nodes put several into one `presence:changed`.
pub const PRESENCE_EVENT: &str = "presence:changed";

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct PresenceTimes {
    /// A user without any socket for this long is offline.
    pub offline_grace: Duration,
    /// A device whose client does nothing for this long is away; zero is never.
    pub idle_after: Duration,
    /// For how long it is kept when users were there; zero is not at all.
    pub history: Duration,
}

/// Keeps presence for this node's sockets. Cheap to clone.
#[derive(Clone)]
pub struct PresenceService {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    hub: Arc<dyn Hub>,
    clock: Arc<dyn Clock>,
    times: PresenceTimes,
    local: LocalUsers,
    unheard: Unheard,
    records: Records,
    settling: Turns,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl fmt::Debug for PresenceService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceService")
            .field("times", &self.inner.times)
            .finish_non_exhaustive()
    }
}

impl PresenceService {
    /// A service whose timers run on `tasks` until `stop`.
    pub fn new(
        (store, hub): (Arc<dyn Store>, Arc<dyn Hub>),
        clock: Arc<dyn Clock>,
        times: PresenceTimes,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let records = Records::start(&store, &clock, times.history, (&tasks, &stop));
        if hub.circuit().is_none() {
            // The hub has begun with this node: whoever was there before is not.
            records.add(None, PresenceStatus::Offline, clock.now());
        }
        let service = Self {
            inner: Arc::new(Inner {
                store,
                hub,
                clock,
                times,
                local: LocalUsers::default(),
                unheard: Unheard::default(),
                records,
                settling: Turns::new(SETTLING_AT_ONCE, usize::MAX),
                tasks: tasks.clone(),
                stop,
            }),
        };
        tasks.spawn(service.clone().look_for_idle_devices());
        service
    }

    /// A socket came, to whose user these are the newest conversations, if that was read just now.
    pub async fn socket_came(&self, device: &Arc<LocalDevice>, newest: Option<&[Head]>) {
        device.is_back(self.inner.clock.now());
        self.inner.local.came(device);
        let audience = newest.map(|heads| small(heads.iter().take(AUDIENCE as usize)));
        self.tell(device, Some(&device.socket), audience).await;
    }

    /// Tells the hub what a device is, unless it knows.
    async fn tell(
        &self,
        device: &LocalDevice,
        except: Option<&str>,
        audience: Option<Vec<ConversationId>>,
    ) {
        let mut told = device.told().await;
        let status = device.status();
        if matches!(*told, Told::Gone) || *told == Told::Status(status) {
            return;
        }
        *told = Told::Status(status);
        let change = PresenceChange::Device(Device {
            socket: device.socket.clone(),
            status,
            name: device.name.clone(),
        });
        // That somebody has been idle is no sign of life.
        let told = (except, audience);
        self.apply_at(&device.viewer, change, told, device.last())
            .await;
    }

    /// How many users with a socket on this node are of each status, as far as it heard.
    pub fn count_by_status(&self) -> Vec<(PresenceStatus, usize)> {
        self.inner.local.count()
    }

    /// A socket went. The last one's user is offline when none has come back after the grace.
    pub async fn socket_gone(&self, device: &LocalDevice) {
        self.inner.local.gone(device);
        let mut told = device.told().await;
        *told = Told::Gone;
        let gone = PresenceChange::Gone {
            socket: device.socket.clone(),
        };
        if self.apply(&device.viewer, gone).await == Some(0) {
            self.settle_after_grace(device.viewer.clone());
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
                    let now = self.inner.clock.now();
                    self.inner.records.add(Some(&viewer), presence.status, now);
                    self.announce(&viewer, &presence, (None, None)).await;
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
            let status = outcome.presence.status;
            self.inner.records.add(Some(viewer), status, now);
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
        let mut wait = self.inner.times.offline_grace;
        // Nodes' clocks differ: after some rounds it is settled whatever they say.
        for _ in 0..SETTLE_ROUNDS {
            tokio::time::sleep(wait).await;
            let turn = self.inner.settling.next(&viewer.organization).await;
            wait = self.grace_left(viewer).await;
            drop(turn);
            if wait < SLACK {
                break;
            }
        }
        let _turn = self.inner.settling.next(&viewer.organization).await;
        self.apply(viewer, PresenceChange::Settle).await;
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
            self.inner
                .times
                .offline_grace
                .saturating_sub(now.since(seen))
        })
    }

    /// Applies a change and announces it; the number of devices left, when the hub could tell.
    async fn apply(&self, viewer: &Viewer, change: PresenceChange) -> Option<u32> {
        self.apply_at(viewer, change, (None, None), self.inner.clock.now())
            .await
    }

    /// The same with when the user was last seen, who is not told, and who is, if that is known.
    async fn apply_at(
        &self,
        viewer: &Viewer,
        change: PresenceChange,
        told: (Option<&str>, Option<Vec<ConversationId>>),
        seen: Timestamp,
    ) -> Option<u32> {
        let (organization, user) = (&viewer.organization, &viewer.user);
        let hub = &self.inner.hub;
        let changing = hub.presence_change(organization, user, change, seen);
        let outcome = match changing.await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::debug!(cause = error.0, "presence not kept");
                return None;
            }
        };
        let status = outcome.presence.status;
        self.inner.local.heard(viewer, status);
        if outcome.changed {
            let now = self.inner.clock.now();
            self.inner.records.add(Some(viewer), status, now);
            self.announce(viewer, &outcome.presence, told).await;
        }
        Some(outcome.devices)
    }

    /// Tells whoever shares a live conversation with the user, and the user's own sockets. Without
    /// the store the user's own devices hear of it, and the others when it is back.
    async fn announce(
        &self,
        viewer: &Viewer,
        presence: &Presence,
        (except, known): (Option<&str>, Option<Vec<ConversationId>>),
    ) {
        let audience = match known {
            Some(audience) => audience,
            None => self.audience(viewer).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "presence is told to the user's own devices only");
                self.inner.unheard.add(viewer);
                Vec::new()
            }),
        };
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
                self.announce(&viewer, &presence, (None, None)).await;
            }
        }
    }

    /// The conversations in which a change of the user is told.
    async fn audience(&self, viewer: &Viewer) -> StoreResult<Vec<ConversationId>> {
        let heads = self.inner.store.heads_of(viewer, AUDIENCE).await?;
        Ok(small(heads.iter()))
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
            trace: None,
            position: None,
        })
    }
}

/// Those that are not too large to be told.
fn small<'h>(heads: impl Iterator<Item = &'h Head>) -> Vec<ConversationId> {
    let small = heads.filter(|head| head.member_count <= MAX_MEMBERS);
    small.map(|head| head.conversation).collect()
}

/// Whether `heads`, read with room for `most`, are as many of the newest as matter here.
pub fn are_all(heads: &[Head], most: i64) -> bool {
    let count = heads.len() as i64;
    count < most || count >= AUDIENCE
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

#[cfg(test)]
mod tests;
