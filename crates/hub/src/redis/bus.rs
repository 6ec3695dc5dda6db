//! Events to and from the other nodes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{EventInterface, PubsubInterface};
use fred::types::{Message, Value};
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{
    Arrival, Bus, BusEvent, Channel, HubError, HubResult, Position, Published,
};
use switchboard_protocol::OrganizationId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::RedisHub;
use super::keys::Keys;
use super::link::Link;
use super::subscriptions::{Requester, Requests};
use crate::measure;

/// The bus as the hub has it.
pub(super) struct RedisBus {
    keys: Keys,
    requests: Requester,
    pub(super) local: Local,
}

/// What this node listens to, and where it hears it.
#[derive(Clone)]
pub(super) struct Local {
    /// Stands before every volatile event of this node, so that it knows its own when they come back.
    origin: Arc<str>,
    wanted: Arc<Mutex<HashSet<String>>>,
    queue: mpsc::Sender<Arrival>,
}

impl RedisBus {
    pub(super) fn new(
        keys: Keys,
        origin: String,
        queue: mpsc::Sender<Arrival>,
        within: Duration,
    ) -> (Self, Requests) {
        let (requests, taken) = Requests::queue(within);
        let local = Local {
            origin: origin.into(),
            wanted: Arc::default(),
            queue,
        };
        let bus = Self {
            keys,
            requests,
            local,
        };
        (bus, taken)
    }

    /// Changes what is wanted, and returns when Redis knows.
    async fn want(&self, channels: &[Channel], wanted: bool) -> HubResult<()> {
        let names: Vec<String> = channels.iter().map(|one| self.keys.bus(one)).collect();
        self.local.want(&names, wanted);
        self.requests.send(names).await
    }
}

impl Local {
    fn want(&self, names: &[String], wanted: bool) {
        let mut set = self.lock();
        for name in names {
            if wanted {
                set.insert(name.clone());
            } else {
                set.remove(name);
            }
        }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.lock().contains(name)
    }

    pub(super) fn all_wanted(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A volatile event as it goes through Redis: `=`, this node's name, a line feed, the event as
    /// JSON. An ordered one has its position in place of the first two, see `publish.lua`.
    fn encode(&self, event: &BusEvent) -> HubResult<Bytes> {
        let mut bytes = Vec::with_capacity(256 + event.data.get().len());
        bytes.push(b'=');
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, event)
            .map_err(|error| HubError(format!("event cannot be encoded: {error}")))?;
        Ok(bytes.into())
    }

    /// What was encoded, unless it is this node's own and volatile, or nothing it listens to any more.
    fn decode(&self, message: &Message) -> Option<Box<BusEvent>> {
        let bytes = message.value.as_bytes()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        if !self.wants(&message.channel) {
            return None;
        }
        let position = match &bytes[..end] {
            [b'=', origin @ ..] if origin == self.origin.as_bytes() => return None,
            [b'=', ..] => None,
            position => Some(Position::parse(std::str::from_utf8(position).ok()?)?),
        };
        let event: BusEvent = serde_json::from_slice(&bytes[end + 1..])
            .inspect_err(|error| {
                let position = (error.line(), error.column());
                tracing::warn!(
                    ?position,
                    "dropped a message of another node that cannot be read"
                );
            })
            .ok()?;
        Some(Box::new(BusEvent { position, ..event }))
    }

    /// Gives this node an event of its own, if it listens.
    async fn deliver_own(&self, name: &str, event: BusEvent) {
        if self.wants(name) {
            // It fails when the node has stopped listening for good; then nobody misses it.
            let _ = self.queue.send(Arrival::Event(Box::new(event))).await;
        }
    }

    /// Tells this node that events may have been lost before what comes next.
    pub(super) async fn doubt(&self) {
        let _ = self.queue.send(Arrival::Doubt).await;
    }
}

/// Takes what arrives to the queue, and waits while that is full.
pub(super) async fn receive(listener: Client, local: Local, stop: CancellationToken) {
    let mut messages = listener.message_rx();
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return,
            message = messages.recv() => message,
        };
        match message {
            Ok(message) => {
                let Some(event) = local.decode(&message) else {
                    continue;
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    sent = local.queue.send(Arrival::Event(event)) => if sent.is_err() { return },
                }
            }
            Err(RecvError::Lagged(events)) => {
                measure::lagged(events);
                tracing::warn!(
                    events,
                    "events of other nodes came faster than they were taken"
                );
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = local.doubt() => {}
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

#[async_trait]
impl Bus for RedisHub {
    async fn subscribe(&self, channels: &[Channel]) -> HubResult<()> {
        self.bus.want(channels, true).await
    }

    async fn unsubscribe(&self, channels: &[Channel]) -> HubResult<()> {
        self.bus.want(channels, false).await
    }

    async fn publish(&self, mut event: BusEvent) -> HubResult<Published> {
        let span = switchboard_trace::span("publish");
        event.trace = span.context();
        let (name, class) = (self.keys.bus(&event.channel), event.class);
        let result = if event.is_ordered() {
            let result = self.publish_ordered(&event).await;
            if result.is_err() {
                self.bus.local.deliver_own(&name, event).await;
            }
            result
        } else {
            self.publish_volatile(name, event).await
        };
        measure::published(class, result.is_ok());
        result
    }
}

/// Publishes events that have no order: what comes of one organization at the same time goes out by
/// one write, in the order in which it came.
pub(super) struct Speaker {
    pub(super) link: Arc<Link>,
    pub(super) sharded: bool,
}

/// The channel's name, and the event as it goes out.
type Spoken = (String, Bytes);

#[async_trait]
impl Together for Speaker {
    type Item = Spoken;
    type Answer = ();
    type Error = HubError;

    async fn ask(&self, _: &OrganizationId, events: Vec<Spoken>) -> HubResult<Vec<()>> {
        let events = &events;
        let all = || async move {
            let pipeline = self.link.client.pipeline();
            for (channel, encoded) in events {
                let (channel, encoded) = (channel.as_str(), encoded.clone());
                if self.sharded {
                    let () = pipeline.spublish(channel, encoded).await?;
                } else {
                    let () = pipeline.publish(channel, encoded).await?;
                }
            }
            pipeline.all::<Value>().await
        };
        self.link.routed(all).await?;
        Ok(vec![(); events.len()])
    }
}

impl RedisHub {
    async fn publish_volatile(&self, name: String, event: BusEvent) -> HubResult<Published> {
        let bytes = self.bus.local.encode(&event)?;
        let organization = event.channel.organization.clone();
        self.bus.local.deliver_own(&name, event).await;
        let speeches = &self.gathered.speeches;
        speeches.submit(&organization, (name, bytes)).await?;
        Ok(Published::Out(None))
    }
}
