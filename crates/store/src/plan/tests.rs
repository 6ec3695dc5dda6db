use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Map;
use switchboard_messaging::store::Viewer;
use switchboard_protocol::MessageType;
use uuid::Uuid;

use super::*;
use crate::one_statement::{Bases, Simple};

/// A database that stores one message at a time, in the most obvious way.
#[derive(Clone, Debug, Default)]
struct Naive {
    heads: BTreeMap<ConversationId, Head>,
    roles: BTreeMap<(ConversationId, UserId), Role>,
    messages: Vec<Planned>,
}

impl Naive {
    fn append(&mut self, item: &NewMessage) -> Result<Message, Option<Refusal>> {
        let known = self.messages.clone();
        let head = self.heads.get_mut(&item.conversation);
        let head = head.filter(|head| head.organization == item.sender.organization);
        let head = head.ok_or(Some(Refusal::NoConversation))?;
        let role = self
            .roles
            .get(&(item.conversation, item.sender.user.clone()));
        let role = role.ok_or(Some(Refusal::NotMember))?;
        if let Some(duplicate) = known.iter().find(|known| same(&known.message, item)) {
            return Ok(duplicate.message.clone());
        }
        if *role == Role::ReadOnly {
            return Err(Some(Refusal::ReadOnly));
        }
        if head.archived {
            return Err(None);
        }
        let mut root = None;
        if let Some(id) = item.reply_to {
            let replied = known.iter().map(|known| &known.message);
            let mut replied = replied.filter(|m| m.conversation_id == item.conversation);
            let replied = replied.find(|message| message.id == id);
            let replied = replied.ok_or(Some(Refusal::UnknownReply))?;
            root = replied.thread_root_id.or(Some(id));
        }
        head.last_seq += 1;
        head.rev += 1;
        head.message_count += 1;
        head.last_message_at = head.last_message_at.max(Some(item.at));
        let message = message(item, head.last_seq, head.rev, root);
        self.messages.push(Planned {
            organization: item.sender.organization.clone(),
            message: message.clone(),
            socket: item.socket.clone(),
        });
        Ok(message)
    }

    /// What a real database would tell about an item before the batch.
    fn fact(&self, item: &NewMessage) -> Fact {
        let key = (item.conversation, item.sender.user.clone());
        let messages = || self.messages.iter().map(|planned| &planned.message);
        Fact {
            role: self.roles.get(&key).copied(),
            duplicate: messages().find(|message| same(message, item)).map(|m| m.id),
            replied: messages()
                .find(|m| Some(m.id) == item.reply_to && m.conversation_id == item.conversation)
                .map(|m| Replied {
                    root: m.thread_root_id,
                }),
        }
    }

    /// Appends a batch as the store does; what each caller is told.
    fn append_together(&mut self, items: &[NewMessage]) -> Vec<Result<Message, Option<Refusal>>> {
        let facts: Vec<Fact> = items.iter().map(|item| self.fact(item)).collect();
        let plan = plan(items, self.heads.values().cloned().collect(), &facts);
        self.messages.extend(plan.inserts.iter().cloned());
        let heads = plan.heads.into_iter();
        self.heads
            .extend(heads.map(|head| (head.conversation, head)));
        let told = plan.outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Stored(n) | Outcome::Repeated(n) => Ok(plan.inserts[n].message.clone()),
            Outcome::Duplicate(id) => {
                let mut known = self.messages.iter().map(|known| &known.message);
                Ok(known.find(|message| message.id == id).unwrap().clone())
            }
            Outcome::Archived => Err(None),
            Outcome::Refused(refusal) => Err(Some(refusal)),
        });
        told.collect()
    }

    /// Which conversations a statement finds open for all that is sent to them: where each stands.
    fn open_for(&self, items: &[NewMessage]) -> Bases {
        let is_open = |head: &&Head| {
            !head.archived
                && items
                    .iter()
                    .filter(|item| item.conversation == head.conversation)
                    .all(|item| {
                        let fact = self.fact(item);
                        head.organization == item.sender.organization
                            && matches!(fact.role, Some(role) if role != Role::ReadOnly)
                            && fact.duplicate.is_none()
                    })
        };
        let base = |head: &Head| (head.conversation, (head.last_seq, head.rev));
        self.heads.values().filter(is_open).map(base).collect()
    }

    /// Appends a batch with one statement as far as that goes, and the rest in a transaction.
    fn append_in_two(&mut self, items: &[NewMessage]) -> Vec<Result<Message, Option<Refusal>>> {
        let bases = self.open_for(items);
        let simple = Simple::of(items).messages(&bases);
        for (item, message) in items.iter().zip(&simple) {
            let Some(message) = message else { continue };
            let head = self.heads.get_mut(&item.conversation).unwrap();
            head.last_seq += 1;
            head.rev += 1;
            head.message_count += 1;
            head.last_message_at = head.last_message_at.max(Some(item.at));
            self.messages.push(Planned {
                organization: item.sender.organization.clone(),
                message: message.clone(),
                socket: item.socket.clone(),
            });
        }
        let held = items.iter().zip(&simple).filter(|(_, done)| done.is_none());
        let held: Vec<NewMessage> = held.map(|(item, _)| item.clone()).collect();
        let mut rest = self.append_together(&held).into_iter();
        let told = simple.into_iter().map(|done| match done {
            Some(message) => Ok(message),
            None => rest.next().unwrap(),
        });
        told.collect()
    }
}

