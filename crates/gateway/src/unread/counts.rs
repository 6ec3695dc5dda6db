//! From what has changed to what users are told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use switchboard_messaging::hub::{Channel, Counted, Room, UnreadNote};
use switchboard_messaging::presence::user_channel;
use switchboard_messaging::store::UnreadOf;
use switchboard_protocol::server_events::UnreadCount;
use switchboard_protocol::{ConversationId, OrganizationId, ServerEvent, UserId};
use switchboard_socketio::{Packet, Socket};

use super::{Changed, Counting, Touched};
use crate::NAMESPACE;
use crate::rooms::{room_name, user_of};

/// Pairs of a user and a conversation that are counted by one statement.
const PAIRS: usize = 5_000;
/// Sockets that are told in one turn of their organization.
const TOLD_AT_ONCE: usize = 200;

/// A user and a conversation.
type Pair = (UserId, ConversationId);

impl Counting {
    /// Tells the users of an organization who have a socket here what has changed for them; returns what
    /// could not be told.
    pub(super) async fn tell(&self, organization: &OrganizationId, changed: Changed) -> Changed {
        let pairs: Vec<Pair> = self.concerned(organization, &changed).into_iter().collect();
        let mut counts = HashMap::new();
        for some in pairs.chunks(PAIRS) {
            match self.messaging.store.unread_of(organization, some).await {
                Ok(found) => counts.extend(by_pair(found)),
                Err(error) => {
                    tracing::debug!(%error, "unread messages not counted");
                    return changed;
                }
            }
        }
        let totals = self.totals(organization, &pairs, &counts).await;
        let (mut tell, mut untold) = (Vec::new(), Changed::default());
        for pair in &pairs {
            let (user, conversation) = pair;
            let Some(total) = totals.get(user) else {
                let touched = untold.entry(*conversation).or_default();
                touched.readers.insert(user.clone(), None);
                continue;
            };
            // Who is no member any more has nothing unread there.
            let count = counts.get(pair).map_or(0, |one| one.count);
            let touched = changed.get(conversation);
            let except = touched.and_then(|touched| touched.except(user));
            tell.extend(self.events(organization, pair, (count, *total), except));
        }
        for some in tell.chunks(TOLD_AT_ONCE) {
            self.rooms.tell_all(organization, some.to_vec()).await;
        }
        untold
    }

    /// Whose counts have changed, of those who have a socket here.
    fn concerned(&self, organization: &OrganizationId, changed: &Changed) -> BTreeSet<Pair> {
        let mut pairs = BTreeSet::new();
        for (conversation, touched) in changed {
            let readers = touched.readers.keys();
            let here = readers.filter(|user| !self.sockets_of(organization, user).is_empty());
            let others = self.followers(organization, *conversation, touched);
            pairs.extend(
                here.cloned()
                    .chain(others)
                    .map(|user| (user, *conversation)),
            );
        }
        pairs
    }

    fn followers(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        touched: &Touched,
    ) -> HashSet<UserId> {
        let channel = Channel {
            organization: organization.clone(),
            room: Room::Conversation(conversation),
        };
        let sockets = self.sockets_in(&room_name(&channel));
        let users = sockets.iter().filter_map(user);
        users.filter(|user| touched.concerns(user)).collect()
    }

    fn sockets_in(&self, room: &str) -> Vec<Socket> {
        self.outlet.sockets_in(room)
    }

    fn sockets_of(&self, organization: &OrganizationId, user: &UserId) -> Vec<Socket> {
        self.sockets_in(&room_name(&user_channel(organization, user)))
    }

    /// Notes the counts; the total of each user, as far as the hub or the store could tell it.
    async fn totals(
        &self,
        organization: &OrganizationId,
        pairs: &[Pair],
        counts: &HashMap<Pair, UnreadOf>,
    ) -> HashMap<UserId, i64> {
        let mut of_users: BTreeMap<UserId, Vec<Counted>> = BTreeMap::new();
        // Who is no member any more: what is noted of that conversation is void.
        let mut unknown = BTreeSet::new();
        for pair in pairs {
            let of_user = of_users.entry(pair.0.clone()).or_default();
            match counts.get(pair) {
                Some(count) => of_user.push(count.into()),
                None => drop(unknown.insert(pair.0.clone())),
            }
        }
        let note = |(user, counts)| UnreadNote {
            user,
            counts,
            is_all: false,
        };
        let notes: Vec<UnreadNote> = of_users.into_iter().map(note).collect();
        let known = self.messaging.hub.unread_note(organization, &notes).await;
        let known = known.unwrap_or_else(|_| vec![None; notes.len()]);
        let mut totals = HashMap::new();
        for (note, total) in notes.into_iter().zip(known) {
            match total.filter(|_| !unknown.contains(&note.user)) {
                Some(total) => drop(totals.insert(note.user, total)),
                None => drop(unknown.insert(note.user)),
            }
        }
        let unknown: Vec<UserId> = unknown.into_iter().collect();
        totals.extend(self.count_all(organization, &unknown).await);
        totals
    }

    /// Counts everything for these users and notes it; their totals.
    pub(super) async fn count_all(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HashMap<UserId, i64> {
        if users.is_empty() {
            return HashMap::new();
        }
        let all = match self
            .messaging
            .store
            .all_unread_of(organization, users)
            .await
        {
            Ok(all) => all,
            Err(error) => {
                tracing::debug!(%error, "unread messages not counted");
                return HashMap::new();
            }
        };
        let mut counts: HashMap<&UserId, Vec<Counted>> = HashMap::new();
        for one in &all {
            counts.entry(&one.user).or_default().push(one.into());
        }
        let note = |user: &UserId| UnreadNote {
            user: user.clone(),
            counts: counts.remove(user).unwrap_or_default(),
            is_all: true,
        };
        let notes: Vec<UnreadNote> = users.iter().map(note).collect();
        if let Err(error) = self.messaging.hub.unread_note(organization, &notes).await {
            tracing::debug!(cause = error.0, "unread counts not noted");
        }
        let total = |note: &UnreadNote| note.counts.iter().map(|one| one.count).sum();
        notes
            .iter()
            .map(|note| (note.user.clone(), total(note)))
            .collect()
    }

    /// The event for each of a user's sockets here.
    pub(super) fn events(
        &self,
        organization: &OrganizationId,
        (user, conversation): &Pair,
        (count, total): (i64, i64),
        except: Option<&str>,
    ) -> Vec<(Socket, Packet)> {
        let event = ServerEvent::UnreadCount(UnreadCount {
            conversation_id: *conversation,
            unread_count: count,
            total,
        });
        let Ok(packet) = Packet::event(NAMESPACE, event.name(), &event) else {
            return Vec::new();
        };
        let mut told = Vec::new();
        for socket in self.sockets_of(organization, user) {
            if except == Some(socket.id().as_str()) {
                continue;
            }
            if socket.namespace() == NAMESPACE {
                told.push((socket, packet.clone()));
            } else {
                let dialects = &self.outlet.dialects;
                let packets = dialects.packets(&socket, event.name(), &event);
                told.extend(packets.into_iter().map(|packet| (socket.clone(), packet)));
            }
        }
        told
    }
}

/// Whose socket it is.
pub(super) fn user(socket: &Socket) -> Option<UserId> {
    socket.rooms().iter().find_map(|room| user_of(room))
}

fn by_pair(found: Vec<UnreadOf>) -> impl Iterator<Item = (Pair, UnreadOf)> {
    let pair = |one: UnreadOf| ((one.user.clone(), one.conversation), one);
    found.into_iter().map(pair)
}
