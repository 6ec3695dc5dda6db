//! Changing messages that are there: `edit` and `delete`.

use sqlx::FromRow;
use switchboard_messaging::store::{Deleted, Deletion, Edit, Refusal, Viewer};
use switchboard_protocol::{ConversationId, Message, MessageId, Role, Timestamp};

use crate::conversations;
use crate::database::{Database, Session, Statement};
use crate::failure::Failure;
use crate::rows::{MessageRow, message_columns, word};
use crate::search;
use crate::values::args;

/// A message whose conversation is locked.
pub(crate) struct Locked {
    pub(crate) message: Message,
    /// The caller's role, when an active member.
    pub(crate) role: Option<Role>,
    pub(crate) archived: bool,
    /// The conversation's.
    pub(crate) rev: i64,
}

#[derive(FromRow)]
struct LockRow {
    archived: bool,
    rev: i64,
}

/// `no key`: foreign keys to the conversation may be checked meanwhile.
const LOCK: Statement = Statement {
    postgres: "select c.id, c.status <> 'active' as archived, c.rev \
               from messages x join conversations c on c.id = x.conversation_id \
               where x.organization_id = $1 and x.id = $2 for no key update of c",
    sqlite: "select c.id, c.status <> 'active' as archived, c.rev \
             from messages x join conversations c on c.id = x.conversation_id \
             where x.organization_id = $1 and x.id = $2",
};

#[derive(FromRow)]
struct LockedRow {
    #[sqlx(flatten)]
    message: MessageRow,
    my_role: Option<String>,
}

const LOCKED: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    ", m.role as my_role from messages x left join members m \
     on m.conversation_id = x.conversation_id and m.user_id = $3 and m.left_at is null \
     where x.organization_id = $1 and x.id = $2"
));

/// Two statements: what the second one reads cannot change any more.
pub(crate) async fn lock(
    session: &mut Session,
    by: &Viewer,
    message: MessageId,
) -> Result<Locked, Failure> {
    let args = args![&by.organization, message];
    let head: LockRow = session
        .first(&LOCK, args)
        .await?
        .ok_or(Refusal::NoMessage)?;
    let args = args![&by.organization, message, &by.user];
    let row: LockedRow = session
        .first(&LOCKED, args)
        .await?
        .ok_or(Refusal::NoMessage)?;
    Ok(Locked {
        message: row.message.try_into()?,
        role: row
            .my_role
            .map(|role| word(Role::from_word, &role))
            .transpose()?,
        archived: head.archived,
        rev: head.rev,
    })
}

/// SQLite has what messages are found by elsewhere, and is given an empty `$5`.
const EDIT: Statement = Statement {
    postgres: "update messages set content = $2, rev = $3, version = version + 1, \
               edited_at = $4, search = $5::text::tsvector where id = $1",
    sqlite: "update messages set content = $2, rev = $3, version = version + 1, \
             edited_at = $4 where id = $1 and $5 is not null",
};

pub(crate) async fn edit(database: &Database, edit: &Edit) -> Result<Message, Failure> {
    let mut session = database.transaction().await?;
    let locked = lock(&mut session, &edit.editor, edit.message).await?;
    may_edit(&mut session, edit, &locked).await?;
    let mut message = locked.message;
    message.content.clone_from(&edit.content);
    message.rev = locked.rev + 1;
    message.version += 1;
    message.edited_at = Some(edit.at);
    let words = search::vector(&message);
    let (content, words) = (message.content.as_str(), words.as_str());
    let args = args![message.id, content, message.rev, edit.at, words];
    session.execute(&EDIT, args).await?;
    search::changed(&mut session, &edit.editor.organization, &message).await?;
    let made = Made {
        by: &edit.editor,
        socket: edit.socket.as_deref(),
        at: edit.at,
        emoji: None,
    };
    record(&mut session, &message, "message_edited", made).await?;
    session.commit().await?;
    Ok(message)
}

