//! Tokens that are no longer believed, and users who were sent away.

use sqlx::FromRow;
use switchboard_messaging::revocations::{Revocation, Revoked};
use switchboard_protocol::{OrganizationId, Timestamp};

use crate::database::{Database, Statement};
use crate::failure::{Failure, nonsense};
use crate::rows::user;
use crate::values::{Moment, args};

const TOKEN: &str = "token";
const TOKENS: &str = "tokens";
const SOCKETS: &str = "sockets";

/// Of two of one thing the later `issued_before` and the later end count, whichever came first.
const REVOKE: Statement = Statement::both(
    "insert into revocations \
     (organization_id, kind, subject, issued_before, reason, revoked_at, expires_at) \
     values ($1, $2, $3, $4, $5, $6, $7) \
     on conflict (organization_id, kind, subject) do update set \
     issued_before = case when revocations.issued_before > excluded.issued_before \
     then revocations.issued_before else excluded.issued_before end, \
     reason = excluded.reason, revoked_at = excluded.revoked_at, \
     expires_at = case when revocations.expires_at > excluded.expires_at \
     then revocations.expires_at else excluded.expires_at end",
);

pub(crate) async fn revoke(database: &Database, revocation: &Revocation) -> Result<(), Failure> {
    let (kind, subject, before, reason) = match &revocation.what {
        Revoked::Token { jti } => (TOKEN, jti.as_str(), None, None),
        Revoked::Tokens { user, before } => (TOKENS, user.as_str(), Some(*before), None),
        Revoked::Sockets { user, reason } => (SOCKETS, user.as_str(), None, reason.as_deref()),
    };
    let Revocation {
        organization,
        at,
        expires_at,
        ..
    } = revocation;
    let args = args![
        organization,
        kind,
        subject,
        before,
        reason,
        *at,
        *expires_at
    ];
    database.write().await?.execute(&REVOKE, args).await?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    organization_id: String,
    kind: String,
    subject: String,
    issued_before: Option<Moment>,
    reason: Option<String>,
    revoked_at: Moment,
    expires_at: Moment,
}

impl Row {
    /// `None` for a kind that only a later version knows.
    fn read(self) -> Result<Option<Revocation>, Failure> {
        let row = self;
        let what = match (row.kind.as_str(), row.issued_before) {
            (TOKEN, _) => Revoked::Token { jti: row.subject },
            (TOKENS, Some(before)) => Revoked::Tokens {
                user: user(&row.subject)?,
                before: before.0,
            },
            (SOCKETS, _) => Revoked::Sockets {
                user: user(&row.subject)?,
                reason: row.reason,
            },
            _ => return Ok(None),
        };
        let organization = OrganizationId::new(&row.organization_id)
            .map_err(|error| nonsense(format!("the database has a name that {error}")))?;
        Ok(Some(Revocation {
            organization,
            what,
            at: row.revoked_at.0,
            expires_at: row.expires_at.0,
        }))
    }
}

const SINCE: Statement = Statement::both(
    "select organization_id, kind, subject, issued_before, reason, revoked_at, expires_at \
     from revocations where revoked_at >= $1 and expires_at > $2",
);

pub(crate) async fn since(
    database: &Database,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Revocation>, Failure> {
    let rows: Vec<Row> = database
        .read()
        .await?
        .all(&SINCE, args![since, now])
        .await?;
    rows.into_iter()
        .filter_map(|row| row.read().transpose())
        .collect()
}

const FORGET: Statement = Statement::both("delete from revocations where expires_at <= $1");

pub(crate) async fn forget(database: &Database, now: Timestamp) -> Result<u64, Failure> {
    database.write().await?.execute(&FORGET, args![now]).await
}
