//! Whether what is noted of users is what the store says: for a few at a time.
//!
//! It is not when a node died before it noted a change, or when a conversation changed that none of a
//! user's sockets follows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use switchboard_protocol::{ConversationId, OrganizationId, UserId};
use switchboard_socketio::Socket;

use super::Counting;
use super::counts::user;
use crate::rooms::organization_of;

/// Sockets whose users are looked at in one go.
const SAMPLE: usize = 50;
/// A change may be on its way: what differs is looked at once more after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// What is unread by conversation; where nothing is unread is left out.
type Counts = BTreeMap<ConversationId, i64>;

impl Counting {
    pub(super) async fn check(&self, turn: usize) {
        let mut users: HashMap<OrganizationId, BTreeSet<UserId>> = HashMap::new();
        for socket in self.present.some(turn, SAMPLE) {
            if let Some((organization, user)) = whose(&socket) {
                users.entry(organization).or_default().insert(user);
            }
        }
        for (organization, users) in users {
            let users: Vec<UserId> = users.into_iter().collect();
            let suspects = self.differing(&organization, &users).await;
            if suspects.is_empty() {
                continue;
            }
            tokio::time::sleep(AGAIN).await;
            let suspects: Vec<UserId> = suspects.into_keys().collect();
            let wrong = self.differing(&organization, &suspects).await;
            self.repair(&organization, wrong).await;
        }
    }

    /// Those of whom something else is noted than the store says: what it says, where they differ.
    async fn differing(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> BTreeMap<UserId, Counts> {
        let known = self.messaging.hub.unread_known(organization, users).await;
        let stored = self
            .messaging
            .store
            .all_unread_of(organization, users)
            .await;
        let (Ok(known), Ok(stored)) = (known, stored) else {
            return BTreeMap::new();
        };
        let mut truth: HashMap<UserId, Counts> = HashMap::new();
        for one in stored {
            let counts = truth.entry(one.user).or_default();
            counts.insert(one.conversation, one.count);
        }
        let difference = |(user, known): (&UserId, Option<Counts>)| {
            let truth = truth.remove(user).unwrap_or_default();
            let difference = difference(&known?, &truth);
            (!difference.is_empty()).then(|| (user.clone(), difference))
        };
        users.iter().zip(known).filter_map(difference).collect()
    }

    async fn repair(&self, organization: &OrganizationId, wrong: BTreeMap<UserId, Counts>) {
        let count = wrong.len() as u64;
        metrics::counter!("switchboard_unread_drift_total").increment(count);
        let users: Vec<UserId> = wrong.keys().cloned().collect();
        let totals = self.count_all(organization, &users).await;
        let mut tell = Vec::new();
        for (user, counts) in wrong {
            let Some(total) = totals.get(&user) else {
                continue;
            };
            for (conversation, count) in counts {
                let pair = (user.clone(), conversation);
                tell.extend(self.events(organization, &pair, (count, *total), None));
            }
        }
        self.rooms.tell_all(organization, tell).await;
    }
}

fn whose(socket: &Socket) -> Option<(OrganizationId, UserId)> {
    let rooms = socket.rooms();
    let organization = rooms.iter().find_map(|room| organization_of(room))?;
    Some((organization, user(socket)?))
}

/// What is true where something else is noted.
fn difference(known: &Counts, truth: &Counts) -> Counts {
    let conversations: BTreeSet<_> = known.keys().chain(truth.keys()).collect();
    let of = |counts: &Counts, id| counts.get(id).copied().unwrap_or(0);
    let wrong = conversations.into_iter();
    let wrong = wrong.filter(|id| of(known, id) != of(truth, id));
    wrong.map(|id| (*id, of(truth, id))).collect()
}
