//! Changing conversations and who is in them.

mod rules;

use std::collections::HashMap;

use sqlx::FromRow;
use switchboard_messaging::store::{Alteration, Altered, Altering, Refusal};
use switchboard_protocol::{ConversationView, Member, UserId};

use crate::conversations::view_in;
use crate::database::{Database, Session, Statement};
use crate::failure::Failure;
use crate::rows::{MemberRow, member_columns, objects, user};
use crate::sync;
use crate::values::{Id, args};
use rules::{Scene, Step};

#[derive(FromRow)]
struct LockRow {
    #[expect(dead_code, reason = "that there is a row is all that is asked")]
    id: Id,
}

/// `no key`: foreign keys to the conversation may be checked meanwhile.
const LOCK: Statement = Statement {
    postgres: "select c.id from conversations c where c.organization_id = $1 and c.id = $2 \
               for no key update",
    sqlite: "select c.id from conversations c where c.organization_id = $1 and c.id = $2",
};

pub(crate) async fn alter(database: &Database, wanted: &Alteration) -> Result<Altered, Failure> {
    let mut session = database.transaction().await?;
    let args = args![&wanted.by.organization, wanted.conversation];
    let locked: Option<LockRow> = session.first(&LOCK, args).await?;
    locked.ok_or(Refusal::NoConversation)?;
    // In other statements than the lock: what these read cannot change any more.
    let view = view_in(&mut session, &wanted.by, wanted.conversation).await?;
    let scene = scene(&mut session, wanted, view.ok_or(Refusal::NotMember)?).await?;
    let before = scene.view.conversation.rev;
    let mut rev = before;
    for step in rules::steps(&wanted.what, &scene)? {
        rev = write(&mut session, wanted, &step, rev).await?;
    }
    let altered = altered(&mut session, wanted, (before, rev)).await?;
    session.commit().await?;
    Ok(altered)
}

#[derive(FromRow)]
struct HeirRow {
    user_id: String,
}

const HEIR: Statement = Statement::both(
    "select m.user_id from members m join conversations c on c.id = m.conversation_id \
     where c.organization_id = $1 and c.id = $2 and m.user_id <> $3 and m.left_at is null \
     order by case m.role when 'admin' then 0 when 'member' then 1 else 2 end, \
     m.joined_at, m.user_id <> c.created_by, m.user_id limit 1",
);

async fn scene(
    session: &mut Session,
    wanted: &Alteration,
    view: ConversationView,
) -> Result<Scene, Failure> {
    let named = members(session, wanted, named(&wanted.what)).await?;
    let mut heir = None;
    if wanted.what == Altering::Exit {
        let args = args![
            &wanted.by.organization,
            wanted.conversation,
            &wanted.by.user
        ];
        let row: Option<HeirRow> = session.first(&HEIR, args).await?;
        heir = row.map(|row| user(&row.user_id)).transpose()?;
    }
    Ok(Scene {
        view,
        caller: wanted.by.user.clone(),
        named,
        heir,
    })
}

fn named(what: &Altering) -> &[UserId] {
    match what {
        Altering::Add { users, .. }
        | Altering::Remove { users }
        | Altering::SetRole { users, .. } => users,
        Altering::Details { .. } | Altering::Archive | Altering::Reopen | Altering::Exit => &[],
    }
}

const MEMBERS: Statement = Statement {
    postgres: concat!(
        "select ",
        member_columns!(),
        " from members m where m.organization_id = $1 and m.conversation_id = $2 \
         and m.user_id = any($3)"
    ),
    sqlite: concat!(
        "select ",
        member_columns!(),
        " from members m where m.organization_id = $1 and m.conversation_id = $2 \
         and m.user_id in (select value from json_each($3))"
    ),
};

/// Those of these users who are or were members.
async fn members(
    session: &mut Session,
    wanted: &Alteration,
    users: &[UserId],
) -> Result<HashMap<UserId, Member>, Failure> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let args = args![&wanted.by.organization, wanted.conversation, users];
    let rows: Vec<MemberRow> = session.all(&MEMBERS, args).await?;
    let members = objects(rows)?.into_iter();
    Ok(members
        .map(|member: Member| (member.user_id.clone(), member))
        .collect())
}

/// Writes one step from after a `rev`; the last one that it took.
async fn write(
    session: &mut Session,
    wanted: &Alteration,
    step: &Step,
    rev: i64,
) -> Result<i64, Failure> {
    let (conversation, at) = (wanted.conversation, wanted.at);
    let organization = &wanted.by.organization;
    match step {
        Step::Add(users, role) => {
            let role = role.as_str();
            let args = args![conversation, organization, users.as_slice(), rev, role, at];
            session.execute(&ADD, args).await?;
            let more = users.len() as i64;
            record_members(session, wanted, ("member_added", users), (rev, more)).await
        }
        Step::Leave(users) => {
            let args = args![conversation, organization, users.as_slice(), rev, at];
            session.execute(&LEAVE, args).await?;
            let fewer = -(users.len() as i64);
            record_members(session, wanted, ("member_removed", users), (rev, fewer)).await
        }
        Step::SetRole(users, role) => {
            let role = role.as_str();
            let args = args![conversation, organization, users.as_slice(), rev, role];
            session.execute(&SET_ROLE, args).await?;
            record_members(session, wanted, ("member_role", users), (rev, 0)).await
        }
        Step::Details { title, metadata } => {
            let args = args![conversation, title.as_deref(), metadata];
            session.execute(&DETAILS, args).await?;
            record(session, wanted, "conversation_updated", rev + 1).await
        }
        Step::Archive => {
            let args = args![conversation, at, &wanted.by.user];
            session.execute(&ARCHIVE, args).await?;
            record(session, wanted, "conversation_archived", rev + 1).await
        }
        Step::Reopen => {
            session.execute(&REOPEN, args![conversation]).await?;
            record(session, wanted, "conversation_reopened", rev + 1).await
        }
    }
}

