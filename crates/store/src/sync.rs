//! What changed since a `rev`: `sync` for clients, `changes` for nodes that missed events.

use sqlx::FromRow;
use switchboard_messaging::store::{Change, Refusal, SyncPage};
use switchboard_protocol::server_events::{
    ConversationChanged, MemberChanged, MessageChanged, ReactionChanged,
};
use switchboard_protocol::{
    Conversation, ConversationId, Message, OrganizationId, Receipt, ServerEvent, UserId,
};

use crate::database::{Database, Session, Statement};
use crate::failure::{Failure, nonsense};
use crate::rows::{
    ConversationRow, MemberRow, MessageRow, conversation_columns, member_columns, message_columns,
    objects, user,
};
use crate::values::args;

/// Most watermarks in a page.
const MAX_RECEIPTS: i64 = 1_000;

const CONVERSATION: Statement = Statement::both(concat!(
    "select ",
    conversation_columns!(),
    " from conversations c where c.organization_id = $1 and c.id = $2"
));

/// Ascending by the rev of the last change; what changes while the page is read gets a rev beyond
/// `$4` and so belongs to the next page.
const MESSAGES: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    " from messages x where x.organization_id = $1 and x.conversation_id = $2 \
     and x.rev > $3 and x.rev <= $4 order by x.rev"
));
const MEMBERS: Statement = Statement::both(concat!(
    "select ",
    member_columns!(),
    " from members m where m.organization_id = $1 and m.conversation_id = $2 \
     and m.rev > $3 and m.rev <= $4 order by m.rev, m.user_id"
));

pub(crate) async fn page(
    database: &Database,
    organization: &OrganizationId,
    conversation: ConversationId,
    after_rev: i64,
    limit: i64,
) -> Result<SyncPage, Failure> {
    let mut session = database.read().await?;
    let head = head(&mut session, organization, conversation)
        .await?
        .ok_or(Refusal::NoConversation)?;
    let range = Range {
        organization,
        conversation,
        after: after_rev,
        up_to: head.rev,
    };
    let end = range.end(&mut session, limit).await?;
    let args = || args![organization, conversation, after_rev, end];
    let messages: Vec<MessageRow> = session.all(&MESSAGES, args()).await?;
    let members: Vec<MemberRow> = session.all(&MEMBERS, args()).await?;
    let receipts = receipts(&mut session, organization, conversation).await?;
    Ok(SyncPage {
        messages: objects(messages)?,
        members: objects(members)?,
        receipts,
        rev: end,
        has_more: end < head.rev,
        conversation: head,
    })
}

pub(crate) async fn head(
    session: &mut Session,
    organization: &OrganizationId,
    conversation: ConversationId,
) -> Result<Option<Conversation>, Failure> {
    let args = args![organization, conversation];
    let row: Option<ConversationRow> = session.first(&CONVERSATION, args).await?;
    row.map(Conversation::try_from).transpose()
}

struct Range<'a> {
    organization: &'a OrganizationId,
    conversation: ConversationId,
    after: i64,
    up_to: i64,
}

#[derive(FromRow)]
struct RevRow {
    rev: i64,
}

/// The rev of the item after the first `$5`.
const FIRST_TOO_MANY: Statement = Statement::both(
    "select rev from (\
       select * from (select rev from messages where organization_id = $1 \
         and conversation_id = $2 and rev > $3 and rev <= $4 order by rev limit $5 + 1) a \
       union all \
       select * from (select rev from members where organization_id = $1 \
         and conversation_id = $2 and rev > $3 and rev <= $4 order by rev limit $5 + 1) b\
     ) i order by rev limit 1 offset $5",
);
/// Whether anything has a rev below `$4`.
const FIRST: Statement = Statement::both(
    "select rev from (\
       select * from (select rev from messages where organization_id = $1 \
         and conversation_id = $2 and rev > $3 and rev < $4 order by rev limit 1) a \
       union all \
       select * from (select rev from members where organization_id = $1 \
         and conversation_id = $2 and rev > $3 and rev < $4 order by rev limit 1) b\
     ) i limit 1",
);

