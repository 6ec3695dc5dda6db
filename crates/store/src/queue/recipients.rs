//! Whom an event is for, and what an organization has.

use sqlx::FromRow;
use switchboard_protocol::service::{ConversationStats, QueueStats, ServiceStats};
use switchboard_protocol::{ConversationId, OrganizationId, Timestamp, UserId};

use super::CountRow;
use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::user;
use crate::values::args;

#[derive(FromRow)]
struct UserRow {
    user_id: String,
}

macro_rules! members {
    ($among:literal) => {
        concat!(
            "select distinct user_id from members where organization_id = $1 \
             and left_at is null and conversation_id ",
            $among,
            " order by user_id limit $3"
        )
    };
}

macro_rules! conversations {
    ($among:literal) => {
        concat!(
            "select count(*) as count from conversations where organization_id = $1 and id ",
            $among
        )
    };
}

const MEMBERS: Statement = Statement {
    postgres: members!("= any($2)"),
    sqlite: members!("in (select value from json_each($2))"),
};
const CONVERSATIONS: Statement = Statement {
    postgres: conversations!("= any($2)"),
    sqlite: conversations!("in (select value from json_each($2))"),
};

pub(crate) async fn members_of(
    database: &Database,
    organization: &OrganizationId,
    conversations: &[ConversationId],
    limit: i64,
) -> Result<Option<Vec<UserId>>, Failure> {
    let distinct: std::collections::HashSet<_> = conversations.iter().collect();
    let mut session = database.read().await?;
    let args = args![organization, conversations];
    let found: Option<CountRow> = session.first(&CONVERSATIONS, args).await?;
    if found.map_or(0, |row| row.count) < distinct.len() as i64 {
        return Ok(None);
    }
    let args = args![organization, conversations, limit];
    let rows: Vec<UserRow> = session.all(&MEMBERS, args).await?;
    let users = rows.iter().map(|row| user(&row.user_id));
    users.collect::<Result<_, _>>().map(Some)
}

const USERS: Statement = Statement::both(
    "select distinct user_id from members where organization_id = $1 and left_at is null \
     order by user_id limit $2",
);

pub(crate) async fn users_of(
    database: &Database,
    organization: &OrganizationId,
    limit: i64,
) -> Result<Vec<UserId>, Failure> {
    let args = args![organization, limit];
    let rows: Vec<UserRow> = database.read().await?.all(&USERS, args).await?;
    rows.iter().map(|row| user(&row.user_id)).collect()
}

#[derive(FromRow)]
struct ConversationsRow {
    active: i64,
    archived: i64,
    messages: i64,
}

const CONVERSATION_STATS: Statement = Statement::both(
    "select count(case when status = 'active' then 1 end) as active, \
     count(case when status <> 'active' then 1 end) as archived, \
     cast(coalesce(sum(message_count), 0) as bigint) as messages \
     from conversations where organization_id = $1",
);

const USER_COUNT: Statement = Statement::both(
    "select count(distinct user_id) as count from members \
     where organization_id = $1 and left_at is null",
);

#[derive(FromRow)]
struct QueueRow {
    waiting: i64,
    users: i64,
    dead_letters: i64,
}

const QUEUE_STATS: Statement = Statement::both(
    "select count(case when failed_at is null and expires_at > $2 then 1 end) as waiting, \
     count(distinct case when failed_at is null and expires_at > $2 then user_id end) as users, \
     count(failed_at) as dead_letters from queued_events where organization_id = $1",
);

pub(crate) async fn stats(
    database: &Database,
    organization: &OrganizationId,
    now: Timestamp,
) -> Result<ServiceStats, Failure> {
    let mut session = database.read().await?;
    let conversations: Option<ConversationsRow> = session
        .first(&CONVERSATION_STATS, args![organization])
        .await?;
    let users: Option<CountRow> = session.first(&USER_COUNT, args![organization]).await?;
    let queue: Option<QueueRow> = session
        .first(&QUEUE_STATS, args![organization, now])
        .await?;
    Ok(ServiceStats {
        conversations: conversations.map_or_else(ConversationStats::default, |row| {
            ConversationStats {
                active: row.active,
                archived: row.archived,
                messages: row.messages,
            }
        }),
        users: users.map_or(0, |row| row.count),
        queue: queue.map_or_else(QueueStats::default, |row| QueueStats {
            waiting: row.waiting,
            users: row.users,
            dead_letters: row.dead_letters,
        }),
    })
}
