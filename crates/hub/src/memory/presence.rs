//! Presence, under one lock.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use switchboard_messaging::hub::{
    Headcount, HubResult, PresenceAnswer, PresenceBook, PresenceChange, PresenceOutcome, Roster,
};
use switchboard_protocol::{OrganizationId, Presence, PresenceStatus, Timestamp, UserId};

use super::registry::Leases;
use super::roster::Rosters;
use super::{MemoryHub, State};
use crate::PRESENCE_KEPT;
use crate::own_devices::{Kept, Own, Who, count_devices};
use crate::presence::{announced, moves_last_seen, strongest};

/// Everybody of whom something is known.
#[derive(Debug, Default)]
pub(super) struct Users {
    known: HashMap<Who, User>,
    rosters: Rosters,
    /// How many may be known before those who were not heard of for long are forgotten.
    sweep_at: usize,
}

#[derive(Debug)]
struct User {
    /// By node and socket. Seldom more than one: a map of another kind would begin with eleven places.
    devices: HashMap<(String, String), Kept>,
    choice: Option<PresenceStatus>,
    custom: Option<String>,
    announced: PresenceStatus,
    seen: Option<Timestamp>,
    /// The node that is to settle the user after the grace.
    settler: Option<String>,
    touched: Timestamp,
}

impl User {
    fn unknown(now: Timestamp) -> Self {
        Self {
            devices: HashMap::new(),
            choice: None,
            custom: None,
            announced: PresenceStatus::Offline,
            seen: None,
            settler: None,
            touched: now,
        }
    }

    /// Applies a change that `node` tells of; `true` when others see a difference.
    fn apply(&mut self, node: &str, change: PresenceChange, at: Timestamp) -> bool {
        let custom = self.custom.clone();
        let settles = matches!(change, PresenceChange::Settle);
        match change {
            PresenceChange::Device(device) => {
                let kept = (&device).into();
                self.devices.insert((node.to_owned(), device.socket), kept);
            }
            PresenceChange::Gone { socket } => {
                self.devices.remove(&(node.to_owned(), socket));
                self.settler = Some(node.to_owned());
            }
            PresenceChange::Settle => {}
            PresenceChange::Choose {
                status,
                custom_status,
            } => {
                self.choice = status;
                self.custom = custom_status.unwrap_or(self.custom.take());
            }
        }
        if settles || !self.devices.is_empty() {
            self.settler = None;
        }
        self.announce(settles, at) || self.custom != custom
    }

    /// Puts what is announced right; `true` when it was not.
    fn announce(&mut self, settles: bool, at: Timestamp) -> bool {
        let before = self.announced;
        let strongest = strongest(self.devices.values().map(|kept| kept.status));
        self.announced = announced(before, self.choice, strongest, settles);
        if moves_last_seen(before, self.announced, settles) {
            self.seen = self.seen.max(Some(at));
        }
        before != self.announced
    }

    fn presence(&self, user: &UserId) -> Presence {
        Presence {
            user_id: user.clone(),
            status: self.announced,
            custom_status: self.custom.clone(),
            last_seen_at: self.seen,
        }
    }
}

impl Users {
    fn user(&mut self, who: &Who, now: Timestamp) -> &mut User {
        if self.known.len() >= self.sweep_at {
            self.known
                .retain(|_, user| user.is_there() || user.is_fresh(now));
            self.sweep_at = (self.known.len() * 2).max(1_024);
        }
        let user = self
            .known
            .entry(who.clone())
            .or_insert_with(|| User::unknown(now));
        user.touched = now;
        user
    }

    /// Lets something happen to a user, and keeps the rosters right.
    fn change<T>(
        &mut self,
        who: &Who,
        now: Timestamp,
        change: impl FnOnce(&mut User) -> T,
    ) -> (T, &User) {
        let user = self.user(who, now);
        let before = user.headcount();
        let changed = change(user);
        let (after, status) = (user.headcount(), user.announced);
        self.rosters.change(who, status, (before, after));
        (changed, self.user(who, now))
    }

    /// Gives `node` exactly these devices of a user again, after it was taken for dead. Returns
    /// the presence if others see a difference.
    pub(super) fn restore(
        &mut self,
        node: &str,
        who: &Who,
        own: Own,
        now: Timestamp,
    ) -> Option<Presence> {
        let unheard_of = !self.known.contains_key(who);
        let (changed, user) = self.change(who, now, |user| {
            user.devices.retain(|(owner, _), _| owner != node);
            for (socket, kept) in own.devices {
                user.devices.insert((node.to_owned(), socket), kept);
            }
            user.announce(false, own.at)
        });
        (changed && !unheard_of).then(|| user.presence(&who.1))
    }

