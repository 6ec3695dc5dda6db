//! Requests that may be repeated with the same key and are carried out once.

use sqlx::FromRow;
use switchboard_messaging::store::{Begun, NewRequest, Viewer};
use switchboard_protocol::Timestamp;
use uuid::Uuid;

use crate::database::{Database, Statement};
use crate::failure::{Failure, nonsense};
use crate::values::{Id, args};

#[derive(FromRow)]
struct BegunRow {
    id: Id,
}

/// A row that is over is as good as none; one whose request was begun and given up is taken over.
const BEGIN: Statement = Statement::both(
    "insert into idempotent_requests as r \
     (organization_id, user_id, key, fingerprint, id, claimed_at, expires_at) \
     values ($1, $2, $3, $4, $5, $6, $7) \
     on conflict (organization_id, user_id, key) do update set \
     id = case when r.expires_at <= $6 then excluded.id else r.id end, \
     fingerprint = excluded.fingerprint, claimed_at = excluded.claimed_at, \
     expires_at = excluded.expires_at, status = null, body = null \
     where r.expires_at <= $6 or (r.status is null and r.claimed_at <= $8 \
     and r.fingerprint = excluded.fingerprint) returning id",
);

#[derive(FromRow)]
struct RequestRow {
    fingerprint: String,
    status: Option<i64>,
    body: Option<String>,
}

const FIND: Statement = Statement::both(
    "select fingerprint, status, body from idempotent_requests \
     where organization_id = $1 and user_id = $2 and key = $3",
);

pub(crate) async fn begin(database: &Database, new: &NewRequest) -> Result<Begun, Failure> {
    let Viewer { organization, user } = &new.caller;
    let key = new.key.as_str();
    let mut session = database.write().await?;
    let args = args![
        organization,
        user,
        key,
        new.fingerprint.as_str(),
        new.id,
        new.at,
        new.expires_at,
        new.abandoned_before,
    ];
    if let Some(begun) = session.first::<BegunRow>(&BEGIN, args).await? {
        return Ok(Begun::New(begun.id.0));
    }
    let found: Option<RequestRow> = session.first(&FIND, args![organization, user, key]).await?;
    // It may just have been given up: whoever asks again finds it so.
    let Some(found) = found else {
        return Ok(Begun::UnderWay);
    };
    if found.fingerprint != new.fingerprint {
        return Ok(Begun::Other);
    }
    match found.status.zip(found.body) {
        None => Ok(Begun::UnderWay),
        Some((status, body)) => {
            let status = u16::try_from(status);
            let status = status.map_err(|_| nonsense("the database has no HTTP status"))?;
            Ok(Begun::Done { status, body })
        }
    }
}

const FINISH: Statement = Statement::both(
    "update idempotent_requests set status = $5, body = $6 \
     where organization_id = $1 and user_id = $2 and key = $3 and id = $4",
);

pub(crate) async fn finish(
    database: &Database,
    caller: &Viewer,
    (key, id): (&str, Uuid),
    (status, body): (u16, &str),
) -> Result<(), Failure> {
    let Viewer { organization, user } = caller;
    let args = args![organization, user, key, id, i64::from(status), body];
    database.write().await?.execute(&FINISH, args).await?;
    Ok(())
}

/// Whoever asks next takes it over.
const RELEASE: Statement = Statement::both(
    "update idempotent_requests set claimed_at = $5 where organization_id = $1 and user_id = $2 \
     and key = $3 and id = $4 and status is null",
);
const FORGET: Statement = Statement::both(
    "delete from idempotent_requests where organization_id = $1 and user_id = $2 and key = $3 \
     and id = $4 and status is null",
);

pub(crate) async fn abandon(
    database: &Database,
    caller: &Viewer,
    (key, id): (&str, Uuid),
    forgotten: bool,
) -> Result<(), Failure> {
    let mut args = args![&caller.organization, &caller.user, key, id];
    let mut session = database.write().await?;
    if forgotten {
        session.execute(&FORGET, args).await?;
    } else {
        args.push(Timestamp::from_millis(0).into());
        session.execute(&RELEASE, args).await?;
    }
    Ok(())
}
