//! Full-text search. The database finds the newest messages that fit, by an index of words; which of
//! them are best, and what is shown of them, is decided here, so that both databases agree and pages
//! do not shift when somebody writes meanwhile.

mod query;
mod snippet;
mod words;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write as _;

use sqlx::FromRow;
use switchboard_messaging::store::{Found, FoundPage, SearchPage};
use switchboard_protocol::{ConversationId, Message, MessageId, OrganizationId};
use uuid::Uuid;

use crate::batch::BY_IDS;
use crate::database::{Database, Session, Statement};
use crate::failure::{Failure, nonsense};
use crate::rows::{MessageRow, objects};
use crate::sqlite;
use crate::values::{Id, args};

use query::Query;
use words::words;

/// Conversations that are searched, those with the newest activity.
const CONVERSATIONS: i64 = 500;
/// Messages that fit and are looked at more closely, the newest.
const CANDIDATES: i64 = 500;

/// What PostgreSQL finds a message by, as it reads a `tsvector`: its words with their places, and
/// `#` with its conversation, which is no word. By that a search looks at nothing but conversations
/// that the user is in.
pub(crate) fn vector(message: &Message) -> String {
    vector_of(message.conversation_id, &message.content)
}

fn vector_of(conversation: ConversationId, content: &str) -> String {
    // A tombstone is found by nothing.
    if content.is_empty() {
        return String::new();
    }
    let mut vector = place(conversation);
    for (index, word) in words(content).into_iter().enumerate() {
        // In memory there is no error.
        let _ = write!(vector, " '{}':{}", word.text, index + 1);
    }
    vector
}

fn place(conversation: ConversationId) -> String {
    format!("'#{}'", conversation.0.simple())
}

/// The words of a content, as SQLite indexes them.
pub(crate) fn joined(content: &str) -> String {
    let words: Vec<String> = words(content).into_iter().map(|word| word.text).collect();
    words.join(" ")
}

/// A message has another content; PostgreSQL was told with it.
pub(crate) async fn changed(
    session: &mut Session,
    organization: &OrganizationId,
    message: &Message,
) -> Result<(), Failure> {
    match session {
        Session::Postgres(_) => Ok(()),
        Session::Sqlite(held) => {
            sqlite::index(held, vec![sqlite::searched(organization, message)]).await
        }
    }
}

#[derive(FromRow)]
struct IdRow {
    id: Id,
}

const MINE: Statement = Statement::both(
    "select c.id from members m join conversations c on c.id = m.conversation_id \
     where m.organization_id = $1 and m.user_id = $2 and m.left_at is null \
     and c.organization_id = $1 order by c.activity_at desc, c.id desc limit $3",
);
const ONE_OF_MINE: Statement = Statement::both(
    "select m.conversation_id as id from members m where m.organization_id = $1 \
     and m.user_id = $2 and m.left_at is null and m.conversation_id = $3",
);

#[derive(FromRow)]
struct CandidateRow {
    id: Id,
    content: String,
}

const CANDIDATES_OF: Statement = Statement {
    postgres: "select id, content from messages where organization_id = $1 \
               and conversation_id = any($2) and search @@ $3::text::tsquery \
               and deleted_at is null and id <= $4 order by id desc limit $5",
    sqlite: "select x.id, x.content from message_words f join searchable s on s.id = f.rowid \
             join messages x on x.id = s.message_id where f.words match $3 \
             and x.organization_id = $1 \
             and x.conversation_id in (select value from json_each($2)) \
             and x.deleted_at is null and x.id <= $4 order by x.id desc limit $5",
};

pub(crate) async fn search(database: &Database, page: &SearchPage) -> Result<FoundPage, Failure> {
    let query = Query::parse(&page.query);
    let mut session = database.read().await?;
    let conversations = conversations(&mut session, page).await?;
    let nothing = FoundPage {
        found: Vec::new(),
        newest: None,
        has_more: false,
    };
    if query.is_void() || conversations.is_empty() {
        return Ok(nothing);
    }
    let newest = page.newest.unwrap_or(MessageId(Uuid::max()));
    let asked = match session {
        Session::Sqlite(_) => query.for_sqlite(),
        Session::Postgres(_) => {
            let places: Vec<String> = conversations.iter().map(|id| place(*id)).collect();
            format!("{} & ({})", query.for_postgres(), places.join(" | "))
        }
    };
    let organization = &page.viewer.organization;
    let (ids, asked) = (conversations.as_slice(), asked.as_str());
    let args = args![organization, ids, asked, newest, CANDIDATES];
    let rows: Vec<CandidateRow> = session.all(&CANDIDATES_OF, args).await?;
    let newest = page.newest.or(rows.first().map(|row| MessageId(row.id.0)));
    let mut hits = ranked(&query, &rows, page.after);
    let has_more = hits.len() > page.limit;
    hits.truncate(page.limit);
    Ok(FoundPage {
        found: with_messages(&mut session, hits).await?,
        newest,
        has_more,
    })
}

