//! The offline queue: events that are kept for users who are away.

mod dead;
mod recipients;

use std::collections::HashMap;

use sqlx::FromRow;
use switchboard_messaging::store::{
    Enqueued, NewQueued, News, QueueBounds, StoreResult, Viewer, WaitingEvent,
};
use switchboard_protocol::objects::Priority;
use switchboard_protocol::server_events::QueuedEvent;
use switchboard_protocol::{OrganizationId, QueuedEventId, Timestamp, UserId};

use crate::database::{Database, Statement};
use crate::failure::{Failure, nonsense};
use crate::rows::user;
use crate::values::{Id, Moment, args};

pub(crate) use dead::{dead_letters, retry_dead_letter, sweep};
pub(crate) use recipients::{members_of, stats, users_of};

/// Events of one user that are read at a time: more than a queue may hold.
const MOST_WAITING: i64 = 10_000;

const INSERT: Statement = Statement {
    postgres: "insert into queued_events (id, organization_id, user_id, source, event, data, \
               priority, bytes, created_at, queued_at, next_at, expires_at) \
               select r.id, $1, r.user_id, $4, $5, $6, $7, $8, $9, $9, $9, $10 \
               from unnest($2::uuid[], $3::text[]) as r (id, user_id) \
               on conflict (organization_id, user_id, source) do nothing",
    // Without `where`, `on` would belong to the join.
    sqlite: "insert into queued_events (id, organization_id, user_id, source, event, data, \
             priority, bytes, created_at, queued_at, next_at, expires_at) \
             select i.value, $1, u.value, $4, $5, $6, $7, $8, $9, $9, $9, $10 \
             from json_each($2) i join json_each($3) u on u.key = i.key where true \
             on conflict (organization_id, user_id, source) do nothing",
};

/// What goes when a queue is full is at the end of this order: what has expired, then the least
/// important, and of that the oldest.
macro_rules! trim {
    ($among_users:literal) => {
        concat!(
            "delete from queued_events where organization_id = $1 and id in (\
             select id from (select id, row_number() over kept as n, \
             sum(bytes) over kept as total from queued_events \
             where organization_id = $1 and user_id ",
            $among_users,
            " and failed_at is null window kept as (partition by user_id order by \
             case when expires_at > $5 then 0 else 1 end, \
             priority desc, created_at desc, id desc)) as ranked \
             where n > $3 or total > $4) returning source"
        )
    };
}

const TRIM: Statement = Statement {
    postgres: trim!("= any($2)"),
    sqlite: trim!("in (select value from json_each($2))"),
};

#[derive(FromRow)]
struct SourceRow {
    source: Id,
}

pub(crate) async fn enqueue(
    database: &Database,
    new: &NewQueued,
    bounds: QueueBounds,
) -> Result<Enqueued, Failure> {
    let ids: Vec<QueuedEventId> = new.users.iter().map(|(_, id)| *id).collect();
    let users: Vec<_> = new.users.iter().map(|(user, _)| user.clone()).collect();
    let bytes = new.data.len() as i64;
    let mut session = database.transaction().await?;
    let args = args![
        &new.organization,
        &ids[..],
        &users[..],
        new.source,
        new.event.as_str(),
        new.data.as_str(),
        rank(new.priority),
        bytes,
        new.at,
        new.expires_at,
    ];
    session.execute(&INSERT, args).await?;
    let QueueBounds { events, bytes } = bounds;
    let args = args![&new.organization, &users[..], events, bytes, new.at];
    let dropped: Vec<SourceRow> = session.all(&TRIM, args).await?;
    session.commit().await?;
    let own = dropped.iter().filter(|row| row.source.0 == new.source.0);
    Ok(Enqueued {
        kept: users.len().saturating_sub(own.count()),
        dropped: dropped.len(),
    })
}

fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::Critical => 2,
    }
}

fn priority(rank: i64) -> Result<Priority, Failure> {
    let found = Priority::ALL.iter().find(|one| self::rank(**one) == rank);
    found
        .copied()
        .ok_or_else(|| nonsense(format!("the database has the unknown priority {rank}")))
}

fn json(text: &str) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| nonsense(format!("the database has data that is no JSON: {error}")))
}

#[derive(FromRow)]
struct WaitingRow {
    user_id: String,
    id: Id,
    event: String,
    data: String,
    priority: i64,
    created_at: Moment,
    attempts: i64,
    next_at: Moment,
}

impl TryFrom<WaitingRow> for WaitingEvent {
    type Error = Failure;

    fn try_from(row: WaitingRow) -> Result<Self, Failure> {
        Ok(Self {
            event: QueuedEvent {
                id: QueuedEventId(row.id.0),
                event: row.event,
                data: json(&row.data)?,
                priority: priority(row.priority)?,
                created_at: row.created_at.0,
            },
            attempts: row.attempts,
            next_at: row.next_at.0,
        })
    }
}

macro_rules! waiting {
    ($among:literal) => {
        concat!(
            "select user_id, id, event, data, priority, created_at, attempts, next_at from (\
               select q.*, row_number() over (partition by q.user_id \
                 order by q.priority desc, q.created_at, q.id) as n from queued_events q \
               where q.organization_id = $1 and q.failed_at is null and q.expires_at > $3 \
               and q.user_id ",
            $among,
            ") o where n <= $4 order by user_id, n"
        )
    };
}

