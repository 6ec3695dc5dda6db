//! Several conversations, in one reading.

use sqlx::FromRow;
use switchboard_messaging::store::{Seen, Sight, Viewer};
use switchboard_protocol::{
    Conversation, ConversationId, ConversationView, OrganizationId, Role, UserId,
};

use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::{ConversationRow, conversation_columns, objects, unread_count, user, word};
use crate::values::{Id, Moment, args};

#[derive(FromRow)]
struct SightRow {
    #[sqlx(flatten)]
    conversation: ConversationRow,
    my_role: Option<String>,
    joined_at: Option<Moment>,
    /// Null for whoever is no member.
    unread_count: Option<i64>,
}

impl TryFrom<SightRow> for Sight {
    type Error = Failure;

    fn try_from(row: SightRow) -> Result<Self, Failure> {
        let conversation: Conversation = row.conversation.try_into()?;
        let id = conversation.id;
        let seen = match (row.my_role, row.joined_at, row.unread_count) {
            (Some(role), Some(joined_at), Some(unread_count)) => Some(Seen {
                view: ConversationView {
                    conversation,
                    unread_count,
                    my_role: word(Role::from_word, &role)?,
                },
                joined_at: joined_at.0,
            }),
            _ => None,
        };
        Ok(Self {
            conversation: id,
            seen,
        })
    }
}

macro_rules! sights {
    ($among:literal) => {
        concat!(
            "select ",
            conversation_columns!(),
            ", m.role as my_role, m.joined_at, ",
            unread_count!("m"),
            " as unread_count from conversations c left join members m \
             on m.conversation_id = c.id and m.user_id = $2 and m.left_at is null \
             where c.organization_id = $1 and c.id ",
            $among
        )
    };
}

const SIGHTS: Statement = Statement {
    postgres: sights!("= any($3)"),
    sqlite: sights!("in (select value from json_each($3))"),
};

pub(crate) async fn sights(
    database: &Database,
    viewer: &Viewer,
    conversations: &[ConversationId],
) -> Result<Vec<Sight>, Failure> {
    let args = args![&viewer.organization, &viewer.user, conversations];
    let rows: Vec<SightRow> = database.read().await?.all(&SIGHTS, args).await?;
    objects(rows)
}

#[derive(FromRow)]
struct MemberOfRow {
    conversation_id: Id,
    user_id: String,
}

impl TryFrom<MemberOfRow> for (ConversationId, UserId) {
    type Error = Failure;

    fn try_from(row: MemberOfRow) -> Result<Self, Failure> {
        Ok((ConversationId(row.conversation_id.0), user(&row.user_id)?))
    }
}

macro_rules! members_of {
    ($among:literal) => {
        concat!(
            "select conversation_id, user_id from (\
               select m.conversation_id, m.user_id, row_number() over (\
                 partition by m.conversation_id \
                 order by m.joined_at, m.user_id <> c.created_by, m.user_id) as n \
               from members m join conversations c on c.id = m.conversation_id \
               where c.organization_id = $1 and m.left_at is null and c.id ",
            $among,
            ") o where n <= $3"
        )
    };
}

const MEMBERS_OF: Statement = Statement {
    postgres: members_of!("= any($2)"),
    sqlite: members_of!("in (select value from json_each($2))"),
};

pub(crate) async fn members_of(
    database: &Database,
    organization: &OrganizationId,
    conversations: &[ConversationId],
    limit: i64,
) -> Result<Vec<(ConversationId, UserId)>, Failure> {
    let args = args![organization, conversations, limit];
    let rows: Vec<MemberOfRow> = database.read().await?.all(&MEMBERS_OF, args).await?;
    objects(rows)
}
