//! What users have not read: a hash for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fred::interfaces::HashesInterface;
use fred::types::Value;
use futures_util::future::try_join_all;
use serde_json::json;
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{HubError, HubResult, UnreadBook, UnreadNote};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};

use super::keys::Keys;
use super::link::Link;
use super::{RedisHub, millis};
use crate::UNREAD_KEPT;

/// Users of one call of the script: nobody else is served meanwhile.
const AT_ONCE: usize = 200;

/// Notes what users of one organization have not read.
pub(super) struct Noter {
    pub(super) link: Arc<Link>,
    pub(super) keys: Keys,
}

#[async_trait]
impl Together for Noter {
    type Item = UnreadNote;
    /// The user's total, if all is known.
    type Answer = Option<i64>;
    type Error = HubError;

    async fn ask(
        &self,
        organization: &OrganizationId,
        notes: Vec<UnreadNote>,
    ) -> HubResult<Vec<Option<i64>>> {
        self.note(organization, &notes).await
    }
}

impl Noter {
    async fn note(
        &self,
        organization: &OrganizationId,
        notes: &[UnreadNote],
    ) -> HubResult<Vec<Option<i64>>> {
        let key = |note: &UnreadNote| self.keys.unread(organization, &note.user);
        let keys = notes.iter().map(key).collect();
        let mut args: Vec<Value> = vec![millis(UNREAD_KEPT).into()];
        args.extend(notes.iter().map(|note| Value::from(written(note))));
        let script = &self.link.scripts.unread_note;
        let totals: Vec<i64> = self.link.call(script, keys, args).await?;
        let known = totals
            .into_iter()
            .map(|total| (total >= 0).then_some(total));
        Ok(known.collect())
    }
}

fn written(note: &UnreadNote) -> String {
    let count = |one: &switchboard_messaging::hub::Counted| {
        json!([one.conversation, one.count, one.rev, one.read_seq])
    };
    let counts: Vec<_> = note.counts.iter().map(count).collect();
    json!({"all": note.is_all, "counts": counts}).to_string()
}

#[async_trait]
impl UnreadBook for RedisHub {
    async fn unread_note(
        &self,
        organization: &OrganizationId,
        notes: &[UnreadNote],
    ) -> HubResult<Vec<Option<i64>>> {
        // Whoever connects is one of many.
        if let [note] = notes {
            return Ok(vec![
                self.gathered
                    .notes
                    .submit(organization, note.clone())
                    .await?,
            ]);
        }
        let own = Noter {
            link: Arc::clone(&self.link),
            keys: self.keys.clone(),
        };
        let some = notes
            .chunks(AT_ONCE)
            .map(|some| own.note(organization, some));
        Ok(try_join_all(some).await?.concat())
    }

    async fn unread_known(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<Option<BTreeMap<ConversationId, i64>>>> {
        let pipeline = self.link.bulk.pipeline();
        let reading = async {
            for user in users {
                let key = self.keys.unread(organization, user);
                let () = pipeline.hgetall(key).await?;
            }
            pipeline.all::<Vec<BTreeMap<String, String>>>().await
        };
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.link.run(reading).await?;
        known.iter().map(read).collect()
    }
}

fn read(fields: &BTreeMap<String, String>) -> HubResult<Option<BTreeMap<ConversationId, i64>>> {
    if !fields.contains_key("all") {
        return Ok(None);
    }
    let counts = fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "all" | "total"));
    let count = |(name, value): (&String, &String)| {
        let count = value.split(':').next()?.parse().ok()?;
        Some((name.parse().ok()?, count))
    };
    let counts: Option<BTreeMap<_, _>> = counts.map(count).collect();
    let counts = counts.ok_or_else(|| HubError("unread counts that cannot be read".into()))?;
    Ok(Some(counts))
}
