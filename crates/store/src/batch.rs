//! `append`: one transaction for all messages that arrived while the last one committed.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use sqlx::FromRow;
use switchboard_messaging::store::{Appended, NewMessage, Refusal, StoreError, StoreResult};
use switchboard_protocol::{ConversationId, Message, MessageId, OrganizationId};

use crate::conversations;
use crate::database::{Database, Session, Statement};
use crate::failure::{Failure, nonsense};
use crate::group_commit::Commit;
use crate::plan::{Fact, Head, Outcome, Planned, plan};
use crate::retry::retried;
use crate::rows::{MessageRow, message_columns, objects};
use crate::store::Guard;
use crate::values::{Id, Moment, args};
use crate::{postgres, sqlite};

/// Stores batches of messages.
#[derive(Debug)]
pub(crate) struct Appender {
    pub(crate) database: Database,
    pub(crate) guard: Guard,
}

#[async_trait]
impl Commit for Appender {
    type Item = NewMessage;
    type Output = Appended;

    async fn commit(&self, items: &[NewMessage]) -> StoreResult<Vec<StoreResult<Appended>>> {
        let work = retried(|| append(&self.database, items));
        self.guard.run(work).await
    }
}

async fn append(
    database: &Database,
    items: &[NewMessage],
) -> Result<Vec<StoreResult<Appended>>, Failure> {
    let mut session = database.transaction().await?;
    // The lock first: whatever is read after it stays true until the commit.
    let heads = lock(&mut session, items).await?;
    let facts = facts(&mut session, items).await?;
    let plan = plan(items, heads, &facts);
    insert(&mut session, &plan.inserts).await?;
    move_heads(&mut session, &plan.heads).await?;
    let answers = answers(&mut session, items, &plan.outcomes, &plan.inserts).await?;
    session.commit().await?;
    metrics::counter!("switchboard_messages_stored_total").increment(plan.inserts.len() as u64);
    Ok(answers)
}

#[derive(Debug, FromRow)]
struct HeadRow {
    id: Id,
    organization_id: String,
    archived: bool,
    last_seq: i64,
    rev: i64,
    message_count: i64,
    last_message_at: Option<Moment>,
}

/// In the order of their ids, so that two nodes never wait for each other in a circle.
const LOCK: Statement = Statement {
    postgres: "select id, organization_id, status <> 'active' as archived, last_seq, rev, \
               message_count, last_message_at \
               from conversations where id = any($1) order by id for no key update",
    sqlite: "select id, organization_id, status <> 'active' as archived, last_seq, rev, \
             message_count, last_message_at \
             from conversations where id in (select value from json_each($1))",
};

async fn lock(session: &mut Session, items: &[NewMessage]) -> Result<Vec<Head>, Failure> {
    let ids: BTreeSet<ConversationId> = items.iter().map(|item| item.conversation).collect();
    let ids: Vec<ConversationId> = ids.into_iter().collect();
    let rows: Vec<HeadRow> = session.all(&LOCK, args![ids.as_slice()]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Head {
                conversation: ConversationId(row.id.0),
                organization: OrganizationId::new(&row.organization_id)
                    .map_err(|error| nonsense(error.to_string()))?,
                archived: row.archived,
                last_seq: row.last_seq,
                rev: row.rev,
                message_count: row.message_count,
                last_message_at: row.last_message_at.map(|at| at.0),
            })
        })
        .collect()
}

async fn facts(session: &mut Session, items: &[NewMessage]) -> Result<Vec<Fact>, Failure> {
    let rows = match session {
        Session::Postgres(held) => postgres::facts(held, items).await?,
        Session::Sqlite(held) => sqlite::facts(held, items).await?,
    };
    if rows.len() != items.len() {
        return Err(nonsense("not one fact for each message of a batch"));
    }
    objects(rows)
}

async fn insert(session: &mut Session, planned: &[Planned]) -> Result<(), Failure> {
    match session {
        _ if planned.is_empty() => Ok(()),
        Session::Postgres(held) => postgres::insert(held, planned).await,
        Session::Sqlite(held) => sqlite::insert(held, planned).await,
    }
}

async fn move_heads(session: &mut Session, heads: &[Head]) -> Result<(), Failure> {
    match session {
        _ if heads.is_empty() => Ok(()),
        Session::Postgres(held) => postgres::move_heads(held, heads).await,
        Session::Sqlite(held) => sqlite::move_heads(held, heads).await,
    }
}

async fn answers(
    session: &mut Session,
    items: &[NewMessage],
    outcomes: &[Outcome],
    inserts: &[Planned],
) -> Result<Vec<StoreResult<Appended>>, Failure> {
    let duplicates = duplicates(session, outcomes).await?;
    let mut answers = Vec::with_capacity(items.len());
    for (item, outcome) in items.iter().zip(outcomes) {
        let (message, duplicate) = match outcome {
            Outcome::Stored(index) => (inserts.get(*index).map(|p| &p.message), false),
            Outcome::Repeated(index) => (inserts.get(*index).map(|p| &p.message), true),
            Outcome::Duplicate(id) => (duplicates.get(id), true),
            Outcome::Refused(refusal) => {
                answers.push(Err(refusal.clone().into()));
                continue;
            }
            Outcome::Archived => {
                answers.push(Err(archived(session, item).await?));
                continue;
            }
        };
        let message = message
            .cloned()
            .ok_or_else(|| nonsense("a message went missing"))?;
        answers.push(Ok(Appended { message, duplicate }));
    }
    Ok(answers)
}

const BY_IDS: Statement = Statement {
    postgres: concat!(
        "select ",
        message_columns!(),
        " from messages x where x.id = any($1)"
    ),
    sqlite: concat!(
        "select ",
        message_columns!(),
        " from messages x where x.id in (select value from json_each($1))"
    ),
};

async fn duplicates(
    session: &mut Session,
    outcomes: &[Outcome],
) -> Result<HashMap<MessageId, Message>, Failure> {
    let ids: Vec<MessageId> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Duplicate(id) => Some(*id),
            _ => None,
        })
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<MessageRow> = session.all(&BY_IDS, args![ids.as_slice()]).await?;
    let messages: Vec<Message> = objects(rows)?;
    Ok(messages
        .into_iter()
        .map(|message| (message.id, message))
        .collect())
}

async fn archived(session: &mut Session, item: &NewMessage) -> Result<StoreError, Failure> {
    let view = conversations::view_in(session, &item.sender, item.conversation).await?;
    Ok(view
        .map_or(Refusal::NotMember, |view| Refusal::Archived(Box::new(view)))
        .into())
}
