//! Unread counts, pushed to the users that have a socket here.
//!
//! Whatever changes what members have not read goes through the rooms of this node, where it is only
//! noted which conversations it was. A moment later the sockets in their rooms are looked at, and for
//! all their users together the store is asked once and the hub once. So a message to 1,000 members
//! costs each node one reading, however many of them are there, and many messages in a moment no more.
//! A conversation in which much is said is told of again only after a longer while: else its counts would
//! be as many events as its messages, and each of its users' own.

mod check;
mod counts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};
use switchboard_socketio::Socket;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::GatewayOptions;
use crate::present::Present;
use crate::rooms::{Outlet, Rooms};

/// Organizations that are counted for at the same time.
const AT_ONCE: usize = 8;

/// A conversation is told of again after so many windows.
const PACE: u32 = 4;

/// What has changed in one organization.
type Changed = HashMap<ConversationId, Touched>;

/// Which conversations' counts have changed since they were told. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    changed: Mutex<HashMap<OrganizationId, Changed>>,
    wake: Notify,
}

/// Whose counts have changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Touched {
    everybody: Everybody,
    /// Those whose own have, by reading or because they missed it, and the socket that has their ack.
    readers: HashMap<UserId, Option<String>>,
}

/// Whether it is everybody in a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
enum Everybody {
    #[default]
    No,
    /// All but this one, who alone has said something.
    But(UserId),
    Yes,
}

impl Touched {
    fn said_by(&mut self, sender: UserId) {
        self.everybody = match std::mem::take(&mut self.everybody) {
            Everybody::No => Everybody::But(sender),
            Everybody::But(other) if other == sender => Everybody::But(sender),
            Everybody::But(_) | Everybody::Yes => Everybody::Yes,
        };
    }

    /// Whether everybody's changed, and this user is one of them.
    fn concerns(&self, user: &UserId) -> bool {
        match &self.everybody {
            Everybody::No => false,
            Everybody::But(one) => one != user,
            Everybody::Yes => true,
        }
    }

    /// Joins what could not be told with what has changed since.
    fn join(&mut self, earlier: Touched) {
        self.everybody = match (std::mem::take(&mut self.everybody), earlier.everybody) {
            (one, Everybody::No) | (Everybody::No, one) => one,
            (Everybody::But(one), Everybody::But(other)) if one == other => Everybody::But(one),
            _ => Everybody::Yes,
        };
        for (reader, socket) in earlier.readers {
            let known = self.readers.entry(reader).or_insert_with(|| socket.clone());
            if *known != socket {
                // What the one does not have yet came by the other.
                *known = None;
            }
        }
    }

    /// The socket that need not be told, because its user's count changed by what it did alone.
    fn except(&self, user: &UserId) -> Option<&str> {
        let reader = self.readers.get(user).filter(|_| !self.concerns(user))?;
        reader.as_deref()
    }
}