/// In the order that the trait promises.
async fn may_edit(session: &mut Session, edit: &Edit, locked: &Locked) -> Result<(), Failure> {
    let message = &locked.message;
    if locked.role.is_none() {
        return Err(Refusal::NotMember.into());
    }
    if message.sender_id != edit.editor.user {
        return Err(Refusal::NotAllowed.into());
    }
    if locked.archived {
        let id: ConversationId = message.conversation_id;
        let view = conversations::view_in(session, &edit.editor, id).await?;
        return Err(view
            .map_or(Refusal::NotMember, |view| Refusal::Archived(Box::new(view)))
            .into());
    }
    if message.deleted_at.is_some() {
        return Err(Refusal::Tombstone(Box::new(message.clone())).into());
    }
    if edit
        .expected_version
        .is_some_and(|version| version != message.version)
    {
        return Err(Refusal::Stale(Box::new(message.clone())).into());
    }
    if edit
        .not_before
        .is_some_and(|moment| message.created_at < moment)
    {
        return Err(Refusal::WindowPassed.into());
    }
    Ok(())
}

/// Whoever deletes something wants all of it gone, so metadata and reactions go with the content.
const DELETE: Statement = Statement {
    postgres: "update messages set content = '', metadata = '{}', reactions = '[]', rev = $2, \
               deleted_at = $3, search = '' where id = $1",
    sqlite: "update messages set content = '', metadata = '{}', reactions = '[]', rev = $2, \
             deleted_at = $3 where id = $1",
};

pub(crate) async fn delete(database: &Database, deletion: &Deletion) -> Result<Deleted, Failure> {
    let mut session = database.transaction().await?;
    let locked = lock(&mut session, &deletion.by, deletion.message).await?;
    let mut message = locked.message;
    let role = locked.role.ok_or(Refusal::NotMember)?;
    if message.sender_id != deletion.by.user && !matches!(role, Role::Owner | Role::Admin) {
        return Err(Refusal::NotAllowed.into());
    }
    if message.deleted_at.is_some() {
        return Ok(Deleted {
            message,
            changed: false,
        });
    }
    message.content.clear();
    message.metadata.clear();
    message.reactions.clear();
    message.rev = locked.rev + 1;
    message.deleted_at = Some(deletion.at);
    session
        .execute(&DELETE, args![message.id, message.rev, deletion.at])
        .await?;
    search::changed(&mut session, &deletion.by.organization, &message).await?;
    let made = Made {
        by: &deletion.by,
        socket: deletion.socket.as_deref(),
        at: deletion.at,
        emoji: None,
    };
    record(&mut session, &message, "message_deleted", made).await?;
    session.commit().await?;
    Ok(Deleted {
        message,
        changed: true,
    })
}

const MOVE_REV: Statement = Statement::both("update conversations set rev = $2 where id = $1");
const INSERT_CHANGE: Statement = Statement::both(
    "insert into changes (conversation_id, organization_id, rev, kind, message_id, user_id, at, \
     socket, emoji) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);

/// Who made a change, through which socket, and when.
pub(crate) struct Made<'a> {
    pub(crate) by: &'a Viewer,
    pub(crate) socket: Option<&'a str>,
    pub(crate) at: Timestamp,
    /// Of a reaction.
    pub(crate) emoji: Option<&'a str>,
}

/// Gives the conversation the message's new `rev`, and that `rev` its change.
pub(crate) async fn record(
    session: &mut Session,
    message: &Message,
    kind: &str,
    made: Made<'_>,
) -> Result<(), Failure> {
    let conversation = message.conversation_id;
    session
        .execute(&MOVE_REV, args![conversation, message.rev])
        .await?;
    let Viewer { organization, user } = made.by;
    let change = args![
        conversation,
        organization,
        message.rev,
        kind,
        message.id,
        user,
        made.at,
        made.socket,
        made.emoji
    ];
    session.execute(&INSERT_CHANGE, change).await?;
    Ok(())
}
