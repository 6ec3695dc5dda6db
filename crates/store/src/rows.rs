//! Rows as they come from the database, and the objects that they are.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::FromRow;
use sqlx::types::Json;
use switchboard_protocol::{
    Context, Conversation, ConversationId, ConversationStatus, ConversationView, Kind, Member,
    Message, MessageId, MessageType, OrganizationId, Reaction, Role, UserId,
};

use crate::failure::{Failure, nonsense};
use crate::plan::{Fact, Replied};
use crate::values::{Id, Moment};

/// Columns of a [`ConversationRow`]; the table is called `c`.
macro_rules! conversation_columns {
    () => {
        "c.id, c.organization_id, c.kind, c.title, c.context_type, c.context_id, c.status, \
         c.created_by, c.created_at, c.last_message_at, c.last_seq, c.rev, c.member_count, \
         c.message_count, c.archived_at, c.archived_by, c.metadata"
    };
}
/// Columns of a [`MemberRow`]; the table is called `m`.
macro_rules! member_columns {
    () => {
        "m.user_id, m.role, m.joined_at, m.delivered_seq, m.read_seq, m.last_seen_at, m.left_at"
    };
}
/// Columns of a [`MessageRow`]; the table is called `x`.
macro_rules! message_columns {
    () => {
        "x.id, x.conversation_id, x.seq, x.rev, x.version, x.sender_id, x.type, x.content, \
         x.reply_to, x.thread_root_id, x.metadata, x.client_message_id, x.created_at, \
         x.edited_at, x.deleted_at, x.reactions"
    };
}
/// What a member has not read: others' messages after the watermark that are not tombstones. `seq` has
/// no gap, so it is everything after it but one's own and the tombstones, which are few: nothing that
/// is unread is looked at. Takes what the statement calls the table `members`.
macro_rules! unread_count {
    ($members:literal) => {
        concat!(
            "((select h.last_seq from conversations h where h.id = ",
            $members,
            ".conversation_id) - ",
            $members,
            ".read_seq - (select count(*) from messages u where u.organization_id = ",
            $members,
            ".organization_id and u.sender_id = ",
            $members,
            ".user_id and u.conversation_id = ",
            $members,
            ".conversation_id and u.seq > ",
            $members,
            ".read_seq) - (select count(*) from messages u where u.conversation_id = ",
            $members,
            ".conversation_id and u.seq > ",
            $members,
            ".read_seq and u.deleted_at is not null and u.sender_id <> ",
            $members,
            ".user_id))"
        )
    };
}
pub(crate) use {conversation_columns, member_columns, message_columns, unread_count};

#[derive(Debug, FromRow)]
pub(crate) struct ConversationRow {
    id: Id,
    organization_id: String,
    kind: String,
    title: Option<String>,
    context_type: Option<String>,
    context_id: Option<String>,
    status: String,
    created_by: String,
    created_at: Moment,
    last_message_at: Option<Moment>,
    last_seq: i64,
    rev: i64,
    member_count: i64,
    message_count: i64,
    archived_at: Option<Moment>,
    archived_by: Option<String>,
    metadata: Json<Map<String, Value>>,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = Failure;

    fn try_from(row: ConversationRow) -> Result<Self, Failure> {
        Ok(Self {
            id: ConversationId(row.id.0),
            organization_id: OrganizationId::new(&row.organization_id).map_err(odd)?,
            kind: word(Kind::from_word, &row.kind)?,
            title: row.title,
            context: row
                .context_type
                .zip(row.context_id)
                .map(|(kind, id)| Context { kind, id }),
            status: word(ConversationStatus::from_word, &row.status)?,
            created_by: user(&row.created_by)?,
            created_at: row.created_at.0,
            last_message_at: row.last_message_at.map(|at| at.0),
            last_seq: row.last_seq,
            rev: row.rev,
            member_count: row.member_count,
            message_count: row.message_count,
            archived_at: row.archived_at.map(|at| at.0),
            archived_by: row.archived_by.as_deref().map(user).transpose()?,
            metadata: row.metadata.0,
        })
    }
}

#[derive(Debug, FromRow)]
pub(crate) struct ViewRow {
    #[sqlx(flatten)]
    conversation: ConversationRow,
    unread_count: i64,
    my_role: String,
}

impl TryFrom<ViewRow> for ConversationView {
    type Error = Failure;

    fn try_from(row: ViewRow) -> Result<Self, Failure> {
        Ok(Self {
            conversation: row.conversation.try_into()?,
            unread_count: row.unread_count,
            my_role: word(Role::from_word, &row.my_role)?,
        })
    }
}

