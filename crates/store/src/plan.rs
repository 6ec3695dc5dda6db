//! What becomes of a batch of messages: pure, so that the rules that must never be wrong (no gap,
//! no double) can be tested without a database.

use std::collections::HashMap;

use switchboard_messaging::store::{NewMessage, Refusal};
use switchboard_protocol::{
    ConversationId, Message, MessageId, MessageType, OrganizationId, Role, Timestamp, UserId,
};

/// Where a locked conversation stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) conversation: ConversationId,
    pub(crate) organization: OrganizationId,
    pub(crate) archived: bool,
    pub(crate) last_seq: i64,
    pub(crate) rev: i64,
    pub(crate) message_count: i64,
    pub(crate) last_message_at: Option<Timestamp>,
}

/// A message that is replied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replied {
    /// Its thread's root; `None` when it is none's reply.
    pub(crate) root: Option<MessageId>,
}

/// What the database knew about one item once its conversation was locked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fact {
    /// The sender's role, when an active member.
    pub(crate) role: Option<Role>,
    /// The message that has the item's `client_message_id` already.
    pub(crate) duplicate: Option<MessageId>,
    /// What the item replies to, when that is there.
    pub(crate) replied: Option<Replied>,
}

/// What becomes of one item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is this one of [`Plan::inserts`].
    Stored(usize),
    /// An earlier item of the batch said the same; it is this one of [`Plan::inserts`].
    Repeated(usize),
    /// This message had been stored before.
    Duplicate(MessageId),
    /// The conversation is archived; the refusal carries its view, which is not known here.
    Archived,
    /// The rules said no.
    Refused(Refusal),
}

/// A message to be inserted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) organization: OrganizationId,
    pub(crate) message: Message,
    /// The socket that sent it, which is no part of the message.
    pub(crate) socket: Option<String>,
}

/// What is to be written, and what to tell the callers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// One per item, in the items' order.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) inserts: Vec<Planned>,
    /// The conversations that got messages, as they stand afterwards, by id.
    pub(crate) heads: Vec<Head>,
}

/// Decides on the items in order, as if each were alone.
///
/// `heads` are the locked conversations of the batch; `facts` has one for each item.
pub(crate) fn plan(items: &[NewMessage], heads: Vec<Head>, facts: &[Fact]) -> Plan {
    let mut planner = Planner {
        heads: heads
            .into_iter()
            .map(|head| (head.conversation, head))
            .collect(),
        inserts: Vec::with_capacity(items.len()),
        said: HashMap::new(),
    };
    let outcomes = items
        .iter()
        .zip(facts)
        .map(|(item, fact)| planner.decide(item, fact))
        .collect();
    let mut heads: Vec<Head> = planner
        .inserts
        .iter()
        .filter_map(|planned| planner.heads.remove(&planned.message.conversation_id))
        .collect();
    heads.sort_by_key(|head| head.conversation);
    Plan {
        outcomes,
        inserts: planner.inserts,
        heads,
    }
}

/// A sender's own name for a message, unique in the conversation.
type ClientId = (ConversationId, UserId, String);

struct Planner {
    heads: HashMap<ConversationId, Head>,
    inserts: Vec<Planned>,
    /// Client ids of this batch and where in `inserts` they are.
    said: HashMap<ClientId, usize>,
}

impl Planner {
    fn decide(&mut self, item: &NewMessage, fact: &Fact) -> Outcome {
        let Some(head) = self
            .heads
            .get(&item.conversation)
            .filter(|head| head.organization == item.sender.organization)
        else {
            return Outcome::Refused(Refusal::NoConversation);
        };
        // The service speaks where it is not a member; clients cannot send in its name.
        let is_system = item.kind == MessageType::System;
        if fact.role.is_none() && !is_system {
            return Outcome::Refused(Refusal::NotMember);
        }
        // Before what may have changed since it was stored: a repeated send is answered as the
        // first one was.
        if let Some(message) = fact.duplicate {
            return Outcome::Duplicate(message);
        }
        let client_id = client_id(item);
        if let Some(index) = client_id.as_ref().and_then(|id| self.said.get(id)) {
            return Outcome::Repeated(*index);
        }
        if fact.role == Some(Role::ReadOnly) && !is_system {
            return Outcome::Refused(Refusal::ReadOnly);
        }
        if head.archived {
            return Outcome::Archived;
        }
        let Ok(thread_root_id) = self.thread_root(item, fact) else {
            return Outcome::Refused(Refusal::UnknownReply);
        };
        let index = self.insert(item, thread_root_id);
        self.said.extend(client_id.map(|id| (id, index)));
        Outcome::Stored(index)
    }

    /// The root of the thread that the item joins, `None` when it is no reply.
    fn thread_root(&self, item: &NewMessage, fact: &Fact) -> Result<Option<MessageId>, Refusal> {
        let Some(id) = item.reply_to else {
            return Ok(None);
        };
        let in_batch = || {
            self.inserts
                .iter()
                .map(|planned| &planned.message)
                .find(|message| message.id == id && message.conversation_id == item.conversation)
                .map(|message| Replied {
                    root: message.thread_root_id,
                })
        };
        let replied = fact.replied.or_else(in_batch);
        replied
            .map(|replied| Some(replied.root.unwrap_or(id)))
            .ok_or(Refusal::UnknownReply)
    }

    fn insert(&mut self, item: &NewMessage, thread_root_id: Option<MessageId>) -> usize {
        let (mut seq, mut rev) = (0, 0);
        if let Some(head) = self.heads.get_mut(&item.conversation) {
            head.last_seq += 1;
            head.rev += 1;
            head.message_count += 1;
            // Nodes' clocks differ; a list's order must not jump back because of it.
            head.last_message_at = head.last_message_at.max(Some(item.at));
            (seq, rev) = (head.last_seq, head.rev);
        }
        self.inserts.push(Planned {
            organization: item.sender.organization.clone(),
            message: message(item, seq, rev, thread_root_id),
            socket: item.socket.clone(),
        });
        self.inserts.len() - 1
    }
}

fn client_id(item: &NewMessage) -> Option<ClientId> {
    let id = item.client_message_id.clone()?;
    Some((item.conversation, item.sender.user.clone(), id))
}

fn message(item: &NewMessage, seq: i64, rev: i64, thread_root_id: Option<MessageId>) -> Message {
    Message {
        id: item.id,
        conversation_id: item.conversation,
        seq,
        rev,
        version: 1,
        sender_id: item.sender.user.clone(),
        kind: item.kind,
        content: item.content.clone(),
        reply_to: item.reply_to,
        thread_root_id,
        attachments: Vec::new(),
        reactions: Vec::new(),
        metadata: item.metadata.clone(),
        client_message_id: item.client_message_id.clone(),
        created_at: item.at,
        edited_at: None,
        deleted_at: None,
    }
}

#[cfg(test)]
mod tests;
