//! The order of each organization's events, and the logs of its rooms.

use std::sync::Arc;

use async_trait::async_trait;
use fred::interfaces::{HashesInterface, StreamsInterface};
use fred::types::Value;
use rand::Rng;
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{
    BusEvent, Channel, Epoch, HubError, HubResult, Lost, Missed, Order, Position, Published, Room,
    Standing,
};
use switchboard_protocol::OrganizationId;

use super::keys::Keys;
use super::link::Link;
use super::{RedisHub, kept};
use crate::LogBounds;

/// An entry of a room's log: its id, and its fields.
type Entry = (String, Vec<(String, String)>);

/// An event that is to be published in order.
#[derive(Debug)]
pub(super) struct Posted {
    channel: Channel,
    encoded: String,
    rev: Option<i64>,
}

/// Publishes events of one organization, each in the order in which they came.
pub(super) struct Publisher {
    pub(super) link: Arc<Link>,
    pub(super) keys: Keys,
    pub(super) log: LogBounds,
    pub(super) sharded: bool,
}

#[async_trait]
impl Together for Publisher {
    type Item = Posted;
    type Answer = Published;
    type Error = HubError;

    async fn ask(
        &self,
        organization: &OrganizationId,
        events: Vec<Posted>,
    ) -> HubResult<Vec<Published>> {
        let command = if self.sharded { "SPUBLISH" } else { "PUBLISH" };
        let mut keys = vec![self.keys.order(organization)];
        let mut args: Vec<Value> = vec![
            command.into(),
            new_epoch().0.into(),
            self.log.length.to_string().into(),
            self.log.ttl_ms.into(),
            kept().into(),
        ];
        for Posted {
            channel,
            encoded,
            rev,
        } in events
        {
            keys.push(self.keys.room(&channel));
            keys.push(self.keys.log(&channel));
            keys.push(self.keys.early(&channel));
            args.push(self.keys.bus(&channel).into());
            args.push(encoded.into());
            args.push(rev.map_or_else(String::new, |rev| rev.to_string()).into());
        }
        let script = &self.link.scripts.publish;
        let replies: Vec<Vec<String>> = self.link.call(script, keys, args).await?;
        replies.iter().map(|reply| published(reply)).collect()
    }
}

fn published(reply: &[String]) -> HubResult<Published> {
    let words: Vec<&str> = reply.iter().map(String::as_str).collect();
    match *words {
        ["out", epoch, offset] => Ok(Published::Out(Some(position(epoch, offset)?))),
        ["early", rev] => Ok(Published::Early {
            after: number(rev)?,
        }),
        ["known"] => Ok(Published::Known),
        _ => Err(unreadable()),
    }
}

impl RedisHub {
    /// Publishes an event in the organization's order.
    pub(super) async fn publish_ordered(&self, event: &BusEvent) -> HubResult<Published> {
        let encoded = serde_json::to_string(event)
            .map_err(|error| HubError(format!("event cannot be encoded: {error}")))?;
        let posted = Posted {
            channel: event.channel.clone(),
            encoded,
            rev: event.rev,
        };
        let organization = &event.channel.organization;
        self.gathered.publishes.submit(organization, posted).await
    }

    /// What one room's log has after an offset; `None` for a room of another epoch.
    async fn log_after(
        &self,
        channel: &Channel,
        after: &Position,
        limit: usize,
    ) -> HubResult<Result<Vec<BusEvent>, Lost>> {
        let (room, log) = (self.keys.room(channel), self.keys.log(channel));
        let start = format!("({}-0", after.offset);
        let pipeline = self.link.bulk.pipeline();
        let reading = async {
            let () = pipeline.hmget(room, vec!["epoch", "last"]).await?;
            let count = Some(limit as u64 + 1);
            let () = pipeline.xrange(log, start, "+", count).await?;
            pipeline.all::<(Vec<Option<String>>, Vec<Entry>)>().await
        };
        let (known, entries) = self.link.run(reading).await?;
        let mut known = known.into_iter();
        if known.next().flatten().as_deref() != Some(after.epoch.0.as_str()) {
            // Nothing went out in this room in this epoch.
            return Ok(Ok(Vec::new()));
        }
        let last = known.next().flatten().map_or(Ok(0), |last| number(&last))?;
        whole_tail(entries, after, last)
    }
}

