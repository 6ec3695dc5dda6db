//! Sessions: one script, by the time of Redis.

use std::sync::Arc;

use async_trait::async_trait;
use fred::types::Value;
use futures_util::StreamExt;
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{Claim, HubError, HubResult, SessionKey, SessionRecord, Sessions};
use switchboard_protocol::{OrganizationId, UserId};

use super::RedisHub;
use super::link::Link;

/// How much longer it is remembered that there was a session, in milliseconds.
const REMEMBERED: i64 = 600_000;

/// Sessions that are prolonged at the same time.
const AT_ONCE: usize = 64;

/// What `session.lua` does with one session.
#[derive(Debug)]
pub(super) struct Deed {
    /// The session's key in Redis.
    key: String,
    op: &'static str,
    ttl_ms: u64,
    args: [String; 3],
}

/// Does what is to be done with sessions of one organization.
pub(super) struct Doer(pub(super) Arc<Link>);

#[async_trait]
impl Together for Doer {
    type Item = Deed;
    /// The script's words.
    type Answer = Vec<String>;
    type Error = HubError;

    async fn ask(&self, _: &OrganizationId, deeds: Vec<Deed>) -> HubResult<Vec<Vec<String>>> {
        let (mut keys, mut args) = (Vec::with_capacity(deeds.len()), Vec::<Value>::new());
        for deed in deeds {
            let ttl = i64::try_from(deed.ttl_ms).unwrap_or(i64::MAX / 2);
            keys.push(deed.key);
            args.extend([deed.op.into(), ttl.into(), REMEMBERED.into()]);
            args.extend(deed.args.map(Value::from));
        }
        self.0.call(&self.0.scripts.session, keys, args).await
    }
}

impl RedisHub {
    async fn session(
        &self,
        (organization, key): (&OrganizationId, &SessionKey),
        op: &'static str,
        ttl_ms: u64,
        args: &[&str],
    ) -> HubResult<Vec<String>> {
        let arg = |at: usize| args.get(at).copied().unwrap_or_default().to_owned();
        let deed = Deed {
            key: self.keys.session(organization, key),
            op,
            ttl_ms,
            args: [arg(0), arg(1), arg(2)],
        };
        self.gathered.sessions.submit(organization, deed).await
    }
}

#[async_trait]
impl Sessions for RedisHub {
    async fn session_save(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        record: &SessionRecord,
        ttl_ms: u64,
    ) -> HubResult<()> {
        let text = serde_json::to_string(record).map_err(|error| HubError(error.to_string()))?;
        let args = [record.user.as_str(), &record.owner, &text];
        self.session((organization, key), "save", ttl_ms, &args)
            .await?;
        Ok(())
    }

    async fn session_keep(
        &self,
        sessions: &[(OrganizationId, SessionKey)],
        ttl_ms: u64,
    ) -> HubResult<Vec<usize>> {
        let keep = async |(index, (organization, key)): (usize, &(OrganizationId, SessionKey))| {
            let reply = self
                .session((organization, key), "keep", ttl_ms, &[])
                .await?;
            Ok::<_, HubError>((reply.first().map(String::as_str) != Some("ok")).then_some(index))
        };
        let keeping = futures_util::stream::iter(sessions.iter().enumerate().map(keep));
        let gone: Vec<_> = keeping.buffered(AT_ONCE).collect().await;
        let gone: HubResult<Vec<_>> = gone.into_iter().collect();
        Ok(gone?.into_iter().flatten().collect())
    }

    async fn session_claim(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        user: &UserId,
        owner: &str,
        ttl_ms: u64,
    ) -> HubResult<Claim> {
        let args = [user.as_str(), owner];
        let reply = self
            .session((organization, key), "claim", ttl_ms, &args)
            .await?;
        let words: Vec<&str> = reply.iter().map(String::as_str).collect();
        match *words {
            // One that another version wrote is as good as none.
            ["ok", record] => Ok(serde_json::from_str(record)
                .map_or(Claim::Unknown, |record| Claim::Granted(Box::new(record)))),
            ["unknown"] => Ok(Claim::Unknown),
            ["expired"] => Ok(Claim::Expired),
            ["identity"] => Ok(Claim::Identity),
            _ => Err(HubError(
                "the session script answered something else".into(),
            )),
        }
    }

    async fn session_end(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        owner: &str,
    ) -> HubResult<()> {
        self.session((organization, key), "end", 0, &[owner])
            .await?;
        Ok(())
    }
}
