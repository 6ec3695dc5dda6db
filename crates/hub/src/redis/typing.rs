//! Who is typing, and until when.

use std::time::Duration;

use async_trait::async_trait;
use fred::types::Value;
use switchboard_messaging::hub::{Channel, HubError, HubResult, TypingBook};
use switchboard_protocol::{Timestamp, UserId};

use super::{RedisHub, millis};
use crate::{MOST_TYPING, TYPING_LINGERS};

impl RedisHub {
    fn typing_keys(&self, channel: &Channel) -> Vec<String> {
        vec![self.keys.typing(channel), self.keys.typing_since(channel)]
    }
}

#[async_trait]
impl TypingBook for RedisHub {
    async fn typing_start(
        &self,
        channel: &Channel,
        user: &UserId,
        ttl: Duration,
    ) -> HubResult<bool> {
        let args: Vec<Value> = vec![
            user.as_str().into(),
            millis(ttl).into(),
            millis(TYPING_LINGERS).into(),
        ];
        let script = &self.link.scripts.typing_start;
        let keys = self.typing_keys(channel);
        let shared = self.link.call(script, keys, args).await.ok().map(is_news);
        Ok(self.alone.typing_start(channel, user, ttl, shared))
    }

    async fn typing_stop(
        &self,
        channel: &Channel,
        user: &UserId,
        only_expired: bool,
    ) -> HubResult<bool> {
        let args: Vec<Value> = vec![
            user.as_str().into(),
            if only_expired { "1" } else { "0" }.into(),
            millis(TYPING_LINGERS).into(),
        ];
        let script = &self.link.scripts.typing_stop;
        let keys = self.typing_keys(channel);
        let shared = self.link.call(script, keys, args).await.ok().map(is_news);
        Ok(self.alone.typing_stop(channel, user, only_expired, shared))
    }

    async fn typing_users(&self, channel: &Channel) -> HubResult<Vec<(UserId, Timestamp)>> {
        let (keys, args) = (self.typing_keys(channel), vec![(MOST_TYPING as i64).into()]);
        let script = &self.link.scripts.typing_users;
        let asked: HubResult<Vec<String>> = self.link.call(script, keys, args).await;
        let Ok(answer) = asked else {
            return Ok(self.alone.typing_users(channel));
        };
        let user = |pair: &[String]| {
            let [user, since] = pair else { return None };
            let since = Timestamp::from_millis(since.parse().ok()?);
            Some((UserId::new(user).ok()?, since))
        };
        let users: Option<Vec<_>> = answer.chunks(2).map(user).collect();
        users.ok_or_else(|| HubError("typing users that cannot be read".into()))
    }
}

fn is_news(answer: i64) -> bool {
    answer == 1
}