#[derive(Deserialize)]
struct Sent {
    message: Sender,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sender {
    sender_id: UserId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reader {
    user_id: UserId,
}

#[derive(Deserialize)]
struct Removed {
    member: Reader,
}

fn read<'a, T: Deserialize<'a>>(event: &'a BusEvent) -> Option<T> {
    serde_json::from_str(event.data.get()).ok()
}

impl Unread {
    /// An event goes to a conversation's room.
    pub(crate) fn heard(&self, event: &BusEvent) {
        let Room::Conversation(conversation) = event.channel.room else {
            return;
        };
        let touch: Box<dyn FnOnce(&mut Touched)> = match event.name.as_str() {
            "message:new" => match read::<Sent>(event) {
                Some(sent) => Box::new(|touched| touched.said_by(sent.message.sender_id)),
                None => return,
            },
            "message:deleted" | "conversation:archived" | "conversation:reopened" => {
                Box::new(|touched| touched.everybody = Everybody::Yes)
            }
            "message:read" => match read::<Reader>(event) {
                Some(reader) => {
                    let socket = event.except.clone();
                    Box::new(|touched| drop(touched.readers.insert(reader.user_id, socket)))
                }
                None => return,
            },
            "conversation:member-removed" => match read::<Removed>(event) {
                Some(removed) => {
                    Box::new(|touched| drop(touched.readers.insert(removed.member.user_id, None)))
                }
                None => return,
            },
            _ => return,
        };
        self.touch(&event.channel.organization, conversation, touch);
    }

    /// A socket was given what others of a room had heard before: what those were told of then, it was
    /// not.
    pub(crate) fn caught_up(&self, channel: &Channel, socket: &Socket) {
        let Room::Conversation(conversation) = channel.room else {
            return;
        };
        if let Some(user) = counts::user(socket) {
            let touch = |touched: &mut Touched| drop(touched.readers.insert(user, None));
            self.touch(&channel.organization, conversation, touch);
        }
    }

    /// What could not be told is told later, with what changes until then.
    fn again(&self, organization: &OrganizationId, untold: Changed) {
        for (conversation, earlier) in untold {
            self.touch(organization, conversation, |touched| touched.join(earlier));
        }
    }

    fn touch(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        touch: impl FnOnce(&mut Touched),
    ) {
        let mut changed = self.changed();
        let of_organization = changed.entry(organization.clone()).or_default();
        touch(of_organization.entry(conversation).or_default());
        drop(changed);
        self.0.wake.notify_one();
    }

    /// What is to be told now: all but what was `told` a short while ago, which stays.
    fn take(&self, told: &Told) -> HashMap<OrganizationId, Changed> {
        let mut due = HashMap::new();
        self.changed().retain(|organization, changed| {
            let of_organization = told.0.get(organization);
            let waits = |id: &ConversationId| of_organization.is_some_and(|at| at.contains_key(id));
            let now: Changed = changed.extract_if(|id, _| !waits(id)).collect();
            if !now.is_empty() {
                due.insert(organization.clone(), now);
            }
            !changed.is_empty()
        });
        due
    }

    fn is_empty(&self) -> bool {
        self.changed().is_empty()
    }

    fn changed(&self) -> MutexGuard<'_, HashMap<OrganizationId, Changed>> {
        self.0
            .changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which conversations were told of a short while ago, and when.
#[derive(Debug, Default)]
struct Told(HashMap<OrganizationId, HashMap<ConversationId, Instant>>);

impl Told {
    fn add(&mut self, changed: &HashMap<OrganizationId, Changed>, now: Instant) {
        for (organization, changed) in changed {
            let of_organization = self.0.entry(organization.clone()).or_default();
            of_organization.extend(changed.keys().map(|id| (*id, now)));
        }
    }

    /// Forgets what was told before.
    fn forget(&mut self, before: Instant) {
        self.0.retain(|_, at| {
            at.retain(|_, at| *at > before);
            !at.is_empty()
        });
    }
}

/// Counts, and tells users.
#[derive(Debug)]
pub(crate) struct Counting {
    messaging: Messaging,
    rooms: Rooms,
    outlet: Outlet,
    present: Present,
}

impl Counting {
    /// Nothing is counted until it is started.
    pub(crate) fn new(
        messaging: &Messaging,
        rooms: &Rooms,
        outlet: &Outlet,
        present: &Present,
    ) -> Self {
        Self {
            messaging: messaging.clone(),
            rooms: rooms.clone(),
            outlet: outlet.clone(),
            present: present.clone(),
        }
    }

    /// Begins, as a task of the door's.
    pub(crate) fn start(
        self,
        options: &GatewayOptions,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) {
        let pace = (options.unread_window, options.unread_check);
        tasks.spawn(self.run(pace, stop.clone()));
    }

    /// Runs until `stop`: what changed is told after `window`, or after a few if it was told just before,
    /// and what is noted of some users is compared with the store every `check`.
    async fn run(self, (window, check): (Duration, Duration), stop: CancellationToken) {
        let telling = async {
            let mut told = Told::default();
            loop {
                if self.outlet.unread.is_empty() {
                    self.outlet.unread.0.wake.notified().await;
                }
                tokio::time::sleep(window).await;
                let now = Instant::now();
                if let Some(before) = now.checked_sub(window * PACE) {
                    told.forget(before);
                }
                let due = self.outlet.unread.take(&told);
                told.add(&due, now);
                self.tell_changed(due).await;
            }
        };
        let checking = async {
            let mut checks = tokio::time::interval(check);
            checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for turn in 0.. {
                checks.tick().await;
                self.check(turn).await;
            }
        };
        let both = async { tokio::join!(telling, checking) };
        stop.run_until_cancelled(both).await;
    }

    async fn tell_changed(&self, changed: HashMap<OrganizationId, Changed>) {
        let changed = futures_util::stream::iter(changed);
        let telling = changed.map(|(organization, changed)| async move {
            let untold = self.tell(&organization, changed).await;
            self.outlet.unread.again(&organization, untold);
        });
        telling.buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use switchboard_messaging::clock::{CountingIds, Ids as _};

    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn what_one_said_is_unread_to_all_others_and_what_two_said_to_both() {
        let mut touched = Touched::default();
        assert!(!touched.concerns(&user("ann")));
        touched.said_by(user("ann"));
        touched.said_by(user("ann"));
        assert!(!touched.concerns(&user("ann")) && touched.concerns(&user("ben")));
        touched.said_by(user("ben"));
        assert!(touched.concerns(&user("ann")) && touched.concerns(&user("ben")));
    }

    #[test]
    fn a_conversation_that_was_told_of_waits_and_no_other_one_does() {
        let [acme, other] = ["acme", "other"].map(|name| OrganizationId::new(name).unwrap());
        let ids = CountingIds::default();
        let [a, b] = [(); 2].map(|()| ConversationId(ids.next()));
        let unread = Unread::default();
        let touch = |organization: &OrganizationId, conversation| {
            let mut changed = unread.changed();
            let of_organization = changed.entry(organization.clone()).or_default();
            let touched: &mut Touched = of_organization.entry(conversation).or_default();
            touched.said_by(user("ann"));
        };
        let of = |due: HashMap<OrganizationId, Changed>| {
            let due = due.into_iter();
            due.flat_map(|(organization, changed)| {
                changed
                    .into_keys()
                    .map(move |id| (organization.clone(), id))
            })
            .collect::<BTreeSet<_>>()
        };
        let (mut told, begun) = (Told::default(), Instant::now());
        touch(&acme, a);
        let due = unread.take(&told);
        told.add(&due, begun);
        assert_eq!(of(due), [(acme.clone(), a)].into());

        for (organization, id) in [(&acme, a), (&acme, b), (&other, a)] {
            touch(organization, id);
        }
        let due = of(unread.take(&told));
        assert_eq!(due, [(acme.clone(), b), (other.clone(), a)].into());
        assert!(unread.take(&told).is_empty() && !unread.is_empty());

        told.forget(begun);
        assert_eq!(of(unread.take(&told)), [(acme, a)].into());
        assert!(unread.is_empty());
    }

    #[test]
    fn the_socket_that_read_is_left_out_unless_something_else_happened() {
        let mut touched = Touched::default();
        let socket = Some("phone".to_owned());
        touched.readers.insert(user("ann"), socket);
        assert_eq!(touched.except(&user("ann")), Some("phone"));
        assert_eq!(touched.except(&user("ben")), None);
        touched.said_by(user("ben"));
        assert_eq!(touched.except(&user("ann")), None);
    }
}
