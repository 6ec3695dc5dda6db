//! `append`: one transaction for all messages that arrived while the last one committed.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::FromRow;
use switchboard_messaging::store::{Appended, NewMessage, Refusal, StoreError, StoreResult};
use switchboard_protocol::{
    ConversationId, ConversationView, Message, MessageId, MessageType, OrganizationId, Role,
};

use crate::conversations;
use crate::database::{Database, Session, Statement};
use crate::failure::{Failure, nonsense};
use crate::group_commit::{Commit, Fate, Locks};
use crate::growth::Stored;
use crate::guard::Guard;
use crate::plan::{Fact, Head, Outcome, Planned, plan};
use crate::retry::retried;
use crate::rows::{MessageRow, message_columns, objects};
use crate::values::{Id, Moment, args};
use crate::{one_statement, postgres, sqlite, sync};

/// Longer than another node's commit takes, shorter than anybody minds.
const BRIEF: Duration = Duration::from_millis(250);

/// Stores batches of messages.
#[derive(Debug)]
pub(crate) struct Appender {
    pub(crate) database: Database,
    pub(crate) guard: Guard,
    /// How long a statement may take, and so wait for a lock.
    pub(crate) statement_timeout: Duration,
    pub(crate) stored: Stored,
}

#[async_trait]
impl Commit for Appender {
    type Item = NewMessage;
    type Output = Appended;
    type Lane = OrganizationId;
    type Row = ConversationId;

    const OPERATION: &'static str = "commit";
    const HAS_SHORTCUT: bool = true;

    fn lane(item: &NewMessage) -> OrganizationId {
        item.sender.organization.clone()
    }

    fn row(item: &NewMessage) -> ConversationId {
        item.conversation
    }

    async fn commit(&self, items: &[NewMessage], locks: Locks) -> StoreResult<Vec<Fate<Appended>>> {
        let fates = self.guard.run(self.append(items, locks)).await?;
        let done = fates.iter().filter(|fate| !matches!(fate, Fate::Held));
        self.stored.add(done.count());
        Ok(fates)
    }
}

impl Appender {
    async fn append(
        &self,
        items: &[NewMessage],
        locks: Locks,
    ) -> Result<Vec<Fate<Appended>>, Failure> {
        let (brief, patient) = (self.statement_timeout / 4, self.statement_timeout / 2);
        let wait = match locks {
            Locks::Brief => Some(BRIEF.min(brief)),
            Locks::AtOnce => return retried(|| at_once(&self.database, items)).await,
            Locks::Free => None,
            // Both together end before the call does, so that it can say what it waited for.
            Locks::Patient => Some(patient),
        };
        match retried(|| append(&self.database, items, wait)).await {
            // Somebody has some of the conversations for longer: the others do without them.
            Err(failure) if failure.is_of_a_lock() && locks == Locks::Brief => {
                retried(|| append(&self.database, items, None)).await
            }
            Err(failure) if failure.is_of_a_lock() => {
                Ok(items.iter().map(|_| Fate::Held).collect())
            }
            done => done,
        }
    }
}

/// What PostgreSQL can store with one statement. SQLite's are no round trips.
async fn at_once(
    database: &Database,
    items: &[NewMessage],
) -> Result<Vec<Fate<Appended>>, Failure> {
    match database {
        Database::Postgres(pool) => one_statement::append(&mut pool.lend().await?, items).await,
        Database::Sqlite { .. } => append(database, items, None).await,
    }
}

