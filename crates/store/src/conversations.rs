//! Making, seeing and listing conversations.

use serde_json::json;
use sqlx::FromRow;
use switchboard_messaging::store::{
    Created, Head, ListPage, Membership, NewConversation, Refusal, Viewer,
};
use switchboard_protocol::{
    ConversationId, ConversationView, Kind, Member, OrganizationId, Role, Timestamp, UserId,
};
use uuid::Uuid;

use crate::database::{Database, Session, Statement};
use crate::failure::{Failure, nonsense};
use crate::rows::{
    ConversationRow, MemberRow, ViewRow, conversation_columns, member_columns, objects,
    unread_count, user, word,
};
use crate::values::{Id, Moment, args};

/// Later than any activity (the end of the year 9999), so that a list begins at its beginning.
const END_OF_TIME: Timestamp = Timestamp::from_millis(253_402_300_799_999);

const INSERT: Statement = Statement::both(
    "insert into conversations (id, organization_id, kind, title, context_type, context_id, \
     created_by, created_at, member_count, metadata, activity_at, direct_key, \
     client_conversation_id) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8, $11, $12) on conflict do nothing",
);

/// The creator comes with the role `owner`, so a list of others does not name them.
const INSERT_MEMBERS: Statement = Statement {
    postgres: "insert into members (conversation_id, organization_id, user_id, role, joined_at, \
               rev) select $1, $2, user_id, $4, $5, 1 from unnest($3) as o (user_id)",
    sqlite: "insert into members (conversation_id, organization_id, user_id, role, joined_at, \
             rev) select $1, $2, value, $4, $5, 1 from json_each($3)",
};

const INSERT_CHANGE: Statement = Statement::both(
    "insert into changes (conversation_id, organization_id, rev, kind, user_id, at, socket) \
     values ($1, $2, 1, 'conversation_created', $3, $4, $5)",
);

pub(crate) async fn create(database: &Database, new: &NewConversation) -> Result<Created, Failure> {
    let mut session = database.transaction().await?;
    let created = insert(&mut session, new).await?;
    let id = if created {
        let owner = std::slice::from_ref(&new.creator.user);
        add_members(&mut session, new, owner, Role::Owner).await?;
        add_members(&mut session, new, &new.others, Role::Member).await?;
        let Viewer { organization, user } = &new.creator;
        let socket = new.socket.as_deref();
        let change = args![new.id, organization, user, new.at, socket];
        session.execute(&INSERT_CHANGE, change).await?;
        new.id
    } else {
        existing(&mut session, new).await?
    };
    let view = view_in(&mut session, &new.creator, id).await?;
    // Somebody who made a group and left it is no longer shown it.
    let view = view.ok_or(Refusal::NotMember)?;
    let limit = i64::try_from(new.others.len())
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let members = members_in(&mut session, &new.creator.organization, id, limit).await?;
    session.commit().await?;
    Ok(Created {
        view,
        members: members.into_iter().map(|member| member.user_id).collect(),
        created,
    })
}

