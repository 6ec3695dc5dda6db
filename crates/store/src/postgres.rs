//! What is particular to PostgreSQL.

use std::str::FromStr;

use sqlx::Arguments;
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::types::Json;
use switchboard_messaging::store::{NewMessage, StoreError, StoreResult};

use crate::Options;
use crate::failure::{Failure, judge};
use crate::plan::{Head, Planned};
use crate::pool::{Lent, Pool};
use crate::rows::FactRow;
use crate::search::vector;
use crate::values::{Arg, moment};

/// How long a node that was frozen in the middle of a transaction may keep others from a
/// conversation.
const IDLE_IN_TRANSACTION: &str = "10s";

/// Where a URL points; never says what is in it, there may be a password.
pub(crate) fn connect_options(url: &str) -> StoreResult<PgConnectOptions> {
    PgConnectOptions::from_str(url)
        .map(|options| options.application_name("switchboard"))
        .map_err(|_| StoreError::Internal("the database URL cannot be read".to_owned()))
}

/// The connections of a node.
pub(crate) fn open(options: &Options) -> StoreResult<Pool> {
    let timeout = options.statement_timeout.as_millis().to_string();
    let connect = connect_options(&options.url)?.options([
        ("statement_timeout", timeout.as_str()),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
        ("plan_cache_mode", crate::growth::PLANS),
    ]);
    Pool::new(connect, options.max_connections as usize).map_err(|error| judge(&error))
}

/// The parameters as PostgreSQL takes them.
pub(crate) fn bind(args: Vec<Arg>) -> Result<PgArguments, sqlx::Error> {
    let mut bound = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Id(id) => bound.add(id),
            Arg::Text(text) => bound.add(text),
            Arg::Int(number) => bound.add(number),
            Arg::Time(at) => match at.map(moment).transpose() {
                Ok(at) => bound.add(at),
                Err(error) => Err(error.into()),
            },
            Arg::Object(object) => bound.add(Json(object)),
            Arg::Json(value) => bound.add(Json(value)),
            Arg::Ids(ids) => bound.add(ids),
            Arg::Texts(texts) => bound.add(texts),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

/// Each of these is found by its key, and its organization is compared afterwards. `limit 1`, and no
/// other column to look for, say so to the planner: it plans for tables as they were when a connection
/// first asked, and with empty ones takes any index that begins with the organization, which costs as
/// much as a sender has messages.
const FACTS: &str = "\
select m.role, d.id as duplicate, r.id as replied, r.thread_root_id as replied_root
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[]) with ordinality
     as i (conversation_id, organization_id, sender_id, client_message_id, reply_to, n)
left join lateral (
       select role, organization_id from members
       where conversation_id = i.conversation_id and user_id = i.sender_id
       and left_at is null limit 1) m
       on m.organization_id = i.organization_id
left join lateral (
       select id, organization_id from messages
       where conversation_id = i.conversation_id and sender_id = i.sender_id
       and client_message_id = i.client_message_id limit 1) d
       on d.organization_id = i.organization_id
left join lateral (
       select id, thread_root_id, conversation_id, organization_id from messages
       where id = i.reply_to limit 1) r
       on r.conversation_id = i.conversation_id and r.organization_id = i.organization_id
order by i.n";

/// What the rules need to know of each item, in the items' order.
pub(crate) async fn facts(lent: &mut Lent, items: &[NewMessage]) -> Result<Vec<FactRow>, Failure> {
    let of = |text: fn(&NewMessage) -> &str| -> Vec<&str> { items.iter().map(text).collect() };
    let rows = sqlx::query_as(FACTS)
        .bind(
            items
                .iter()
                .map(|item| item.conversation.0)
                .collect::<Vec<_>>(),
        )
        .bind(of(|item| item.sender.organization.as_str()))
        .bind(of(|item| item.sender.user.as_str()))
        .bind(
            items
                .iter()
                .map(|item| item.client_message_id.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            items
                .iter()
                .map(|item| item.reply_to.map(|id| id.0))
                .collect::<Vec<_>>(),
        )
        .fetch_all(lent.asks()?)
        .await?;
    lent.answered();
    Ok(rows)
}

/// Messages, and where their conversations stand now: one round trip for both.
const WRITE: &str = "\
with moved as (
  update conversations
  set last_seq = h.last_seq, rev = h.rev, message_count = h.message_count,
      last_message_at = h.at, activity_at = h.at
  from unnest($16::uuid[], $17::bigint[], $18::bigint[], $19::bigint[], $20::timestamptz[])
       as h (id, last_seq, rev, message_count, at)
  where conversations.id = h.id)