fn same(message: &Message, item: &NewMessage) -> bool {
    message.conversation_id == item.conversation
        && message.sender_id == item.sender.user
        && message.client_message_id.is_some()
        && message.client_message_id == item.client_message_id
}

fn conversation(n: u8) -> ConversationId {
    ConversationId(Uuid::from_u128(u128::from(n)))
}

fn message_id(n: u8) -> MessageId {
    MessageId(Uuid::from_u128(1_000 + u128::from(n)))
}

fn user(n: u8) -> UserId {
    UserId::new(&format!("user{n}")).unwrap()
}

fn organization(n: u8) -> OrganizationId {
    OrganizationId::new(&format!("org{n}")).unwrap()
}

/// Conversations 0 to 3, of which 0 belongs to another organization and 1 is archived; 4 is not
/// there. Users 0 to 3 are members, of which 1 only reads; 4 is not.
fn world() -> Naive {
    let mut world = Naive::default();
    for n in 0..4 {
        let head = Head {
            conversation: conversation(n),
            organization: organization(u8::from(n == 0)),
            archived: n == 1,
            last_seq: i64::from(n) * 10,
            rev: i64::from(n) * 20 + 1,
            message_count: i64::from(n) * 10,
            last_message_at: None,
        };
        world.heads.insert(conversation(n), head);
        for member in 0..4 {
            let role = if member == 1 {
                Role::ReadOnly
            } else {
                Role::Member
            };
            world.roles.insert((conversation(n), user(member)), role);
        }
    }
    world
}

prop_compose! {
    fn item()(
        to in 0..5_u8,
        sender in 0..5_u8,
        client in prop::option::of(0..3_u8),
        reply_to in prop::option::weighted(0.3, 0..30_u8),
        socket in prop::option::of(0..3_u8),
        at in 0..5_i64,
    ) -> NewMessage {
        NewMessage {
            id: message_id(0),
            conversation: conversation(to),
            sender: Viewer { organization: organization(0), user: user(sender) },
            socket: socket.map(|n| n.to_string()),
            kind: MessageType::Text,
            content: "hello".to_owned(),
            reply_to: reply_to.map(message_id),
            metadata: Map::new(),
            client_message_id: client.map(|n| n.to_string()),
            at: Timestamp::from_millis(at),
        }
    }
}

proptest! {
    #[test]
    fn a_batch_is_as_if_each_were_alone(
        mut items in prop::collection::vec(item(), 0..30),
        cuts in prop::collection::vec(1..10_usize, 30),
    ) {
        for (n, item) in items.iter_mut().enumerate() {
            item.id = message_id(n as u8);
        }
        let mut naive = world();
        let expected: Vec<_> = items.iter().map(|item| naive.append(item)).collect();
        naive.messages.sort_by_key(|planned| planned.message.id);
        for append in [Naive::append_together, Naive::append_in_two] {
            let mut batched = world();
            let mut told = Vec::new();
            let mut rest = items.as_slice();
            for cut in &cuts {
                let (batch, after) = rest.split_at((*cut).min(rest.len()));
                told.extend(append(&mut batched, batch));
                rest = after;
            }
            batched.messages.sort_by_key(|planned| planned.message.id);
            prop_assert_eq!(&told, &expected);
            prop_assert_eq!(&batched.messages, &naive.messages);
            prop_assert_eq!(&batched.heads, &naive.heads);
        }
    }
}

#[test]
fn nothing_is_planned_for_conversations_that_got_nothing() {
    let heads = world().heads.into_values().collect();
    let plan = plan(&[], heads, &[]);
    assert_eq!((plan.inserts.len(), plan.heads.len()), (0, 0));
}
