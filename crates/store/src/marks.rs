//! Watermarks that move while others do: one statement moves them all, and one commit makes them
//! durable.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sqlx::FromRow;
use switchboard_messaging::store::{Advance, Advanced, ReceiptKind, StoreResult};
use switchboard_protocol::{ConversationId, OrganizationId};

use crate::database::{Database, Session};
use crate::failure::Failure;
use crate::group_commit::{Commit, Fate, Locks};
use crate::guard::Guard;
use crate::pool::Lent;
use crate::receipts::{self, MarksRow, member_count};
use crate::retry::retried;
use crate::rows::unread_count;
use crate::values::moment;

/// Moves what can be moved at once.
#[derive(Debug)]
pub(crate) struct Marker {
    pub(crate) database: Database,
    pub(crate) guard: Guard,
}

#[async_trait]
impl Commit for Marker {
    type Item = Advance;
    /// Nothing when it did not move, or when somebody else has its member: then it is to be looked
    /// at by itself.
    type Output = Option<Advanced>;
    type Lane = OrganizationId;
    type Row = ConversationId;

    const OPERATION: &'static str = "advance_together";

    fn lane(item: &Advance) -> OrganizationId {
        item.viewer.organization.clone()
    }

    fn row(item: &Advance) -> ConversationId {
        item.conversation
    }

    async fn commit(
        &self,
        items: &[Advance],
        _locks: Locks,
    ) -> StoreResult<Vec<Fate<Option<Advanced>>>> {
        let work = retried(|| together(&self.database, items));
        let mut moved = self.guard.run(work).await?;
        let fates = (0..items.len()).map(|n| Fate::Done(Ok(moved.remove(&n))));
        Ok(fates.collect())
    }
}

/// What moved, by its place in `items`.
async fn together(
    database: &Database,
    items: &[Advance],
) -> Result<HashMap<usize, Advanced>, Failure> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<(usize, &Advance)> = items.iter().enumerate().collect();
    // A statement changes a row once.
    distinct.retain(|(_, item)| seen.insert((item.conversation, &item.viewer)));
    // In one order, so that two nodes do not wait for each other in a circle.
    distinct.sort_by_key(|(_, item)| (item.conversation, item.viewer.user.as_str()));
    if let [(n, item)] = distinct.as_slice() {
        let moved = receipts::move_forward(&mut database.write().await?, item).await?;
        return Ok(moved.into_iter().map(|moved| (*n, moved)).collect());
    }
    // SQLite's are cheap by themselves, and share the commit; PostgreSQL's share a statement, which
    // commits by itself.
    let mut session = match database {
        Database::Sqlite { .. } => database.transaction().await?,
        Database::Postgres(_) => database.write().await?,
    };
    let mut moved = HashMap::new();
    if let Session::Postgres(held) = &mut session {
        moved = in_one_statement(held, &distinct).await?;
    } else {
        for (n, item) in distinct {
            let one = receipts::move_forward(&mut session, item).await?;
            moved.extend(one.map(|one| (n, one)));
        }
    }
    session.commit().await?;
    Ok(moved)
}

#[derive(FromRow)]
struct MovedRow {
    n: i64,
    #[sqlx(flatten)]
    marks: MarksRow,
}

const TOGETHER: &str = concat!(
    "update members set \
       read_seq = case when f.is_read then f.seq else read_seq end, \
       read_at = case when f.is_read then f.at else read_at end, \
       delivered_at = case when delivered_seq < f.seq then f.at else delivered_at end, \
       delivered_seq = greatest(delivered_seq, f.seq), \
       last_seen_at = f.at \
     from (select i.* from unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], \
                                  $6::timestamptz[], $7::boolean[]) \
             as i (n, organization_id, conversation_id, user_id, seq, at, is_read) \
           cross join lateral ( \
             select 1 from conversations c where c.id = i.conversation_id \
             and c.organization_id = i.organization_id and c.last_seq >= i.seq limit 1) c \
           cross join lateral ( \
             select 1 from members m where m.conversation_id = i.conversation_id \
             and m.user_id = i.user_id and m.left_at is null \
             and case when i.is_read then m.read_seq else m.delivered_seq end < i.seq \
             limit 1 for no key update skip locked) m) f \
     where members.conversation_id = f.conversation_id and members.user_id = f.user_id \
     returning f.n, delivered_seq, read_seq, ",
    unread_count!("members"),
    " as unread_count, ",
    member_count!()
);

async fn in_one_statement(
    lent: &mut Lent,
    items: &[(usize, &Advance)],
) -> Result<HashMap<usize, Advanced>, Failure> {
    fn column<'i, T>(items: &'i [(usize, &Advance)], of: impl Fn(&'i Advance) -> T) -> Vec<T> {
        items.iter().map(|(_, item)| of(item)).collect()
    }
    let at = items.iter().map(|(_, item)| moment(item.at));
    let at = at
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let places: Vec<i64> = items.iter().map(|(n, _)| *n as i64).collect();
    let rows: Vec<MovedRow> = sqlx::query_as(TOGETHER)
        .bind(places)
        .bind(column(items, |item| item.viewer.organization.as_str()))
        .bind(column(items, |item| item.conversation.0))
        .bind(column(items, |item| item.viewer.user.as_str()))
        .bind(column(items, |item| item.up_to_seq))
        .bind(at)
        .bind(column(items, |item| item.kind == ReceiptKind::Read))
        .fetch_all(lent.asks()?)
        .await?;
    lent.answered();
    let moved = |row: MovedRow| (row.n as usize, row.marks.advanced(true));
    Ok(rows.into_iter().map(moved).collect())
}