insert into messages (id, organization_id, conversation_id, seq, rev, created_rev, sender_id,
                      type, content, reply_to, thread_root_id, metadata, client_message_id,
                      created_at, sender_socket, search)
select id, organization_id, conversation_id, seq, rev, rev, sender_id, type, content, reply_to,
       thread_root_id, metadata, client_message_id, created_at, sender_socket,
       search::tsvector
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[],
            $7::text[], $8::text[], $9::uuid[], $10::uuid[], $11::jsonb[], $12::text[],
            $13::timestamptz[], $14::text[], $15::text[])
     as i (id, organization_id, conversation_id, seq, rev, sender_id, type, content, reply_to,
           thread_root_id, metadata, client_message_id, created_at, sender_socket, search)";

/// Inserts all of these messages, and moves the heads of their conversations, with one statement.
pub(crate) async fn write(
    lent: &mut Lent,
    planned: &[Planned],
    heads: &[Head],
) -> Result<(), Failure> {
    sqlx::query_with(WRITE, written(planned, heads)?)
        .execute(lent.asks()?)
        .await?;
    lent.answered();
    Ok(())
}

/// Messages and heads as parameters: `$1` to `$15`, and `$16` to `$20`.
pub(crate) fn written(planned: &[Planned], heads: &[Head]) -> Result<PgArguments, sqlx::Error> {
    fn column<'p, P, T>(planned: &'p [P], of: impl Fn(&'p P) -> T) -> Vec<T> {
        planned.iter().map(of).collect()
    }
    let unencodable = |error: time::error::ComponentRange| sqlx::Error::Encode(error.into());
    let created_at = planned.iter().map(|p| moment(p.message.created_at));
    let created_at = created_at
        .collect::<Result<Vec<_>, _>>()
        .map_err(unencodable)?;
    let last_at = heads
        .iter()
        .map(|h| h.last_message_at.map(moment).transpose());
    let last_at = last_at
        .collect::<Result<Vec<_>, _>>()
        .map_err(unencodable)?;
    let mut written = PgArguments::default();
    let bind = || {
        written.add(column(planned, |p| p.message.id.0))?;
        written.add(column(planned, |p| p.organization.as_str()))?;
        written.add(column(planned, |p| p.message.conversation_id.0))?;
        written.add(column(planned, |p| p.message.seq))?;
        written.add(column(planned, |p| p.message.rev))?;
        written.add(column(planned, |p| p.message.sender_id.as_str()))?;
        written.add(column(planned, |p| p.message.kind.as_str()))?;
        written.add(column(planned, |p| p.message.content.as_str()))?;
        written.add(column(planned, |p| p.message.reply_to.map(|id| id.0)))?;
        written.add(column(planned, |p| p.message.thread_root_id.map(|id| id.0)))?;
        written.add(column(planned, |p| Json(&p.message.metadata)))?;
        written.add(column(planned, |p| p.message.client_message_id.as_deref()))?;
        written.add(created_at)?;
        written.add(column(planned, |p| p.socket.as_deref()))?;
        written.add(column(planned, |p| vector(&p.message)))?;
        written.add(column(heads, |h| h.conversation.0))?;
        written.add(column(heads, |h| h.last_seq))?;
        written.add(column(heads, |h| h.rev))?;
        written.add(column(heads, |h| h.message_count))?;
        written.add(last_at)
    };
    bind().map_err(sqlx::Error::Encode)?;
    Ok(written)
}