/// Where is searched.
async fn conversations(
    session: &mut Session,
    page: &SearchPage,
) -> Result<Vec<ConversationId>, Failure> {
    let (organization, user) = (&page.viewer.organization, &page.viewer.user);
    let rows: Vec<IdRow> = match page.conversation {
        Some(one) => {
            session
                .all(&ONE_OF_MINE, args![organization, user, one])
                .await?
        }
        None => {
            session
                .all(&MINE, args![organization, user, CONVERSATIONS])
                .await?
        }
    };
    Ok(rows
        .into_iter()
        .map(|row| ConversationId(row.id.0))
        .collect())
}

struct Hit {
    id: MessageId,
    snippet: String,
    rank: f64,
}

/// What fits, after a place in the order, best first.
fn ranked(query: &Query, rows: &[CandidateRow], after: Option<(f64, MessageId)>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = rows.iter().filter_map(|row| hit(query, row)).collect();
    hits.retain(|hit| after.is_none_or(|after| order((hit.rank, hit.id), after).is_gt()));
    hits.sort_by(|a, b| order((a.rank, a.id), (b.rank, b.id)));
    hits
}

fn order((a, a_id): (f64, MessageId), (b, b_id): (f64, MessageId)) -> Ordering {
    b.total_cmp(&a).then(b_id.cmp(&a_id))
}

/// The index may be behind a node that does not know of it: what counts is the content.
fn hit(query: &Query, row: &CandidateRow) -> Option<Hit> {
    let words = words(&row.content);
    let groups = query.hits(&words)?;
    let rank = rank(words.len(), groups.iter().map(Vec::len));
    let mut hits: Vec<_> = groups.into_iter().flatten().collect();
    hits.sort_by_key(|hit| (hit.start, hit.end));
    Some(Hit {
        id: MessageId(row.id.0),
        snippet: snippet::snippet(&row.content, &words, &hits),
        rank,
    })
}

/// As in BM25, but for what depends on other messages: the more often something is there the better,
/// each time less so, and in a short text it means more.
fn rank(length: usize, groups: impl Iterator<Item = usize>) -> f64 {
    const OFTEN: f64 = 1.2;
    const USUAL_LENGTH: f64 = 20.0;
    let long = 0.25 + 0.75 * length as f64 / USUAL_LENGTH;
    groups
        .map(|count| count as f64 * (OFTEN + 1.0) / (count as f64 + OFTEN * long))
        .sum()
}

async fn with_messages(session: &mut Session, hits: Vec<Hit>) -> Result<Vec<Found>, Failure> {
    let ids: Vec<MessageId> = hits.iter().map(|hit| hit.id).collect();
    let rows: Vec<MessageRow> = session.all(&BY_IDS, args![ids.as_slice()]).await?;
    let messages: Vec<Message> = objects(rows)?;
    let mut messages: HashMap<MessageId, Message> = messages
        .into_iter()
        .map(|message| (message.id, message))
        .collect();
    // One that was deleted between the two looks is not found.
    let found = hits.into_iter().filter_map(|hit| {
        let message = messages.remove(&hit.id)?;
        message.deleted_at.is_none().then_some(Found {
            message,
            snippet: hit.snippet,
            rank: hit.rank,
        })
    });
    Ok(found.collect())
}

#[derive(FromRow)]
struct UnindexedRow {
    id: Id,
    organization_id: String,
    conversation_id: Id,
    content: String,
}

/// What somebody else fills in or changes just now is passed over.
const UNINDEXED: Statement = Statement {
    postgres: "select id, organization_id, conversation_id, content from messages \
               where search is null limit $1 for no key update skip locked",
    sqlite: "select x.id, x.organization_id, x.conversation_id, x.content from messages x \
             where not exists (select 1 from searchable s where s.message_id = x.id) limit $1",
};
const FILL_IN: Statement = Statement {
    postgres: "update messages set search = i.words::tsvector \
               from unnest($1::uuid[], $2::text[]) as i (id, words) where messages.id = i.id",
    sqlite: "select 1",
};

pub(crate) async fn index_messages(database: &Database, limit: i64) -> Result<usize, Failure> {
    let mut session = database.transaction().await?;
    let rows: Vec<UnindexedRow> = session.all(&UNINDEXED, args![limit]).await?;
    let count = rows.len();
    if let Session::Sqlite(held) = &mut session {
        let searched = rows.iter().map(|row| {
            let id = row.id.0.hyphenated().to_string();
            serde_json::json!([id, row.organization_id, joined(&row.content)])
        });
        sqlite::index(held, searched.collect()).await?;
    } else {
        let ids: Vec<MessageId> = rows.iter().map(|row| MessageId(row.id.0)).collect();
        let vector =
            |row: &UnindexedRow| vector_of(ConversationId(row.conversation_id.0), &row.content);
        let vectors: Vec<String> = rows.iter().map(vector).collect();
        let filled = session
            .execute(&FILL_IN, args![ids.as_slice(), vectors])
            .await?;
        if filled != count as u64 {
            return Err(nonsense("messages that are locked went missing"));
        }
    }
    session.commit().await?;
    Ok(count)
}