impl Range<'_> {
    /// Up to which rev a page of about `limit` items goes. Items of one rev (the members of a new
    /// conversation) stay together, since the next page begins after a rev: only when they alone
    /// are more than `limit`, a page has more than that.
    async fn end(&self, session: &mut Session, limit: i64) -> Result<i64, Failure> {
        let (organization, conversation) = (self.organization, self.conversation);
        let args = args![organization, conversation, self.after, self.up_to, limit];
        let Some(next) = session.first::<RevRow>(&FIRST_TOO_MANY, args).await? else {
            return Ok(self.up_to);
        };
        let args = args![organization, conversation, self.after, next.rev];
        match session.first::<RevRow>(&FIRST, args).await? {
            Some(_) => Ok(next.rev - 1),
            None => Ok(next.rev),
        }
    }
}

#[derive(FromRow)]
struct ReceiptRow {
    user_id: String,
    delivered_seq: i64,
    read_seq: i64,
}

const RECEIPTS: Statement = Statement::both(
    "select user_id, delivered_seq, read_seq from members \
     where organization_id = $1 and conversation_id = $2 and left_at is null \
     order by joined_at, user_id limit $3",
);

async fn receipts(
    session: &mut Session,
    organization: &OrganizationId,
    conversation: ConversationId,
) -> Result<Vec<Receipt>, Failure> {
    let args = args![organization, conversation, MAX_RECEIPTS];
    let rows: Vec<ReceiptRow> = session.all(&RECEIPTS, args).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Receipt {
                user_id: user(&row.user_id)?,
                delivered_seq: row.delivered_seq,
                read_seq: row.read_seq,
            })
        })
        .collect()
}

#[derive(FromRow)]
struct ChangeRow {
    #[sqlx(flatten)]
    message: MessageRow,
    change_rev: i64,
    change_kind: String,
    maker: Option<String>,
    /// Who made it and with which emoji, for reactions.
    changed_by: Option<String>,
    emoji: Option<String>,
}

/// New messages are found by the rev that they began with: the first part has those that nobody
/// has touched since, the second the others, the third what is not a new message.
const CHANGES: Statement = Statement::both(concat!(
    "select ",
    message_columns!(),
    ", x.rev as change_rev, 'message_new' as change_kind, x.sender_socket as maker, \
     cast(null as text) as changed_by, cast(null as text) as emoji \
     from messages x \
     where x.organization_id = $1 and x.conversation_id = $2 and x.rev > $3 and x.rev <= $4 \
     and x.created_rev = x.rev \
     union all select ",
    message_columns!(),
    ", x.created_rev, 'message_new', x.sender_socket, null, null from messages x \
     where x.organization_id = $1 and x.conversation_id = $2 and x.created_rev > $3 \
     and x.created_rev <= $4 and x.created_rev <> x.rev \
     union all select ",
    message_columns!(),
    ", h.rev, h.kind, h.socket, h.user_id, h.emoji from changes h join messages x on x.id = h.message_id \
     where h.organization_id = $1 and h.conversation_id = $2 and h.rev > $3 and h.rev <= $4 \
     order by change_rev"
));

#[derive(FromRow)]
struct ConversationChangeRow {
    rev: i64,
    kind: String,
    maker: Option<String>,
    member_id: Option<String>,
}

const CONVERSATION_CHANGES: Statement = Statement::both(
    "select rev, kind, socket as maker, member_id from changes \
     where organization_id = $1 and conversation_id = $2 and rev > $3 and rev <= $4 \
     and message_id is null order by rev",
);

#[derive(FromRow)]
struct MemberChangeRow {
    #[sqlx(flatten)]
    member: MemberRow,
    change_rev: i64,
    change_kind: String,
    maker: Option<String>,
}

const MEMBER_CHANGES: Statement = Statement::both(concat!(
    "select ",
    member_columns!(),
    ", h.rev as change_rev, h.kind as change_kind, h.socket as maker \
     from changes h join members m \
     on m.conversation_id = h.conversation_id and m.user_id = h.member_id \
     where h.organization_id = $1 and h.conversation_id = $2 and h.rev > $3 and h.rev <= $4 \
     order by h.rev"
));

pub(crate) async fn changes(
    database: &Database,
    organization: &OrganizationId,
    conversation: ConversationId,
    after_rev: i64,
    up_to_rev: i64,
) -> Result<Vec<Change>, Failure> {
    let mut session = database.read().await?;
    let span = (after_rev, up_to_rev);
    changes_in(&mut session, organization, conversation, span).await
}