    /// Drops the devices of a node; returns the users that it leaves without any.
    fn reap(&mut self, dead: &str, reaper: &str) -> Vec<Who> {
        let mut left = Vec::new();
        for (who, user) in &mut self.known {
            let (before, counted) = (user.devices.len(), user.headcount());
            user.devices.retain(|(node, _), _| node != dead);
            let change = (counted, user.headcount());
            self.rosters.change(who, user.announced, change);
            let touched = user.devices.len() < before || user.settler.as_deref() == Some(dead);
            if touched && user.devices.is_empty() {
                user.settler = Some(reaper.to_owned());
                left.push(who.clone());
            }
        }
        left
    }
}

impl User {
    fn is_there(&self) -> bool {
        !self.devices.is_empty() || self.announced != PresenceStatus::Offline
    }

    /// What the user is among those who are there; nothing for somebody who appears offline.
    fn headcount(&self) -> Headcount {
        let of = |status| u64::from(self.announced == status);
        let mut count = Headcount {
            online: of(PresenceStatus::Online),
            away: of(PresenceStatus::Away),
            busy: of(PresenceStatus::Busy),
            ..Headcount::default()
        };
        if self.choice != Some(PresenceStatus::Offline) {
            let nodes: BTreeSet<_> = self.devices.keys().map(|(node, _)| node).collect();
            let of_node = |node: &String| {
                let devices = self.devices.iter().filter(|((owner, _), _)| owner == node);
                count_devices(devices.map(|(_, kept)| kept))
            };
            count.sockets = self.devices.len() as u64;
            count.devices = nodes.into_iter().map(of_node).sum();
        }
        count
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.touched) < PRESENCE_KEPT
    }

    fn forget_dead(&mut self, node: &str, leases: &Leases, now: Timestamp) {
        self.devices
            .retain(|(owner, _), _| owner == node || leases.is_live(owner, now));
    }
}

#[async_trait]
impl PresenceBook for MemoryHub {
    async fn presence_change(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        change: PresenceChange,
        at: Timestamp,
    ) -> HubResult<PresenceOutcome> {
        let who = (organization.clone(), user.clone());
        self.own.note(&who, &change, at);
        let now = self.shared.now();
        let State {
            presence, registry, ..
        } = &mut *self.shared.lock();
        let (changed, entry) = presence.change(&who, now, |user| {
            user.forget_dead(&self.node, registry, now);
            user.apply(&self.node, change, at)
        });
        Ok(PresenceOutcome {
            presence: entry.presence(user),
            changed,
            devices: entry.devices.len() as u32,
            degraded: false,
        })
    }

    async fn presence_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<PresenceAnswer> {
        let now = self.shared.now();
        let known = &self.shared.lock().presence.known;
        let presence = |user: &UserId| match known.get(&(organization.clone(), user.clone())) {
            Some(entry) if entry.is_there() || entry.is_fresh(now) => entry.presence(user),
            _ => Presence::unknown(user.clone()),
        };
        Ok(PresenceAnswer {
            presences: users.iter().map(presence).collect(),
            degraded: false,
        })
    }

    async fn are_there(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<bool>> {
        let now = self.shared.now();
        let State {
            presence, registry, ..
        } = &*self.shared.lock();
        let lives = |node: &str| node == self.node || registry.is_live(node, now);
        let is_there = |user: &UserId| {
            let known = presence.known.get(&(organization.clone(), user.clone()));
            known.is_some_and(|user| user.devices.keys().any(|(node, _)| lives(node)))
        };
        Ok(users.iter().map(is_there).collect())
    }

    async fn roster(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<Roster> {
        let Users { known, rosters, .. } = &self.shared.lock().presence;
        let (users, has_more) = rosters.page(organization, after, limit);
        let next = users.last().filter(|_| has_more).cloned();
        let presence = |user: UserId| {
            let entry = known.get(&(organization.clone(), user.clone()))?;
            Some(entry.presence(&user))
        };
        Ok(Roster {
            presences: users.into_iter().filter_map(presence).collect(),
            next,
            total: rosters.total(organization),
            degraded: false,
        })
    }

    async fn headcount(&self, organization: &OrganizationId) -> HubResult<Headcount> {
        let rosters = &self.shared.lock().presence.rosters;
        Ok(rosters.count(organization))
    }

    async fn reap_dead_nodes(&self) -> HubResult<Vec<Who>> {
        let now = self.shared.now();
        let State {
            presence, registry, ..
        } = &mut *self.shared.lock();
        let dead = registry.take_dead(&self.node, now);
        Ok(dead
            .iter()
            .flat_map(|dead| presence.reap(dead, &self.node))
            .collect())
    }
}
