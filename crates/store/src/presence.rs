//! When users were there.

use sqlx::FromRow;
use switchboard_messaging::store::{PresenceRecord, Viewer};
use switchboard_protocol::{PresenceStatus, Timestamp};

use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::rows::word;
use crate::values::{Arg, Moment, args};

/// What was recorded for the same millisecond before is replaced: a repetition changes nothing.
const RECORD: Statement = Statement {
    postgres: "insert into presence_changes (organization_id, user_id, at, status) \
               select o, u, timestamptz 'epoch' + m::bigint * interval '1 millisecond', s \
               from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as r (o, u, m, s) \
               on conflict (organization_id, user_id, at) do update set status = excluded.status",
    sqlite: "insert into presence_changes (organization_id, user_id, at, status) \
             select o.value, u.value, cast(m.value as integer), s.value \
             from json_each($1) o join json_each($2) u on u.key = o.key \
             join json_each($3) m on m.key = o.key join json_each($4) s on s.key = o.key \
             where true \
             on conflict (organization_id, user_id, at) do update set status = excluded.status",
};

pub(crate) async fn record(database: &Database, records: &[PresenceRecord]) -> Result<(), Failure> {
    // One statement may write a row only once. The order keeps nodes from waiting for each other.
    let rows: std::collections::BTreeMap<_, _> = records
        .iter()
        .map(|record| {
            let (organization, user) = record.whose.as_ref().map_or(("", ""), |whose| {
                (whose.organization.as_str(), whose.user.as_str())
            });
            ((organization, user, record.at), record.status)
        })
        .collect();
    let column = |of: fn(&(&str, &str, Timestamp), PresenceStatus) -> String| {
        Arg::Texts(rows.iter().map(|(key, status)| of(key, *status)).collect())
    };
    let args = vec![
        column(|(organization, ..), _| (*organization).to_owned()),
        column(|(_, user, _), _| (*user).to_owned()),
        column(|(.., at), _| at.as_millis().to_string()),
        column(|_, status| status.as_str().to_owned()),
    ];
    database.write().await?.execute(&RECORD, args).await?;
    Ok(())
}

#[derive(FromRow)]
struct ChangeRow {
    at: Moment,
    status: String,
}

/// From the change that counts at `$3` on.
const BETWEEN: Statement = Statement::both(
    "with since (at) as (select coalesce(max(at), $3) from ( \
         select max(at) as at from presence_changes \
         where organization_id = $1 and user_id = $2 and at <= $3 \
         union all select max(at) from presence_changes \
         where organization_id = '' and user_id = '' and at <= $3) as before) \
     select at, status from ( \
         select at, status from presence_changes \
         where organization_id = $1 and user_id = $2 \
         and at >= (select at from since) and at < $4 \
         union all select at, status from presence_changes \
         where organization_id = '' and user_id = '' \
         and at >= (select at from since) and at < $4) as changes \
     order by at limit $5",
);

pub(crate) async fn between(
    database: &Database,
    viewer: &Viewer,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<(Timestamp, PresenceStatus)>, Failure> {
    let args = args![&viewer.organization, &viewer.user, from, to, limit];
    let rows: Vec<ChangeRow> = database.read().await?.all(&BETWEEN, args).await?;
    let change = |row: ChangeRow| Ok((row.at.0, word(PresenceStatus::from_word, &row.status)?));
    rows.into_iter().map(change).collect()
}

const FORGET: Statement = Statement {
    postgres: "delete from presence_changes where ctid = any (array( \
               select ctid from presence_changes where at < $1 \
               order by at limit $2 for update skip locked))",
    sqlite: "delete from presence_changes where rowid in ( \
             select rowid from presence_changes where at < $1 order by at limit $2)",
};

pub(crate) async fn forget(
    database: &Database,
    before: Timestamp,
    limit: i64,
) -> Result<u64, Failure> {
    let args = args![before, limit];
    database.write().await?.execute(&FORGET, args).await
}