pub(crate) async fn changes_in(
    session: &mut Session,
    organization: &OrganizationId,
    conversation: ConversationId,
    (after_rev, up_to_rev): (i64, i64),
) -> Result<Vec<Change>, Failure> {
    let args = || args![organization, conversation, after_rev, up_to_rev];
    let rows: Vec<ConversationChangeRow> = session.all(&CONVERSATION_CHANGES, args()).await?;
    let (of_members, rows): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.member_id.is_some());
    let mut changes = Vec::new();
    if !rows.is_empty() {
        let head = head(session, organization, conversation).await?;
        let head = head.ok_or_else(|| nonsense("changes of no conversation"))?;
        for row in rows {
            changes.push(conversation_change(&head, row)?);
        }
    }
    if !of_members.is_empty() {
        let rows: Vec<MemberChangeRow> = session.all(&MEMBER_CHANGES, args()).await?;
        for row in rows {
            changes.push(member_change(conversation, row)?);
        }
    }
    let rows: Vec<ChangeRow> = session.all(&CHANGES, args()).await?;
    for row in rows {
        changes.push(message_change(row)?);
    }
    changes.sort_by_key(|change| change.rev);
    Ok(changes)
}

/// Whose membership a change is about.
pub(crate) fn member_of(change: &Change) -> Option<&UserId> {
    match &change.event {
        ServerEvent::MemberAdded(changed)
        | ServerEvent::MemberRemoved(changed)
        | ServerEvent::MemberRole(changed) => Some(&changed.member.user_id),
        _ => None,
    }
}

fn member_change(conversation_id: ConversationId, row: MemberChangeRow) -> Result<Change, Failure> {
    let rev = row.change_rev;
    let changed = Box::new(MemberChanged {
        conversation_id,
        member: row.member.try_into()?,
        rev,
    });
    let event = match row.change_kind.as_str() {
        "member_added" => ServerEvent::MemberAdded(changed),
        "member_removed" => ServerEvent::MemberRemoved(changed),
        "member_role" => ServerEvent::MemberRole(changed),
        kind => return Err(unknown(kind)),
    };
    let maker = row.maker;
    Ok(Change { rev, event, maker })
}

fn conversation_change(head: &Conversation, row: ConversationChangeRow) -> Result<Change, Failure> {
    let conversation = ConversationChanged::of(Conversation {
        rev: row.rev,
        ..head.clone()
    });
    let event = match row.kind.as_str() {
        "conversation_created" => ServerEvent::ConversationCreated(conversation),
        "conversation_updated" => ServerEvent::ConversationUpdated(conversation),
        "conversation_archived" => ServerEvent::ConversationArchived(conversation),
        "conversation_reopened" => ServerEvent::ConversationReopened(conversation),
        kind => return Err(unknown(kind)),
    };
    Ok(Change {
        rev: row.rev,
        event,
        maker: row.maker,
    })
}

fn message_change(row: ChangeRow) -> Result<Change, Failure> {
    let (rev, maker) = (row.change_rev, row.maker);
    let reaction = (row.changed_by, row.emoji);
    let message = Message {
        rev,
        ..Message::try_from(row.message)?
    };
    let kind = row.change_kind.as_str();
    if let "message_reacted" | "message_unreacted" = kind {
        let added = kind == "message_reacted";
        let event = reacted(message, reaction, added)?;
        return Ok(Change { rev, event, maker });
    }
    let message = MessageChanged::of(message);
    let event = match kind {
        "message_new" => ServerEvent::MessageNew(message),
        "message_edited" => ServerEvent::MessageEdited(message),
        "message_deleted" => ServerEvent::MessageDeleted(message),
        kind => return Err(unknown(kind)),
    };
    Ok(Change { rev, event, maker })
}

fn reacted(
    message: Message,
    (by, emoji): (Option<String>, Option<String>),
    added: bool,
) -> Result<ServerEvent, Failure> {
    let by = by.ok_or_else(|| nonsense("a reaction of nobody"))?;
    Ok(ServerEvent::MessageReaction(Box::new(ReactionChanged {
        message,
        user_id: user(&by)?,
        emoji: emoji.ok_or_else(|| nonsense("a reaction without an emoji"))?,
        added,
    })))
}

fn unknown(kind: &str) -> Failure {
    nonsense(format!("the database has the unknown change {kind:?}"))
}
