//! How far messages came: of one message by name, of many in numbers.

use sqlx::FromRow;
use switchboard_messaging::store::{Reach, Statistics, Viewer};
use switchboard_protocol::{ConversationId, Message, OrganizationId, Timestamp, UserId};

use crate::database::{Database, Session, Statement};
use crate::failure::Failure;
use crate::rows::user;
use crate::values::{Moment, args};

/// Of a conversation's messages, the newest that are looked at.
const MOST: i64 = 100_000;

#[derive(FromRow)]
struct CountsRow {
    recipients: i64,
    delivered: i64,
    read: i64,
}

const COUNTS: Statement = Statement::both(
    "select count(*) as recipients, \
     count(case when delivered_seq >= $3 then 1 end) as delivered, \
     count(case when read_seq >= $3 then 1 end) as read \
     from members where organization_id = $1 and conversation_id = $2 and user_id <> $4 \
     and left_at is null",
);

macro_rules! reached {
    ($mark:literal, $at:literal) => {
        Statement::both(concat!(
            "select user_id, coalesce(",
            $at,
            ", joined_at) as at from members where organization_id = $1 and conversation_id = $2 \
             and user_id <> $4 and left_at is null and ",
            $mark,
            " >= $3 order by 2 desc, user_id limit $5"
        ))
    };
}
const DELIVERED: Statement = reached!("delivered_seq", "delivered_at");
const READ: Statement = reached!("read_seq", "read_at");

#[derive(FromRow)]
struct ReachedRow {
    user_id: String,
    at: Moment,
}

pub(crate) async fn reach(
    database: &Database,
    organization: &OrganizationId,
    message: &Message,
    limit: i64,
) -> Result<Reach, Failure> {
    let (conversation, seq, sender) = (message.conversation_id, message.seq, &message.sender_id);
    let mut session = database.read().await?;
    let args = args![organization, conversation, seq, sender];
    let counts: Option<CountsRow> = session.first(&COUNTS, args).await?;
    let counts = counts.unwrap_or(CountsRow {
        recipients: 0,
        delivered: 0,
        read: 0,
    });
    let args = || args![organization, conversation, seq, sender, limit];
    let delivered: Vec<ReachedRow> = session.all(&DELIVERED, args()).await?;
    let read: Vec<ReachedRow> = session.all(&READ, args()).await?;
    Ok(Reach {
        delivered_to: names(delivered)?,
        read_by: names(read)?,
        recipients: counts.recipients,
        delivered: counts.delivered,
        read: counts.read,
    })
}

fn names(rows: Vec<ReachedRow>) -> Result<Vec<(UserId, Timestamp)>, Failure> {
    let name = |row: ReachedRow| Ok((user(&row.user_id)?, row.at.0));
    rows.into_iter().map(name).collect()
}

#[derive(FromRow)]
struct StatisticsRow {
    sent: i64,
    delivered: i64,
    read: i64,
    edited: i64,
    deleted: i64,
    lately: i64,
}

impl From<StatisticsRow> for Statistics {
    fn from(row: StatisticsRow) -> Self {
        Self {
            sent: row.sent,
            delivered: row.delivered,
            read: row.read,
            edited: row.edited,
            deleted: row.deleted,
            lately: row.lately,
        }
    }
}

/// A message reached somebody when the greatest watermark of all others has passed it: one value for
/// each conversation, and the rest is in the index.
const OF_USER: Statement = Statement::both(
    "select count(*) as sent, \
     count(case when x.seq <= r.delivered_seq then 1 end) as delivered, \
     count(case when x.seq <= r.read_seq then 1 end) as read, \
     count(x.edited_at) as edited, count(x.deleted_at) as deleted, \
     count(case when x.created_at >= $3 then 1 end) as lately \
     from messages x left join (\
       select o.conversation_id, max(o.delivered_seq) as delivered_seq, \
       max(o.read_seq) as read_seq from members o \
       where o.user_id <> $2 and o.organization_id = $1 and o.conversation_id in (\
         select distinct conversation_id from messages \
         where organization_id = $1 and sender_id = $2) \
       group by o.conversation_id\
     ) r on r.conversation_id = x.conversation_id \
     where x.organization_id = $1 and x.sender_id = $2",
);

/// The two greatest watermarks: whose own message it is, for that one the second counts.
const FURTHEST: [Statement; 2] = [
    Statement::both(
        "select user_id, delivered_seq as seq from members \
         where organization_id = $1 and conversation_id = $2 order by 2 desc, 1 limit 2",
    ),
    Statement::both(
        "select user_id, read_seq as seq from members \
         where organization_id = $1 and conversation_id = $2 order by 2 desc, 1 limit 2",
    ),
];

#[derive(FromRow)]
struct FurthestRow {
    user_id: String,
    seq: i64,
}

const OF_CONVERSATION: Statement = Statement::both(
    "select (select message_count from conversations where organization_id = $1 and id = $2) \
     as sent, \
     count(case when seq <= (case when sender_id = $4 then $6 else $5 end) then 1 end) \
     as delivered, \
     count(case when seq <= (case when sender_id = $7 then $9 else $8 end) then 1 end) as read, \
     count(edited_at) as edited, count(deleted_at) as deleted, \
     count(case when created_at >= $3 then 1 end) as lately \
     from (select seq, sender_id, created_at, edited_at, deleted_at from messages \
       where organization_id = $1 and conversation_id = $2 order by seq desc limit $10) x",
);

pub(crate) async fn statistics(
    database: &Database,
    viewer: &Viewer,
    conversation: Option<ConversationId>,
    since: Timestamp,
) -> Result<Statistics, Failure> {
    let Viewer { organization, user } = viewer;
    let mut session = database.read().await?;
    let row: Option<StatisticsRow> = match conversation {
        None => {
            let args = args![organization, user, since];
            session.first(&OF_USER, args).await?
        }
        Some(id) => {
            let (who, first, second) = furthest(&mut session, 0, (organization, id)).await?;
            let (reader, read, less) = furthest(&mut session, 1, (organization, id)).await?;
            let args = args![
                organization,
                id,
                since,
                who.as_str(),
                first,
                second,
                reader.as_str(),
                read,
                less,
                MOST
            ];
            session.first(&OF_CONVERSATION, args).await?
        }
    };
    Ok(row.map(Statistics::from).unwrap_or_default())
}

/// Who is furthest, where, and where the next one is.
async fn furthest(
    session: &mut Session,
    which: usize,
    (organization, conversation): (&OrganizationId, ConversationId),
) -> Result<(String, i64, i64), Failure> {
    let args = args![organization, conversation];
    let rows: Vec<FurthestRow> = session.all(&FURTHEST[which], args).await?;
    let mut rows = rows.into_iter();
    let first = rows
        .next()
        .map_or((String::new(), 0), |row| (row.user_id, row.seq));
    let second = rows.next().map_or(0, |row| row.seq);
    Ok((first.0, first.1, second))
}
