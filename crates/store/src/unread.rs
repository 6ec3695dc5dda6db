//! What members have not read.

use sqlx::FromRow;
use switchboard_messaging::store::{UnreadOf, Viewer};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};

use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::{objects, unread_count, user};
use crate::values::{Id, args};

#[derive(FromRow)]
struct TotalRow {
    total: i64,
}

const TOTAL: Statement = Statement::both(concat!(
    "select cast(coalesce(sum(",
    unread_count!("m"),
    "), 0) as bigint) as total \
     from members m join conversations c on c.id = m.conversation_id and c.status = 'active' \
     where m.organization_id = $1 and m.user_id = $2 and m.left_at is null \
     and c.organization_id = $1"
));

pub(crate) async fn total(database: &Database, viewer: &Viewer) -> Result<i64, Failure> {
    let args = args![&viewer.organization, &viewer.user];
    let row: Option<TotalRow> = database.read().await?.first(&TOTAL, args).await?;
    Ok(row.map_or(0, |row| row.total))
}

#[derive(FromRow)]
struct UnreadRow {
    user_id: String,
    conversation_id: Id,
    unread_count: i64,
    is_active: bool,
    rev: i64,
    read_seq: i64,
}

impl TryFrom<UnreadRow> for UnreadOf {
    type Error = Failure;

    fn try_from(row: UnreadRow) -> Result<Self, Failure> {
        Ok(Self {
            user: user(&row.user_id)?,
            conversation: ConversationId(row.conversation_id.0),
            count: row.unread_count,
            is_active: row.is_active,
            rev: row.rev,
            read_seq: row.read_seq,
        })
    }
}

macro_rules! unread_columns {
    () => {
        concat!(
            "m.user_id, m.conversation_id, ",
            unread_count!("m"),
            " as unread_count, c.status = 'active' as is_active, c.rev, m.read_seq"
        )
    };
}

const OF_PAIRS: Statement = Statement {
    postgres: concat!(
        "select ",
        unread_columns!(),
        " from unnest($2::text[], $3::uuid[]) as i (user_id, conversation_id) \
         join members m on m.conversation_id = i.conversation_id and m.user_id = i.user_id \
         and m.organization_id = $1 and m.left_at is null \
         join conversations c on c.id = m.conversation_id"
    ),
    sqlite: concat!(
        "select ",
        unread_columns!(),
        " from json_each($2) u join json_each($3) v on v.key = u.key \
         join members m on m.conversation_id = v.value and m.user_id = u.value \
         and m.organization_id = $1 and m.left_at is null \
         join conversations c on c.id = m.conversation_id"
    ),
};

pub(crate) async fn of_pairs(
    database: &Database,
    organization: &OrganizationId,
    pairs: &[(UserId, ConversationId)],
) -> Result<Vec<UnreadOf>, Failure> {
    let users: Vec<UserId> = pairs.iter().map(|(user, _)| user.clone()).collect();
    let conversations: Vec<ConversationId> = pairs.iter().map(|(_, id)| *id).collect();
    let args = args![organization, users.as_slice(), conversations.as_slice()];
    let rows: Vec<UnreadRow> = database.read().await?.all(&OF_PAIRS, args).await?;
    objects(rows)
}

const ALL: Statement = Statement {
    postgres: concat!(
        "select * from (select ",
        unread_columns!(),
        " from members m join conversations c on c.id = m.conversation_id \
         where m.organization_id = $1 and m.user_id = any($2) and m.left_at is null \
         and c.status = 'active') i where unread_count > 0"
    ),
    sqlite: concat!(
        "select * from (select ",
        unread_columns!(),
        " from members m join conversations c on c.id = m.conversation_id \
         where m.organization_id = $1 and m.user_id in (select value from json_each($2)) \
         and m.left_at is null and c.status = 'active') i where unread_count > 0"
    ),
};

pub(crate) async fn all_of(
    database: &Database,
    organization: &OrganizationId,
    users: &[UserId],
) -> Result<Vec<UnreadOf>, Failure> {
    let args = args![organization, users];
    let rows: Vec<UnreadRow> = database.read().await?.all(&ALL, args).await?;
    objects(rows)
}