/// The events of a log's tail, if it is known that none is missing between `after` and its end.
fn whole_tail(
    entries: Vec<Entry>,
    after: &Position,
    last: i64,
) -> HubResult<Result<Vec<BusEvent>, Lost>> {
    let mut events = Vec::with_capacity(entries.len());
    if entries.is_empty() && last > after.offset as i64 {
        return Ok(Err(Lost::Trimmed));
    }
    for (index, (id, fields)) in entries.into_iter().enumerate() {
        let offset = id.split('-').next().unwrap_or_default();
        let field = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let before: i64 = number(field("b").ok_or_else(unreadable)?)?;
        let is_whole = index > 0 || before <= after.offset as i64;
        if !is_whole || field("f").is_some() {
            return Ok(Err(Lost::Trimmed));
        }
        let event = serde_json::from_str(field("e").ok_or_else(unreadable)?);
        let event: BusEvent = event.map_err(|_| unreadable())?;
        events.push(BusEvent {
            position: Some(position(&after.epoch.0, offset)?),
            ..event
        });
    }
    Ok(Ok(events))
}

#[async_trait]
impl Order for RedisHub {
    async fn standing(
        &self,
        organization: &OrganizationId,
        rooms: &[(Room, i64)],
    ) -> HubResult<Standing> {
        let mut keys = vec![self.keys.order(organization)];
        let mut args: Vec<Value> = vec![new_epoch().0.into(), kept().into()];
        for (room, rev) in rooms {
            let channel = Channel {
                organization: organization.clone(),
                room: room.clone(),
            };
            keys.push(self.keys.room(&channel));
            keys.push(self.keys.log(&channel));
            keys.push(self.keys.early(&channel));
            args.push(rev.to_string().into());
        }
        let script = &self.link.scripts.standing;
        let reply: Vec<String> = self.link.call(script, keys, args).await?;
        let [epoch, offset, revs @ ..] = &*reply else {
            return Err(unreadable());
        };
        Ok(Standing {
            position: position(epoch, offset)?,
            revs: revs
                .iter()
                .map(|rev| number(rev))
                .collect::<HubResult<_>>()?,
        })
    }

    async fn missed(
        &self,
        organization: &OrganizationId,
        rooms: &[Room],
        after: &Position,
        limit: usize,
    ) -> HubResult<Missed> {
        let now = self.standing(organization, &[]).await?.position;
        if now.epoch != after.epoch || after.offset > now.offset {
            return Ok(Missed::Unknown(Lost::Epoch));
        }
        let channels = rooms.iter().map(|room| Channel {
            organization: organization.clone(),
            room: room.clone(),
        });
        let mut events = Vec::new();
        for channel in channels {
            match self.log_after(&channel, after, limit).await? {
                Ok(found) => events.extend(found),
                Err(lost) => return Ok(Missed::Unknown(lost)),
            }
            if events.len() > limit {
                return Ok(Missed::Unknown(Lost::TooMany));
            }
        }
        events.sort_by_key(|event| event.position.as_ref().map(|position| position.offset));
        Ok(Missed::Events(events))
    }
}

/// The name of an epoch that may begin.
pub(crate) fn new_epoch() -> Epoch {
    Epoch(format!("{:016x}", rand::rng().random::<u64>()))
}

fn position(epoch: &str, offset: &str) -> HubResult<Position> {
    Ok(Position {
        epoch: Epoch(epoch.to_owned()),
        offset: offset.parse().map_err(|_| unreadable())?,
    })
}

fn number(text: &str) -> HubResult<i64> {
    text.parse().map_err(|_| unreadable())
}

fn unreadable() -> HubError {
    HubError("redis answered something else about an organization's order".into())
}
