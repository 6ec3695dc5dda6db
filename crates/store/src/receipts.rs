//! Watermarks and what they leave unread.

use sqlx::FromRow;
use switchboard_messaging::store::{Advance, Advanced, ReceiptKind, Refusal, Viewer};

use crate::database::{Database, Session, Statement};
use crate::failure::Failure;
use crate::rows::unread_count;
use crate::values::args;

#[derive(FromRow)]
pub(crate) struct MarksRow {
    delivered_seq: i64,
    read_seq: i64,
    unread_count: i64,
    member_count: i64,
}

/// Of the conversation of a row of `members`.
macro_rules! member_count {
    () => {
        "(select h.member_count from conversations h where h.id = members.conversation_id) \
         as member_count"
    };
}
pub(crate) use member_count;

impl MarksRow {
    pub(crate) fn advanced(self, moved: bool) -> Advanced {
        Advanced {
            delivered_seq: self.delivered_seq,
            read_seq: self.read_seq,
            unread_count: self.unread_count,
            moved,
            member_count: self.member_count,
        }
    }
}

/// SQLite's `returning` knows the table by its own name only. `last_seq` only grows, so what this allows stays right whoever writes meanwhile.
macro_rules! when_it_moves {
    ($mark:literal) => {
        concat!(
            " from conversations c \
             where c.id = $2 and c.organization_id = $1 and c.last_seq >= $4 \
             and members.conversation_id = $2 and members.user_id = $3 \
             and members.left_at is null and members.",
            $mark,
            " < $4 returning delivered_seq, read_seq, ",
            unread_count!("members"),
            " as unread_count, ",
            member_count!()
        )
    };
}

const DELIVERED: Statement = Statement::both(concat!(
    "update members set delivered_seq = $4, delivered_at = $5, last_seen_at = $5",
    when_it_moves!("delivered_seq")
));
const READ: Statement = Statement::both(concat!(
    "update members set read_seq = $4, read_at = $5, last_seen_at = $5, \
     delivered_seq = case when delivered_seq < $4 then $4 else delivered_seq end, \
     delivered_at = case when delivered_seq < $4 then $5 else delivered_at end",
    when_it_moves!("read_seq")
));

pub(crate) async fn advance(database: &Database, advance: &Advance) -> Result<Advanced, Failure> {
    let mut session = database.write().await?;
    match move_forward(&mut session, advance).await? {
        Some(moved) => Ok(moved),
        None => stay(&mut session, advance).await,
    }
}

/// Moves a watermark; nothing when it cannot be moved.
pub(crate) async fn move_forward(
    session: &mut Session,
    advance: &Advance,
) -> Result<Option<Advanced>, Failure> {
    let Viewer { organization, user } = &advance.viewer;
    let statement = match advance.kind {
        ReceiptKind::Delivered => &DELIVERED,
        ReceiptKind::Read => &READ,
    };
    let args = args![
        organization,
        advance.conversation,
        user,
        advance.up_to_seq,
        advance.at
    ];
    let row: Option<MarksRow> = session.first(statement, args).await?;
    Ok(row.map(|row| row.advanced(true)))
}

#[derive(FromRow)]
struct HeadRow {
    last_seq: i64,
    member: Option<String>,
}

const HEAD: Statement = Statement::both(
    "select c.last_seq, m.user_id as member from conversations c left join members m \
     on m.conversation_id = c.id and m.user_id = $3 and m.left_at is null \
     where c.organization_id = $1 and c.id = $2",
);
const SEEN: Statement = Statement::both(concat!(
    "update members set last_seen_at = $4 \
     where organization_id = $1 and conversation_id = $2 and user_id = $3 \
     and left_at is null returning delivered_seq, read_seq, ",
    unread_count!("members"),
    " as unread_count, ",
    member_count!()
));

/// Why nothing moved: there is nothing to move, or the watermark is there already.
async fn stay(session: &mut Session, advance: &Advance) -> Result<Advanced, Failure> {
    let Viewer { organization, user } = &advance.viewer;
    let head: HeadRow = session
        .first(&HEAD, args![organization, advance.conversation, user])
        .await?
        .ok_or(Refusal::NoConversation)?;
    if head.member.is_none() {
        return Err(Refusal::NotMember.into());
    }
    if advance.up_to_seq > head.last_seq {
        return Err(Refusal::BeyondLast(head.last_seq).into());
    }
    let args = args![organization, advance.conversation, user, advance.at];
    let row: Option<MarksRow> = session.first(&SEEN, args).await?;
    Ok(row.ok_or(Refusal::NotMember)?.advanced(false))
}
