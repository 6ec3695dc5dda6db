//! Unread counts, pushed to the users that have a socket here.
//!
//! Whatever changes what members have not read goes through the rooms of this node, where it is only
//! noted which conversations it was. A moment later the sockets in their rooms are looked at, and for
//! all their users together the store is asked once and the hub once. So a message to 1,000 members
//! costs each node one reading, however many of them are there, and many messages in a moment no more.

mod check;
mod counts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Room};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::GatewayOptions;
use crate::present::Present;
use crate::rooms::{Outlet, Rooms};

/// Organizations that are counted for at the same time.
const AT_ONCE: usize = 8;

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
    /// Those who read, and the socket that has their ack.
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
        let mut changed = self.changed();
        let of_organization = changed.entry(event.channel.organization.clone());
        touch(
            of_organization
                .or_default()
                .entry(conversation)
                .or_default(),
        );
        drop(changed);
        self.0.wake.notify_one();
    }

    fn take(&self) -> HashMap<OrganizationId, Changed> {
        std::mem::take(&mut *self.changed())
    }

    fn changed(&self) -> MutexGuard<'_, HashMap<OrganizationId, Changed>> {
        self.0
            .changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    /// Runs until `stop`: what changed is told after `window`, and what is noted of some users is
    /// compared with the store every `check`.
    async fn run(self, (window, check): (Duration, Duration), stop: CancellationToken) {
        let telling = async {
            loop {
                self.outlet.unread.0.wake.notified().await;
                tokio::time::sleep(window).await;
                self.tell_changed().await;
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

    async fn tell_changed(&self) {
        let changed = futures_util::stream::iter(self.outlet.unread.take());
        let telling = changed.map(|(organization, changed)| async move {
            self.tell(&organization, &changed).await;
        });
        telling.buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

#[cfg(test)]
mod tests {
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