#[derive(Debug, FromRow)]
pub(crate) struct MemberRow {
    user_id: String,
    role: String,
    joined_at: Moment,
    delivered_seq: i64,
    read_seq: i64,
    last_seen_at: Option<Moment>,
    left_at: Option<Moment>,
}

impl TryFrom<MemberRow> for Member {
    type Error = Failure;

    fn try_from(row: MemberRow) -> Result<Self, Failure> {
        Ok(Self {
            user_id: user(&row.user_id)?,
            role: word(Role::from_word, &row.role)?,
            joined_at: row.joined_at.0,
            delivered_seq: row.delivered_seq,
            read_seq: row.read_seq,
            last_seen_at: row.last_seen_at.map(|at| at.0),
            left_at: row.left_at.map(|at| at.0),
        })
    }
}

#[derive(Debug, FromRow)]
pub(crate) struct MessageRow {
    id: Id,
    conversation_id: Id,
    seq: i64,
    rev: i64,
    version: i64,
    sender_id: String,
    r#type: String,
    content: String,
    reply_to: Option<Id>,
    thread_root_id: Option<Id>,
    metadata: Json<Map<String, Value>>,
    client_message_id: Option<String>,
    created_at: Moment,
    edited_at: Option<Moment>,
    deleted_at: Option<Moment>,
    reactions: Json<Vec<ReactionRow>>,
}

/// How a reaction is kept.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReactionRow {
    emoji: String,
    user_ids: Vec<UserId>,
}

/// What is kept of reactions.
pub(crate) fn kept(reactions: &[Reaction]) -> Value {
    let kept = reactions
        .iter()
        .map(|one| json!({"emoji": one.emoji, "userIds": one.user_ids}));
    kept.collect()
}

impl TryFrom<MessageRow> for Message {
    type Error = Failure;

    fn try_from(row: MessageRow) -> Result<Self, Failure> {
        // A node that knows nothing of reactions leaves them on a tombstone.
        let kept = row.reactions.0.into_iter();
        let kept = kept.filter(|_| row.deleted_at.is_none());
        Ok(Self {
            id: MessageId(row.id.0),
            conversation_id: ConversationId(row.conversation_id.0),
            seq: row.seq,
            rev: row.rev,
            version: row.version,
            sender_id: user(&row.sender_id)?,
            kind: word(MessageType::from_word, &row.r#type)?,
            content: row.content,
            reply_to: row.reply_to.map(|id| MessageId(id.0)),
            thread_root_id: row.thread_root_id.map(|id| MessageId(id.0)),
            attachments: Vec::new(),
            reactions: kept
                .map(|kept| Reaction {
                    emoji: kept.emoji,
                    count: kept.user_ids.len() as i64,
                    user_ids: kept.user_ids,
                })
                .collect(),
            metadata: row.metadata.0,
            client_message_id: row.client_message_id,
            created_at: row.created_at.0,
            edited_at: row.edited_at.map(|at| at.0),
            deleted_at: row.deleted_at.map(|at| at.0),
        })
    }
}

/// All of these rows as the objects that they are.
pub(crate) fn objects<R, T>(rows: Vec<R>) -> Result<Vec<T>, Failure>
where
    T: TryFrom<R, Error = Failure>,
{
    rows.into_iter().map(T::try_from).collect()
}

/// A user id that the database gave.
pub(crate) fn user(text: &str) -> Result<UserId, Failure> {
    UserId::new(text).map_err(odd)
}

/// A word of a closed set that the database gave.
pub(crate) fn word<T>(read: fn(&str) -> Option<T>, text: &str) -> Result<T, Failure> {
    read(text).ok_or_else(|| nonsense(format!("the database has the unknown word {text:?}")))
}

fn odd(error: impl std::fmt::Display) -> Failure {
    nonsense(format!("the database has a name that {error}"))
}

/// What the database knows about an item of a batch.
#[derive(Debug, FromRow)]
pub(crate) struct FactRow {
    role: Option<String>,
    duplicate: Option<Id>,
    replied: Option<Id>,
    replied_root: Option<Id>,
}

impl TryFrom<FactRow> for Fact {
    type Error = Failure;

    fn try_from(row: FactRow) -> Result<Self, Failure> {
        Ok(Self {
            role: row
                .role
                .map(|role| word(Role::from_word, &role))
                .transpose()?,
            duplicate: row.duplicate.map(|id| MessageId(id.0)),
            replied: row.replied.map(|_| Replied {
                root: row.replied_root.map(|id| MessageId(id.0)),
            }),
        })
    }
}
