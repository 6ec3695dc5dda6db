//! Who is typing, and until when.

use std::time::Duration;

use async_trait::async_trait;
use fred::types::Value;
use switchboard_messaging::hub::{Channel, HubResult, TypingBook};
use switchboard_protocol::UserId;

use super::{RedisHub, millis};
use crate::TYPING_LINGERS;

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
        let keys = vec![self.keys.typing(channel)];
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
        let keys = vec![self.keys.typing(channel)];
        let shared = self.link.call(script, keys, args).await.ok().map(is_news);
        Ok(self.alone.typing_stop(channel, user, only_expired, shared))
    }
}

fn is_news(answer: i64) -> bool {
    answer == 1
}
