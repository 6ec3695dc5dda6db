//! Reading messages.

use sqlx::FromRow;
use switchboard_protocol::calls::Window;
use switchboard_protocol::{ConversationId, Message, MessageId, OrganizationId};

use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::{MessageRow, message_columns, objects};
use crate::values::{Id, args};

const ONE: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    " from messages x where x.organization_id = $1 and x.id = $2"
));

pub(crate) async fn message(
    database: &Database,
    organization: &OrganizationId,
    message: MessageId,
) -> Result<Option<Message>, Failure> {
    let args = args![organization, message];
    let row: Option<MessageRow> = database.read().await?.first(&ONE, args).await?;
    row.map(Message::try_from).transpose()
}

#[derive(FromRow)]
struct PositionRow {
    conversation_id: Id,
    seq: i64,
}

const POSITIONS: Statement = Statement {
    postgres: "select conversation_id, seq from messages \
               where organization_id = $1 and id = any($2)",
    sqlite: "select conversation_id, seq from messages \
             where organization_id = $1 and id in (select value from json_each($2))",
};

pub(crate) async fn positions(
    database: &Database,
    organization: &OrganizationId,
    messages: &[MessageId],
) -> Result<Vec<(ConversationId, i64)>, Failure> {
    let args = args![organization, messages];
    let rows: Vec<PositionRow> = database.read().await?.all(&POSITIONS, args).await?;
    Ok(rows
        .into_iter()
        .map(|row| (ConversationId(row.conversation_id.0), row.seq))
        .collect())
}

const BEFORE: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    " from messages x where x.organization_id = $1 and x.conversation_id = $2 and x.seq < $3 \
     order by x.seq desc limit $4"
));
const AFTER: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    " from messages x where x.organization_id = $1 and x.conversation_id = $2 and x.seq > $3 \
     order by x.seq limit $4"
));

pub(crate) async fn history(
    database: &Database,
    organization: &OrganizationId,
    conversation: ConversationId,
    window: Window,
    limit: i64,
) -> Result<Vec<Message>, Failure> {
    let (statement, seq, newest_first) = match window {
        Window::Latest => (&BEFORE, i64::MAX, true),
        Window::Before(seq) => (&BEFORE, seq, true),
        Window::After(seq) => (&AFTER, seq, false),
    };
    let args = args![organization, conversation, seq, limit];
    let rows: Vec<MessageRow> = database.read().await?.all(statement, args).await?;
    let mut messages: Vec<Message> = objects(rows)?;
    if newest_first {
        messages.reverse();
    }
    Ok(messages)
}

const REPLIES: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    " from messages x where x.organization_id = $1 and x.thread_root_id = $2 and x.seq > $3 \
     order by x.seq limit $4"
));

pub(crate) async fn replies(
    database: &Database,
    organization: &OrganizationId,
    root: MessageId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Message>, Failure> {
    let args = args![organization, root, after_seq, limit];
    let rows: Vec<MessageRow> = database.read().await?.all(&REPLIES, args).await?;
    objects(rows)
}