/// Waits so long for each conversation that is locked, and fails when that was not enough; or takes
/// those that are free.
async fn append(
    database: &Database,
    items: &[NewMessage],
    wait: Option<Duration>,
) -> Result<Vec<Fate<Appended>>, Failure> {
    metrics::histogram!("switchboard_store_batch_size").record(items.len() as f64);
    let mut session = database.transaction_with(wait).await?;
    // The lock first: whatever is read after it stays true until the commit.
    let (heads, held) = match wait {
        Some(_) => (lock(&mut session, &LOCK, items).await?, BTreeSet::new()),
        None => lock_free(&mut session, items).await?,
    };
    let free = without(items, &held);
    let facts = facts(&mut session, &free).await?;
    let plan = plan(&free, heads, &facts);
    write(&mut session, &plan.inserts, &plan.heads).await?;
    let answers = answers(&mut session, &free, &plan.outcomes, &plan.inserts).await?;
    session.commit().await?;
    metrics::counter!("switchboard_messages_stored_total").increment(plan.inserts.len() as u64);
    let mut answers = answers.into_iter();
    let fates = items.iter().map(|item| {
        let answer = (!held.contains(&item.conversation)).then(|| answers.next());
        answer.flatten().map_or(Fate::Held, Fate::Done)
    });
    Ok(fates.collect())
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

macro_rules! heads {
    ($where:literal) => {
        concat!(
            "select id, organization_id, status <> 'active' as archived, last_seq, rev, \
             message_count, last_message_at from conversations where id ",
            $where
        )
    };
}

/// In the order of their ids, so that two nodes never wait for each other in a circle.
const LOCK: Statement = Statement {
    postgres: heads!("= any($1) order by id for no key update"),
    sqlite: heads!("in (select value from json_each($1))"),
};

/// Those that nobody else has locked.
const LOCK_FREE: Statement = Statement {
    postgres: heads!("= any($1) order by id for no key update skip locked"),
    sqlite: heads!("in (select value from json_each($1))"),
};

async fn lock(
    session: &mut Session,
    statement: &Statement,
    items: &[NewMessage],
) -> Result<Vec<Head>, Failure> {
    let ids: BTreeSet<ConversationId> = items.iter().map(|item| item.conversation).collect();
    let ids: Vec<ConversationId> = ids.into_iter().collect();
    let rows: Vec<HeadRow> = session.all(statement, args![ids.as_slice()]).await?;
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

#[derive(Debug, FromRow)]
struct ThereRow {
    id: Id,
}

const THERE: Statement = Statement {
    postgres: "select id from conversations where id = any($1)",
    sqlite: "select id from conversations where id in (select value from json_each($1))",
};

/// Locks what is free; the others that are there.
async fn lock_free(
    session: &mut Session,
    items: &[NewMessage],
) -> Result<(Vec<Head>, BTreeSet<ConversationId>), Failure> {
    let heads = lock(session, &LOCK_FREE, items).await?;
    let mut others: BTreeSet<ConversationId> = items.iter().map(|item| item.conversation).collect();
    for head in &heads {
        others.remove(&head.conversation);
    }
    let others: Vec<ConversationId> = others.into_iter().collect();
    if others.is_empty() {
        return Ok((heads, BTreeSet::new()));
    }
    let there: Vec<ThereRow> = session.all(&THERE, args![others.as_slice()]).await?;
    let held = there.into_iter().map(|row| ConversationId(row.id.0));
    Ok((heads, held.collect()))
}

/// The items whose conversations are not `held`.
fn without<'i>(items: &'i [NewMessage], held: &BTreeSet<ConversationId>) -> Cow<'i, [NewMessage]> {
    if held.is_empty() {
        return Cow::Borrowed(items);
    }
    let free = items
        .iter()
        .filter(|item| !held.contains(&item.conversation));
    free.cloned().collect()
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

/// Messages, and where their conversations stand now.
async fn write(session: &mut Session, planned: &[Planned], heads: &[Head]) -> Result<(), Failure> {
    match session {
        _ if planned.is_empty() => Ok(()),
        Session::Postgres(held) => postgres::write(held, planned, heads).await,
        Session::Sqlite(held) => {
            sqlite::insert(held, planned).await?;
            sqlite::move_heads(held, heads).await
        }
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
        let inserted = |index: &usize| inserts.get(*index).map(|p| (&p.message, true));
        let (message, duplicate) = match outcome {
            Outcome::Stored(index) => (inserted(index), false),
            Outcome::Repeated(index) => (inserted(index), true),
            Outcome::Duplicate(id) => (duplicates.get(id).map(|(m, same)| (m, *same)), true),
            Outcome::Refused(refusal) => {
                answers.push(Err(refusal.clone().into()));
                continue;
            }
            Outcome::Archived => {
                answers.push(Err(archived(session, item).await?));
                continue;
            }
        };
        let (message, is_as_sent) = message.ok_or_else(|| nonsense("a message went missing"))?;
        answers.push(Ok(Appended {
            message: message.clone(),
            duplicate,
            is_as_sent,
        }));
    }
    Ok(answers)
}

#[derive(FromRow)]
struct DuplicateRow {
    #[sqlx(flatten)]
    message: MessageRow,
    created_rev: i64,
}

pub(crate) const BY_IDS: Statement = Statement {
    postgres: concat!(
        "select ",
        message_columns!(),
        ", x.created_rev from messages x where x.id = any($1)"
    ),
    sqlite: concat!(
        "select ",
        message_columns!(),
        ", x.created_rev from messages x where x.id in (select value from json_each($1))"
    ),
};

async fn duplicates(
    session: &mut Session,
    outcomes: &[Outcome],
) -> Result<HashMap<MessageId, (Message, bool)>, Failure> {
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
    let rows: Vec<DuplicateRow> = session.all(&BY_IDS, args![ids.as_slice()]).await?;
    let duplicate = |row: DuplicateRow| {
        let message = Message::try_from(row.message)?;
        let is_as_sent = message.rev == row.created_rev;
        Ok((message.id, (message, is_as_sent)))
    };
    rows.into_iter().map(duplicate).collect()
}

async fn archived(session: &mut Session, item: &NewMessage) -> Result<StoreError, Failure> {
    let view = conversations::view_in(session, &item.sender, item.conversation).await?;
    if view.is_none() && item.kind == MessageType::System {
        return as_seen_from_outside(session, item).await;
    }
    Ok(view
        .map_or(Refusal::NotMember, |view| Refusal::Archived(Box::new(view)))
        .into())
}

/// For the service, which is no member.
async fn as_seen_from_outside(
    session: &mut Session,
    item: &NewMessage,
) -> Result<StoreError, Failure> {
    let head = sync::head(session, &item.sender.organization, item.conversation).await?;
    Ok(head
        .map_or(Refusal::NoConversation, |conversation| {
            Refusal::Archived(Box::new(ConversationView {
                conversation,
                unread_count: 0,
                my_role: Role::ReadOnly,
            }))
        })
        .into())
}