/// Whether it was not there before. Of several nodes that make the same one at once, the others
/// wait here for the first to commit.
async fn insert(session: &mut Session, new: &NewConversation) -> Result<bool, Failure> {
    let context = new.context.as_ref();
    let members = i64::try_from(new.others.len())
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let inserted = session
        .execute(
            &INSERT,
            args![
                new.id,
                &new.creator.organization,
                new.kind.as_str(),
                new.title.as_deref(),
                context.map(|context| context.kind.as_str()),
                context.map(|context| context.id.as_str()),
                &new.creator.user,
                new.at,
                members,
                &new.metadata,
                direct_key(new).as_deref(),
                new.client_conversation_id.as_deref(),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

async fn add_members(
    session: &mut Session,
    new: &NewConversation,
    users: &[UserId],
    role: Role,
) -> Result<(), Failure> {
    let organization = &new.creator.organization;
    let args = args![new.id, organization, users, role.as_str(), new.at];
    session.execute(&INSERT_MEMBERS, args).await?;
    Ok(())
}

/// What makes a direct conversation the same as another of its organization: the pair, whoever
/// begins, and the context. JSON, because a context may contain any separator.
fn direct_key(new: &NewConversation) -> Option<String> {
    if new.kind != Kind::Direct {
        return None;
    }
    let mut pair = vec![&new.creator.user];
    pair.extend(&new.others);
    pair.sort();
    let context = new
        .context
        .as_ref()
        .map(|c| [c.kind.as_str(), c.id.as_str()]);
    Some(json!([pair, context]).to_string())
}

#[derive(FromRow)]
struct IdRow {
    id: Id,
}

const BY_CLIENT_ID: Statement = Statement::both(
    "select id from conversations \
     where organization_id = $1 and created_by = $2 and client_conversation_id = $3",
);
const BY_DIRECT_KEY: Statement =
    Statement::both("select id from conversations where organization_id = $1 and direct_key = $2");

/// The conversation that was there already; the caller's own id for it counts first.
async fn existing(session: &mut Session, new: &NewConversation) -> Result<ConversationId, Failure> {
    let Viewer { organization, user } = &new.creator;
    if let Some(client_id) = new.client_conversation_id.as_deref() {
        let args = args![organization, user, client_id];
        if let Some(row) = session.first::<IdRow>(&BY_CLIENT_ID, args).await? {
            return Ok(ConversationId(row.id.0));
        }
    }
    if let Some(key) = direct_key(new) {
        let args = args![organization, key.as_str()];
        if let Some(row) = session.first::<IdRow>(&BY_DIRECT_KEY, args).await? {
            return Ok(ConversationId(row.id.0));
        }
    }
    Err(nonsense("the new conversation's id is in use"))
}

#[derive(FromRow)]
struct MembershipRow {
    #[sqlx(flatten)]
    conversation: ConversationRow,
    m_role: Option<String>,
    m_joined_at: Option<Moment>,
    m_delivered_seq: Option<i64>,
    m_read_seq: Option<i64>,
    m_last_seen_at: Option<Moment>,
}

const MEMBERSHIP: Statement = Statement::both(concat!(
    "select ",
    conversation_columns!(),
    ", m.role as m_role, m.joined_at as m_joined_at, m.delivered_seq as m_delivered_seq, \
     m.read_seq as m_read_seq, m.last_seen_at as m_last_seen_at \
     from conversations c left join members m \
     on m.conversation_id = c.id and m.user_id = $3 and m.left_at is null \
     where c.organization_id = $1 and c.id = $2"
));

pub(crate) async fn membership(
    database: &Database,
    viewer: &Viewer,
    conversation: ConversationId,
) -> Result<Option<Membership>, Failure> {
    let args = args![&viewer.organization, conversation, &viewer.user];
    let mut session = database.read().await?;
    let Some(row) = session.first::<MembershipRow>(&MEMBERSHIP, args).await? else {
        return Ok(None);
    };
    let member = match (row.m_role, row.m_joined_at) {
        (Some(role), Some(joined_at)) => Some(Member {
            user_id: viewer.user.clone(),
            role: word(Role::from_word, &role)?,
            joined_at: joined_at.0,
            delivered_seq: row.m_delivered_seq.unwrap_or(0),
            read_seq: row.m_read_seq.unwrap_or(0),
            last_seen_at: row.m_last_seen_at.map(|at| at.0),
            left_at: None,
        }),
        _ => None,
    };
    Ok(Some(Membership {
        conversation: row.conversation.try_into()?,
        member,
    }))
}

const VIEW: Statement = Statement::both(concat!(
    "select ",
    conversation_columns!(),
    ", m.role as my_role, ",
    unread_count!("m"),
    " as unread_count \
     from conversations c join members m on m.conversation_id = c.id \
     where c.organization_id = $1 and c.id = $2 and m.user_id = $3 and m.left_at is null"
));

pub(crate) async fn view(
    database: &Database,
    viewer: &Viewer,
    conversation: ConversationId,
) -> Result<Option<ConversationView>, Failure> {
    view_in(&mut database.read().await?, viewer, conversation).await
}

pub(crate) async fn view_in(
    session: &mut Session,
    viewer: &Viewer,
    conversation: ConversationId,
) -> Result<Option<ConversationView>, Failure> {
    let args = args![&viewer.organization, conversation, &viewer.user];
    let row: Option<ViewRow> = session.first(&VIEW, args).await?;
    row.map(ConversationView::try_from).transpose()
}

const LIST: Statement = Statement::both(concat!(
    "select ",
    conversation_columns!(),
    ", m.role as my_role, ",
    unread_count!("m"),
    " as unread_count \
     from members m join conversations c on c.id = m.conversation_id \
     where m.organization_id = $1 and m.user_id = $2 and m.left_at is null \
     and c.organization_id = $1 and c.status = $3 and (c.activity_at, c.id) < ($4, $5) \
     order by c.activity_at desc, c.id desc limit $6"
));

pub(crate) async fn list(
    database: &Database,
    viewer: &Viewer,
    page: ListPage,
) -> Result<Vec<ConversationView>, Failure> {
    let (at, id) = page
        .after
        .unwrap_or((END_OF_TIME, ConversationId(Uuid::max())));
    let status = page.status.as_str();
    let args = args![
        &viewer.organization,
        &viewer.user,
        status,
        at,
        id,
        page.limit
    ];
    let rows: Vec<ViewRow> = database.read().await?.all(&LIST, args).await?;
    objects(rows)
}

/// Those who joined in the same moment: the creator first, then by name.
const MEMBERS: Statement = Statement::both(concat!(
    "select ",
    member_columns!(),
    " from members m join conversations c on c.id = m.conversation_id \
     where c.organization_id = $1 and c.id = $2 and m.left_at is null \
     order by m.joined_at, m.user_id <> c.created_by, m.user_id limit $3"
));

pub(crate) async fn members(
    database: &Database,
    organization: &OrganizationId,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<Member>, Failure> {
    members_in(
        &mut database.read().await?,
        organization,
        conversation,
        limit,
    )
    .await
}

pub(crate) async fn members_in(
    session: &mut Session,
    organization: &OrganizationId,
    conversation: ConversationId,
    limit: i64,
) -> Result<Vec<Member>, Failure> {
    let args = args![organization, conversation, limit];
    let rows: Vec<MemberRow> = session.all(&MEMBERS, args).await?;
    objects(rows)
}

#[derive(FromRow)]
struct HeadRow {
    id: Id,
    rev: i64,
    member_count: i64,
}

impl TryFrom<HeadRow> for Head {
    type Error = Failure;

    fn try_from(row: HeadRow) -> Result<Self, Failure> {
        Ok(Self {
            conversation: ConversationId(row.id.0),
            rev: row.rev,
            member_count: row.member_count,
        })
    }
}

#[derive(FromRow)]
struct OwnHeadRow {
    user_id: String,
    #[sqlx(flatten)]
    head: HeadRow,
}

impl TryFrom<OwnHeadRow> for (UserId, Head) {
    type Error = Failure;

    fn try_from(row: OwnHeadRow) -> Result<Self, Failure> {
        Ok((user(&row.user_id)?, row.head.try_into()?))
    }
}

macro_rules! heads_of {
    ($among:literal) => {
        concat!(
            "select user_id, id, rev, member_count from (\
               select m.user_id, c.id, c.rev, c.member_count, row_number() over (\
                 partition by m.user_id order by c.activity_at desc, c.id desc) as n \
               from members m join conversations c on c.id = m.conversation_id \
               where m.organization_id = $1 and m.left_at is null \
               and c.organization_id = $1 and c.status = 'active' and m.user_id ",
            $among,
            ") o where n <= $3 order by user_id, n"
        )
    };
}

const HEADS_OF: Statement = Statement {
    postgres: heads_of!("= any($2)"),
    sqlite: heads_of!("in (select value from json_each($2))"),
};

/// Those of each user, newest activity first, at most `limit` each.
pub(crate) async fn heads_of(
    database: &Database,
    organization: &OrganizationId,
    users: &[UserId],
    limit: i64,
) -> Result<Vec<(UserId, Head)>, Failure> {
    let args = args![organization, users, limit];
    let rows: Vec<OwnHeadRow> = database.read().await?.all(&HEADS_OF, args).await?;
    objects(rows)
}

const HEADS: Statement = Statement {
    postgres: "select id, rev, member_count from conversations \
               where organization_id = $1 and id = any($2)",
    sqlite: "select id, rev, member_count from conversations \
             where organization_id = $1 and id in (select value from json_each($2))",
};

pub(crate) async fn heads(
    database: &Database,
    organization: &OrganizationId,
    conversations: &[ConversationId],
) -> Result<Vec<Head>, Failure> {
    let args = args![organization, conversations];
    let rows: Vec<HeadRow> = database.read().await?.all(&HEADS, args).await?;
    objects(rows)
}
