//! Messages that PostgreSQL stores with one statement, which commits by itself: ordinary ones of
//! members who may write, to conversations that nobody else has locked. That is one round trip, as for
//! a bare insert, where a transaction needs five. Whatever is not that simple is left to one.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use switchboard_messaging::store::{Appended, NewMessage};
use switchboard_protocol::{ConversationId, Message, MessageType, Role};

use crate::failure::Failure;
use crate::group_commit::Fate;
use crate::plan::{Fact, Head, Outcome, Planned, plan};
use crate::pool::Lent;
use crate::postgres;
use crate::values::Id;

/// Stores all of a conversation's items, or holds them.
pub(crate) async fn append(
    lent: &mut Lent,
    items: &[NewMessage],
) -> Result<Vec<Fate<Appended>>, Failure> {
    let simple = Simple::of(items);
    if simple.inserts.is_empty() {
        return Ok(items.iter().map(|_| Fate::Held).collect());
    }
    let bases = store(lent, &simple).await?;
    let fates: Vec<_> = simple.messages(&bases).into_iter().map(fate).collect();
    let stored = fates.iter().filter(|fate| !matches!(fate, Fate::Held));
    let stored = stored.count() as u64;
    if stored > 0 {
        metrics::histogram!("switchboard_store_batch_size").record(stored as f64);
        metrics::counter!("switchboard_messages_stored_total").increment(stored);
    }
    Ok(fates)
}

fn fate(message: Option<Message>) -> Fate<Appended> {
    message.map_or(Fate::Held, |message| {
        Fate::Done(Ok(Appended {
            message,
            duplicate: false,
            is_as_sent: true,
        }))
    })
}

/// What would become of items if all of their conversations were empty and open to their senders:
/// numbers are counted from where a conversation stands, which only the database knows.
#[derive(Debug)]
pub(crate) struct Simple {
    inserts: Vec<Planned>,
    /// By how much their conversations move.
    moves: Vec<Head>,
    /// For each item the place of its message in `inserts`.
    places: Vec<Option<usize>>,
}

/// Where conversations stood: `last_seq` and `rev`.
pub(crate) type Bases = HashMap<ConversationId, (i64, i64)>;

impl Simple {
    pub(crate) fn of(items: &[NewMessage]) -> Self {
        let mut heads = HashMap::new();
        for item in items {
            heads.entry(item.conversation).or_insert_with(|| Head {
                conversation: item.conversation,
                organization: item.sender.organization.clone(),
                archived: false,
                last_seq: 0,
                rev: 0,
                message_count: 0,
                last_message_at: None,
            });
        }
        let may_write = Fact {
            role: Some(Role::Member),
            ..Fact::default()
        };
        let facts = vec![may_write; items.len()];
        let plan = plan(items, heads.into_values().collect(), &facts);
        // Replies to what is not here, repetitions, the service: more has to be known of those.
        let is_odd = |(item, outcome): &(&NewMessage, &Outcome)| {
            item.kind == MessageType::System || !matches!(outcome, Outcome::Stored(_))
        };
        let odd: HashSet<ConversationId> = items
            .iter()
            .zip(&plan.outcomes)
            .filter(is_odd)
            .map(|(item, _)| item.conversation)
            .collect();
        let mut inserts = Vec::with_capacity(plan.inserts.len());
        let mut places = vec![None; plan.inserts.len()];
        for (planned, place) in plan.inserts.into_iter().zip(&mut places) {
            if !odd.contains(&planned.message.conversation_id) {
                *place = Some(inserts.len());
                inserts.push(planned);
            }
        }
        let place = |outcome: &Outcome| match outcome {
            Outcome::Stored(index) => places.get(*index).copied().flatten(),
            _ => None,
        };
        let mut moves = plan.heads;
        moves.retain(|head| !odd.contains(&head.conversation));
        Self {
            places: plan.outcomes.iter().map(place).collect(),
            inserts,
            moves,
        }
    }

    /// For each item its message, when its conversation is one of these.
    pub(crate) fn messages(&self, bases: &Bases) -> Vec<Option<Message>> {
        let message = |place: &Option<usize>| {
            let planned = self.inserts.get((*place)?)?;
            let (last_seq, rev) = bases.get(&planned.message.conversation_id)?;
            let mut message = planned.message.clone();
            message.seq += last_seq;
            message.rev += rev;
            Some(message)
        };
        self.places.iter().map(message).collect()
    }
}

/// Nobody is waited for. What the rules need to know is read as it was when the statement began; when a
/// conversation still has the `rev` of then once it is locked, nothing about it has changed since.
/// `limit 1` is for the planner, as in [`postgres::facts`].
const STORE: &str = "\
with locked as materialized (
  select id, last_seq, rev, message_count, last_message_at from conversations
  where id = any($16::uuid[]) and status = 'active'
  order by id for no key update skip locked),
items as (
  select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[],
                       $7::text[], $8::text[], $9::uuid[], $10::uuid[], $11::jsonb[], $12::text[],
                       $13::timestamptz[], $14::text[], $15::text[])
    as i (id, organization_id, conversation_id, seq, rev, sender_id, type, content, reply_to,
          thread_root_id, metadata, client_message_id, created_at, sender_socket, search)),
odd as (
  select i.conversation_id from items i
  left join lateral (
         select role, organization_id from members
         where conversation_id = i.conversation_id and user_id = i.sender_id
         and left_at is null limit 1) m on m.organization_id = i.organization_id
  left join lateral (
         select id from messages
         where conversation_id = i.conversation_id and sender_id = i.sender_id
         and client_message_id = i.client_message_id limit 1) d on true
  where m.role is null or m.role = 'readonly' or d.id is not null),
simple as (
  select l.* from locked l join conversations c on c.id = l.id and c.rev = l.rev
  where not exists (select 1 from odd where odd.conversation_id = l.id)),
moved as (
  update conversations
  set last_seq = s.last_seq + h.last_seq, rev = s.rev + h.rev,
      message_count = s.message_count + h.message_count,
      last_message_at = greatest(s.last_message_at, h.at),
      activity_at = greatest(s.last_message_at, h.at)
  from simple s join unnest($16::uuid[], $17::bigint[], $18::bigint[], $19::bigint[],
                            $20::timestamptz[]) as h (id, last_seq, rev, message_count, at)
       on h.id = s.id
  where conversations.id = s.id),
stored as (
  insert into messages (id, organization_id, conversation_id, seq, rev, created_rev, sender_id,
                        type, content, reply_to, thread_root_id, metadata, client_message_id,
                        created_at, sender_socket, search)
  select i.id, i.organization_id, i.conversation_id, s.last_seq + i.seq, s.rev + i.rev,
         s.rev + i.rev, i.sender_id, i.type, i.content, i.reply_to, i.thread_root_id, i.metadata,
         i.client_message_id, i.created_at, i.sender_socket, i.search::tsvector
  from items i join simple s on s.id = i.conversation_id)
select id, last_seq, rev from simple";

#[derive(FromRow)]
struct BaseRow {
    id: Id,
    last_seq: i64,
    rev: i64,
}

/// Where the conversations stood whose messages were stored.
async fn store(lent: &mut Lent, simple: &Simple) -> Result<Bases, Failure> {
    let written = postgres::written(&simple.inserts, &simple.moves)?;
    let rows: Vec<BaseRow> = sqlx::query_as_with(STORE, written)
        .fetch_all(lent.asks()?)
        .await?;
    lent.answered();
    let base = |row: BaseRow| (ConversationId(row.id.0), (row.last_seq, row.rev));
    Ok(rows.into_iter().map(base).collect())
}