const WAITING: Statement = Statement {
    postgres: waiting!("= any($2)"),
    sqlite: waiting!("in (select value from json_each($2))"),
};

/// What waits for each of these users; an error for one of whom something cannot be read.
pub(crate) async fn waiting(
    database: &Database,
    organization: &OrganizationId,
    users: &[UserId],
    now: Timestamp,
) -> Result<HashMap<UserId, StoreResult<Vec<WaitingEvent>>>, Failure> {
    let args = args![organization, users, now, MOST_WAITING];
    let rows: Vec<WaitingRow> = database.read().await?.all(&WAITING, args).await?;
    let mut found: HashMap<UserId, StoreResult<Vec<WaitingEvent>>> = HashMap::new();
    for row in rows {
        let of_user = found.entry(user(&row.user_id)?).or_insert(Ok(Vec::new()));
        match (WaitingEvent::try_from(row), &mut *of_user) {
            (Ok(event), Ok(events)) => events.push(event),
            (Err(failure), Ok(_)) => *of_user = Err(failure.into()),
            (_, Err(_)) => {}
        }
    }
    Ok(found)
}

#[derive(FromRow)]
struct IdRow {
    id: Id,
}

/// Rows of a user that are not dead letters and among `$3`.
macro_rules! claimed {
    ($set:literal, $and:literal, $among:literal) => {
        concat!(
            "update queued_events set ",
            $set,
            " where organization_id = $1 and user_id = $2 and failed_at is null and id ",
            $among,
            $and
        )
    };
}

macro_rules! claiming {
    ($set:literal, $and:literal) => {
        Statement {
            postgres: claimed!($set, $and, "= any($3)"),
            sqlite: claimed!($set, $and, "in (select value from json_each($3))"),
        }
    };
}

const CLAIM: Statement = claiming!(
    "attempts = attempts + 1, next_at = $5",
    " and attempts = $4 returning id"
);
const GIVE_UP: Statement = claiming!("failed_at = $5", " and attempts = $4");

pub(crate) async fn claim_attempt(
    database: &Database,
    viewer: &Viewer,
    events: &[QueuedEventId],
    (attempts, next_at): (i64, Timestamp),
) -> Result<Vec<QueuedEventId>, Failure> {
    let Viewer { organization, user } = viewer;
    let args = args![organization, user, events, attempts, next_at];
    let rows: Vec<IdRow> = database.write().await?.all(&CLAIM, args).await?;
    Ok(rows
        .into_iter()
        .map(|row| QueuedEventId(row.id.0))
        .collect())
}

pub(crate) async fn give_up(
    database: &Database,
    viewer: &Viewer,
    events: &[QueuedEventId],
    (attempts, at): (i64, Timestamp),
) -> Result<u64, Failure> {
    let Viewer { organization, user } = viewer;
    let args = args![organization, user, events, attempts, at];
    database.write().await?.execute(&GIVE_UP, args).await
}

const ACKNOWLEDGE: Statement = Statement {
    postgres: "delete from queued_events \
               where organization_id = $1 and user_id = $2 and id = any($3)",
    sqlite: "delete from queued_events where organization_id = $1 and user_id = $2 \
             and id in (select value from json_each($3))",
};

pub(crate) async fn acknowledge(
    database: &Database,
    viewer: &Viewer,
    events: &[QueuedEventId],
    now: Timestamp,
) -> Result<i64, Failure> {
    let args = args![&viewer.organization, &viewer.user, events];
    let mut session = database.write().await?;
    session.execute(&ACKNOWLEDGE, args).await?;
    drop(session);
    length(database, viewer, now).await
}

#[derive(FromRow)]
struct CountRow {
    count: i64,
}

const LENGTH: Statement = Statement::both(
    "select count(*) as count from queued_events where organization_id = $1 and user_id = $2 \
     and failed_at is null and expires_at > $3",
);

pub(crate) async fn length(
    database: &Database,
    viewer: &Viewer,
    now: Timestamp,
) -> Result<i64, Failure> {
    let args = args![&viewer.organization, &viewer.user, now];
    let row: Option<CountRow> = database.read().await?.first(&LENGTH, args).await?;
    Ok(row.map_or(0, |row| row.count))
}

#[derive(FromRow)]
struct NewsRow {
    organization_id: String,
    user_id: String,
    queued_at: Moment,
}

const NEWS: Statement = Statement::both(
    "select organization_id, user_id, queued_at from queued_events \
     where queued_at > $1 and failed_at is null order by queued_at limit $2",
);

pub(crate) async fn news(
    database: &Database,
    after: Timestamp,
    limit: i64,
) -> Result<Vec<News>, Failure> {
    let rows: Vec<NewsRow> = database
        .read()
        .await?
        .all(&NEWS, args![after, limit])
        .await?;
    let news = rows.into_iter().map(|row| {
        let organization = OrganizationId::new(&row.organization_id);
        let viewer = Viewer {
            organization: organization.map_err(|error| nonsense(error.to_string()))?,
            user: user(&row.user_id)?,
        };
        Ok((viewer, row.queued_at.0))
    });
    news.collect()
}