// What is written of members: `$1` is the conversation, `$2` its organization, and each of the users
// `$3` takes a rev after `$4`.

/// What was said before somebody came is nothing that they have not read. Who comes back begins anew.
macro_rules! add_members {
    ($user:literal, $n:literal, $from:literal) => {
        concat!(
            "insert into members (conversation_id, organization_id, user_id, role, joined_at, rev, \
             delivered_seq, read_seq) select $1, $2, ",
            $user,
            ", $5, $6, $4 + ",
            $n,
            ", c.last_seq, c.last_seq from conversations c cross join ",
            $from,
            " where c.id = $1 on conflict (conversation_id, user_id) do update set \
             role = excluded.role, joined_at = excluded.joined_at, left_at = null, \
             rev = excluded.rev, delivered_seq = excluded.delivered_seq, \
             read_seq = excluded.read_seq, delivered_at = null, read_at = null"
        )
    };
}

const ADD: Statement = Statement {
    postgres: add_members!(
        "o.user_id",
        "o.n",
        "unnest($3) with ordinality as o (user_id, n)"
    ),
    sqlite: add_members!("o.value", "o.key + 1", "json_each($3) as o"),
};

macro_rules! update_members {
    ($change:literal) => {
        Statement {
            postgres: concat!(
                "update members set ",
                $change,
                ", rev = $4 + o.n from unnest($3) with ordinality as o (user_id, n) \
                 where members.conversation_id = $1 and members.organization_id = $2 \
                 and members.user_id = o.user_id"
            ),
            sqlite: concat!(
                "update members set ",
                $change,
                ", rev = $4 + o.key + 1 from json_each($3) as o \
                 where members.conversation_id = $1 and members.organization_id = $2 \
                 and members.user_id = o.value"
            ),
        }
    };
}

/// The role stays as it was.
const LEAVE: Statement = update_members!("left_at = $5");
const SET_ROLE: Statement = update_members!("role = $5");
const RECORD_MEMBERS: Statement = Statement {
    postgres: "insert into changes (conversation_id, organization_id, rev, kind, user_id, at, \
               socket, member_id) select $1, $2, $4 + o.n, $5, $6, $7, $8, o.user_id \
               from unnest($3) with ordinality as o (user_id, n)",
    sqlite: "insert into changes (conversation_id, organization_id, rev, kind, user_id, at, \
             socket, member_id) select $1, $2, $4 + key + 1, $5, $6, $7, $8, value \
             from json_each($3)",
};

/// Gives the changes of these members their `rev`s; returns the last one.
async fn record_members(
    session: &mut Session,
    wanted: &Alteration,
    (kind, users): (&str, &[UserId]),
    (rev, more_members): (i64, i64),
) -> Result<i64, Failure> {
    let (conversation, organization) = (wanted.conversation, &wanted.by.organization);
    let (by, at, socket) = (&wanted.by.user, wanted.at, wanted.socket.as_deref());
    let args = args![conversation, organization, users, rev, kind, by, at, socket];
    session.execute(&RECORD_MEMBERS, args).await?;
    move_head(session, wanted, rev + users.len() as i64, more_members).await
}

const DETAILS: Statement =
    Statement::both("update conversations set title = $2, metadata = $3 where id = $1");
const ARCHIVE: Statement = Statement::both(
    "update conversations set status = 'archived', archived_at = $2, archived_by = $3 \
     where id = $1",
);
const REOPEN: Statement = Statement::both(
    "update conversations set status = 'active', archived_at = null, archived_by = null \
     where id = $1",
);
const RECORD: Statement = Statement::both(
    "insert into changes (conversation_id, organization_id, rev, kind, user_id, at, socket) \
     values ($1, $2, $3, $4, $5, $6, $7)",
);

/// Gives a change of the conversation itself its `rev`, which is returned.
async fn record(
    session: &mut Session,
    wanted: &Alteration,
    kind: &str,
    rev: i64,
) -> Result<i64, Failure> {
    let (organization, by) = (&wanted.by.organization, &wanted.by.user);
    let socket = wanted.socket.as_deref();
    let args = args![
        wanted.conversation,
        organization,
        rev,
        kind,
        by,
        wanted.at,
        socket
    ];
    session.execute(&RECORD, args).await?;
    move_head(session, wanted, rev, 0).await
}

const MOVE_HEAD: Statement = Statement::both(
    "update conversations set rev = $2, member_count = member_count + $3 where id = $1",
);

async fn move_head(
    session: &mut Session,
    wanted: &Alteration,
    rev: i64,
    more_members: i64,
) -> Result<i64, Failure> {
    let args = args![wanted.conversation, rev, more_members];
    session.execute(&MOVE_HEAD, args).await?;
    Ok(rev)
}

/// What is told of it.
async fn altered(
    session: &mut Session,
    wanted: &Alteration,
    (before, rev): (i64, i64),
) -> Result<Altered, Failure> {
    let (organization, conversation) = (&wanted.by.organization, wanted.conversation);
    let mut changes = Vec::new();
    if rev > before {
        changes = sync::changes_in(session, organization, conversation, (before, rev)).await?;
    }
    let mut asked: Vec<UserId> = named(&wanted.what).to_vec();
    asked.extend(changes.iter().filter_map(sync::member_of).cloned());
    let mut found = members(session, wanted, &asked).await?;
    Ok(Altered {
        view: view_in(session, &wanted.by, conversation).await?,
        rev,
        // Each is taken once.
        members: asked.iter().filter_map(|user| found.remove(user)).collect(),
        changes,
    })
}
