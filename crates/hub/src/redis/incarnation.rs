//! As what this node is known in Redis, and what it knows of the others.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_protocol::OrganizationId;

/// A node between two losses of its lease. Once its lease is over it never lives again: a node that
/// comes back is another incarnation. So whoever saw one dead may say so for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Incarnation(Arc<str>);

impl Incarnation {
    fn of(node: &str) -> Self {
        Self(format!("{node}~{:016x}", rand::random::<u64>()).into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Dead incarnations that are remembered, so that they need not be looked up. More than that is
/// unusual; then they are looked up again.
const REMEMBERED_DEAD: usize = 256;

/// Who this node is and who the others are.
#[derive(Debug)]
pub(super) struct Identity {
    node: String,
    inner: Mutex<Inner>,
    max_age: Duration,
}

#[derive(Debug)]
struct Inner {
    now: Incarnation,
    /// The organizations that are noted as this incarnation's.
    organizations: HashSet<OrganizationId>,
    live: HashSet<String>,
    dead: HashSet<String>,
    refreshed: Option<Instant>,
}

impl Identity {
    /// `max_age` is how old may be what is known of the others.
    pub(super) fn new(node: &str, max_age: Duration) -> Self {
        Self {
            node: node.to_owned(),
            inner: Mutex::new(Inner {
                now: Incarnation::of(node),
                organizations: HashSet::new(),
                live: HashSet::new(),
                dead: HashSet::new(),
                refreshed: None,
            }),
            max_age,
        }
    }

    pub(super) fn now(&self) -> Incarnation {
        self.lock().now.clone()
    }

    /// Becomes another incarnation.
    pub(super) fn renew(&self) -> Incarnation {
        let inner = &mut *self.lock();
        let next = Incarnation::of(&self.node);
        let last = std::mem::replace(&mut inner.now, next.clone());
        inner.dead.insert(last.as_str().to_owned());
        inner.organizations.clear();
        next
    }

    /// Whether it has been noted that this incarnation has to do with an organization.
    pub(super) fn has_noted(&self, organization: &OrganizationId, now: &Incarnation) -> bool {
        let inner = self.lock();
        inner.now == *now && inner.organizations.contains(organization)
    }

    /// Notes that it has been noted.
    pub(super) fn noted(&self, organization: &OrganizationId, now: &Incarnation) {
        let inner = &mut *self.lock();
        if inner.now == *now {
            inner.organizations.insert(organization.clone());
        }
    }

    /// The live and the dead nodes, for a script; `None` when they are to be looked up first.
    pub(super) fn others(&self) -> Option<(String, String)> {
        let inner = self.lock();
        let age = inner.refreshed?.elapsed();
        (age <= self.max_age).then(|| (joined(&inner.live), joined(&inner.dead)))
    }

    /// Takes note of which nodes live. `strangers` had been seen before they were looked up, so
    /// those that are not among them are dead.
    pub(super) fn refresh(&self, live: HashSet<String>, strangers: Vec<String>, asked: Instant) {
        let inner = &mut *self.lock();
        if inner.refreshed.is_some_and(|refreshed| refreshed > asked) {
            return;
        }
        let before = std::mem::replace(&mut inner.live, live);
        inner.dead.extend(before.into_iter().chain(strangers));
        let (live, now) = (&inner.live, &inner.now);
        inner
            .dead
            .retain(|node| !live.contains(node) && node != now.as_str());
        if inner.dead.len() > REMEMBERED_DEAD {
            inner.dead.clear();
        }
        inner.refreshed = Some(asked);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(nodes: &HashSet<String>) -> String {
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    nodes.join(",")
}
