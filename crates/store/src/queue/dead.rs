//! What was sent in vain, and what nobody needs any more.

use std::time::Duration;

use sqlx::FromRow;
use switchboard_messaging::store::{DeadLetterPage, Depths};
use switchboard_protocol::service::DeadLetter;
use switchboard_protocol::{OrganizationId, QueuedEventId, Timestamp, UserId};

use super::{json, priority};
use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::{objects, user};
use crate::values::{Id, Moment, args};

/// Rows that one look removes at most, of each kind: it is not to hold up the others.
const AT_ONCE: i64 = 5_000;

#[derive(FromRow)]
struct DeadRow {
    id: Id,
    user_id: String,
    event: String,
    data: String,
    priority: i64,
    created_at: Moment,
    attempts: i64,
    failed_at: Moment,
}

impl TryFrom<DeadRow> for DeadLetter {
    type Error = Failure;

    fn try_from(row: DeadRow) -> Result<Self, Failure> {
        Ok(Self {
            id: QueuedEventId(row.id.0),
            user_id: user(&row.user_id)?,
            event: row.event,
            data: json(&row.data)?,
            priority: priority(row.priority)?,
            created_at: row.created_at.0,
            attempts: row.attempts,
            failed_at: row.failed_at.0,
        })
    }
}

macro_rules! page {
    ($user:literal) => {
        concat!(
            "select id, user_id, event, data, priority, created_at, attempts, failed_at \
             from queued_events where organization_id = $1 and failed_at is not null \
             and (failed_at < $2 or (failed_at = $2 and id < $3)) ",
            $user,
            " order by failed_at desc, id desc limit $4"
        )
    };
}

const PAGE: Statement = Statement::both(page!(""));
const PAGE_OF_USER: Statement = Statement::both(page!("and user_id = $5"));

/// Later than anything; still a time that PostgreSQL can hold.
const END: Timestamp = Timestamp::from_millis(253_402_300_799_000);

pub(crate) async fn dead_letters(
    database: &Database,
    organization: &OrganizationId,
    page: &DeadLetterPage,
) -> Result<Vec<DeadLetter>, Failure> {
    let (at, id) = page
        .after
        .unwrap_or((END, QueuedEventId(uuid::Uuid::max())));
    let (statement, args) = match &page.user {
        None => (&PAGE, args![organization, at, id, page.limit]),
        Some(user) => (&PAGE_OF_USER, args![organization, at, id, page.limit, user]),
    };
    let rows: Vec<DeadRow> = database.read().await?.all(statement, args).await?;
    objects(rows)
}

#[derive(FromRow)]
struct UserRow {
    user_id: String,
}

const RETRY: Statement = Statement::both(
    "update queued_events set failed_at = null, attempts = 0, next_at = $3, queued_at = $3, \
     expires_at = $4 where organization_id = $1 and id = $2 and failed_at is not null \
     returning user_id",
);

pub(crate) async fn retry_dead_letter(
    database: &Database,
    organization: &OrganizationId,
    event: QueuedEventId,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<Option<UserId>, Failure> {
    let args = args![organization, event, now, expires_at];
    let row: Option<UserRow> = database.write().await?.first(&RETRY, args).await?;
    row.map(|row| user(&row.user_id)).transpose()
}

const EXPIRED: Statement = Statement::both(
    "delete from queued_events where id in (select id from queued_events \
     where failed_at is null and expires_at <= $1 limit $2)",
);
const FORGOTTEN: Statement = Statement::both(
    "delete from queued_events where id in (select id from queued_events \
     where failed_at <= $1 limit $2)",
);
const ANSWERED: Statement = Statement {
    postgres: "delete from idempotent_requests where ctid in (\
               select ctid from idempotent_requests where expires_at <= $1 limit $2)",
    sqlite: "delete from idempotent_requests where rowid in (\
             select rowid from idempotent_requests where expires_at <= $1 limit $2)",
};

#[derive(FromRow)]
struct DepthRow {
    waiting: i64,
    dead: i64,
}

const DEPTH: Statement = Statement::both(
    "select count(*) - count(failed_at) as waiting, count(failed_at) as dead from queued_events",
);

pub(crate) async fn sweep(
    database: &Database,
    now: Timestamp,
    dead_for: Duration,
) -> Result<Depths, Failure> {
    let mut session = database.write().await?;
    let expired = session.execute(&EXPIRED, args![now, AT_ONCE]).await?;
    let kept_since = Timestamp::from_millis(now.as_millis() - dead_for.as_millis() as i64);
    session
        .execute(&FORGOTTEN, args![kept_since, AT_ONCE])
        .await?;
    session.execute(&ANSWERED, args![now, AT_ONCE]).await?;
    drop(session);
    let row: Option<DepthRow> = database.read().await?.first(&DEPTH, args![]).await?;
    Ok(row.map_or_else(Depths::default, |row| Depths {
        waiting: row.waiting,
        dead: row.dead,
        expired,
    }))
}
