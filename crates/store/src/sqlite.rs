//! What is particular to SQLite.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::types::Json;
use sqlx::{Arguments, SqliteConnection};
use switchboard_messaging::store::{NewMessage, StoreError, StoreResult};
use switchboard_protocol::{Message, OrganizationId, Timestamp};

use crate::Options;
use crate::database::Database;
use crate::failure::{Failure, judge};
use crate::plan::{Head, Planned};
use crate::rows::FactRow;
use crate::search::joined;
use crate::values::Arg;

/// Most connections that read; more would only wait for the same few cores.
const MAX_READERS: u32 = 8;

/// How to open the file that a URL names.
pub(crate) fn connect_options(url: &str) -> StoreResult<SqliteConnectOptions> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Internal("the database URL cannot be read".to_owned()))?;
    Ok(options
        .journal_mode(SqliteJournalMode::Wal)
        // Acked means stored: every commit is followed by an fsync.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .create_if_missing(true))
}

/// The file that a URL names.
pub(crate) fn file(url: &str) -> StoreResult<PathBuf> {
    Ok(connect_options(url)?.get_filename().to_owned())
}

/// Opens the file, making it and its folder if need be.
pub(crate) async fn open(options: &Options) -> StoreResult<Database> {
    let connect = connect_options(&options.url)?.busy_timeout(options.statement_timeout);
    make_folder(connect.get_filename()).await?;
    let pool = SqlitePoolOptions::new().acquire_timeout(options.statement_timeout);
    let writer = pool
        .clone()
        .max_connections(1)
        .connect_with(connect.clone())
        .await
        .map_err(|error| judge(&error))?;
    let readers = pool
        .max_connections(options.max_connections.clamp(1, MAX_READERS))
        .connect_lazy_with(connect);
    Ok(Database::Sqlite { writer, readers })
}

pub(crate) async fn make_folder(file: &Path) -> StoreResult<()> {
    let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) else {
        return Ok(());
    };
    tokio::fs::create_dir_all(folder).await.map_err(|error| {
        StoreError::Unavailable(format!("cannot create {}: {error}", folder.display()))
    })
}

/// The parameters as SQLite takes them.
pub(crate) fn bind(args: Vec<Arg>) -> Result<SqliteArguments, sqlx::Error> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Id(id) => bound.add(id.map(uuid::Uuid::hyphenated)),
            Arg::Text(text) => bound.add(text),
            Arg::Int(number) => bound.add(number),
            Arg::Time(at) => bound.add(at.map(Timestamp::as_millis)),
            Arg::Object(object) => bound.add(Json(object)),
            Arg::Json(value) => bound.add(Json(value)),
            Arg::Ids(ids) => bound.add(json!(ids).to_string()),
            Arg::Texts(texts) => bound.add(json!(texts).to_string()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

const FACTS: &str = "\
select m.role, d.id as duplicate, r.id as replied, r.thread_root_id as replied_root
from (select key as n, value ->> 0 as conversation_id, value ->> 1 as organization_id,
             value ->> 2 as sender_id, value ->> 3 as client_message_id, value ->> 4 as reply_to
      from json_each($1)) i
left join members m
       on m.conversation_id = i.conversation_id and m.user_id = i.sender_id
      and m.organization_id = i.organization_id and m.left_at is null
left join messages d
       on d.conversation_id = i.conversation_id and d.sender_id = i.sender_id
      and d.client_message_id = i.client_message_id and d.organization_id = i.organization_id
left join messages r
       on r.id = i.reply_to and r.conversation_id = i.conversation_id
      and r.organization_id = i.organization_id
order by i.n";

/// What the rules need to know of each item, in the items' order.
pub(crate) async fn facts(
    connection: &mut SqliteConnection,
    items: &[NewMessage],
) -> Result<Vec<FactRow>, Failure> {
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            json!([
                item.conversation,
                item.sender.organization,
                item.sender.user,
                item.client_message_id,
                item.reply_to
            ])
        })
        .collect();
    let facts = sqlx::query_as(FACTS)
        .bind(Json(rows))
        .fetch_all(connection)
        .await?;
    Ok(facts)
}

const INSERT: &str = "\
insert into messages (id, organization_id, conversation_id, seq, rev, created_rev, sender_id,
                      type, content, reply_to, thread_root_id, metadata, client_message_id,
                      created_at, sender_socket)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 4, value ->> 5,
       value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11,
       value ->> 12, value ->> 13
from json_each($1)";

/// Inserts all of these messages with one statement.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    planned: &[Planned],
) -> Result<(), Failure> {
    let rows: Vec<Value> = planned
        .iter()
        .map(
            |Planned {
                 organization,
                 message,
                 socket,
             }| {
                json!([
                    message.id,
                    organization,
                    message.conversation_id,
                    message.seq,
                    message.rev,
                    message.sender_id,
                    message.kind,
                    message.content,
                    message.reply_to,
                    message.thread_root_id,
                    json!(message.metadata).to_string(),
                    message.client_message_id,
                    message.created_at.as_millis(),
                    socket
                ])
            },
        )
        .collect();
    sqlx::query(INSERT)
        .bind(Json(rows))
        .execute(&mut *connection)
        .await?;
    let words: Vec<Value> = planned
        .iter()
        .map(|planned| searched(&planned.organization, &planned.message))
        .collect();
    index(connection, words).await
}

/// What a message is found by, as [`index`] takes it.
pub(crate) fn searched(organization: &OrganizationId, message: &Message) -> Value {
    json!([message.id, organization, joined(&message.content)])
}

const SEARCHABLE: &str = "\
insert into searchable (message_id, organization_id)
select value ->> 0, value ->> 1 from json_each($1) where true
on conflict (message_id) do nothing";
const WORDS: &str = "\
insert or replace into message_words (rowid, words)
select s.id, value ->> 2 from json_each($1) join searchable s on s.message_id = value ->> 0";

/// Writes what messages are found by, in place of what they were found by before.
pub(crate) async fn index(
    connection: &mut SqliteConnection,
    searched: Vec<Value>,
) -> Result<(), Failure> {
    let searched = Json(searched);
    for statement in [SEARCHABLE, WORDS] {
        sqlx::query(statement)
            .bind(&searched)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

const MOVE_HEADS: &str = "\
update conversations
set last_seq = i.last_seq, rev = i.rev, message_count = i.message_count,
    last_message_at = i.at, activity_at = i.at
from (select value ->> 0 as id, value ->> 1 as last_seq, value ->> 2 as rev,
             value ->> 3 as message_count, value ->> 4 as at
      from json_each($1)) i
where conversations.id = i.id";

/// Writes where these conversations stand now.
pub(crate) async fn move_heads(
    connection: &mut SqliteConnection,
    heads: &[Head],
) -> Result<(), Failure> {
    let rows: Vec<Value> = heads
        .iter()
        .map(|head| {
            json!([
                head.conversation,
                head.last_seq,
                head.rev,
                head.message_count,
                head.last_message_at.map(Timestamp::as_millis)
            ])
        })
        .collect();
    sqlx::query(MOVE_HEADS)
        .bind(Json(rows))
        .execute(connection)
        .await?;
    Ok(())
}
