//! Events to and from the other nodes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{EventInterface, PubsubInterface};
use fred::types::Message;
use switchboard_messaging::hub::{Bus, BusEvent, Channel, HubError, HubResult};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::RedisHub;
use super::keys::Keys;
use super::subscriptions::{Request, Requests};
use crate::measure;

/// The bus as the hub has it.
pub(super) struct RedisBus {
    keys: Keys,
    sharded: bool,
    requests: mpsc::Sender<Request>,
    pub(super) local: Local,
}

/// What this node listens to, and where it hears it.
#[derive(Clone)]
pub(super) struct Local {
    /// Stands before every event of this node, so that it knows its own when they come back.
    origin: Arc<str>,
    wanted: Arc<Mutex<HashSet<String>>>,
    queue: mpsc::Sender<BusEvent>,
}

impl RedisBus {
    pub(super) fn new(
        keys: Keys,
        origin: String,
        queue: mpsc::Sender<BusEvent>,
        sharded: bool,
    ) -> (Self, Requests) {
        let (requests, taken) = Requests::queue();
        let local = Local {
            origin: origin.into(),
            wanted: Arc::default(),
            queue,
        };
        let bus = Self {
            keys,
            sharded,
            requests,
            local,
        };
        (bus, taken)
    }

    /// Changes what is wanted, and returns when Redis knows.
    async fn want(&self, channels: &[Channel], wanted: bool) -> HubResult<()> {
        let names: Vec<String> = channels.iter().map(|one| self.keys.bus(one)).collect();
        self.local.want(&names, wanted);
        Request::send(&self.requests, names).await
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

    /// The event as it goes through Redis: this node's name, a line feed, the event as JSON.
    fn encode(&self, event: &BusEvent) -> HubResult<Bytes> {
        let mut bytes = Vec::with_capacity(256 + event.data.get().len());
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, event)
            .map_err(|error| HubError(format!("event cannot be encoded: {error}")))?;
        Ok(bytes.into())
    }

    /// What [`Self::encode`] encoded, unless this node did or does not listen to it any more.
    fn decode(&self, message: &Message) -> Option<BusEvent> {
        let bytes = message.value.as_bytes()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        if &bytes[..end] == self.origin.as_bytes() || !self.wants(&message.channel) {
            return None;
        }
        serde_json::from_slice(&bytes[end + 1..])
            .inspect_err(|error| {
                let position = (error.line(), error.column());
                tracing::warn!(
                    ?position,
                    "dropped a message of another node that cannot be read"
                );
            })
            .ok()
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
                    sent = local.queue.send(event) => if sent.is_err() { return },
                }
            }
            Err(RecvError::Lagged(events)) => {
                measure::lagged(events);
                tracing::warn!(
                    events,
                    "events of other nodes came faster than they were taken"
                );
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

    async fn publish(&self, event: BusEvent) -> HubResult<()> {
        let bus = &self.bus;
        let (name, class) = (bus.keys.bus(&event.channel), event.class);
        let bytes = bus.local.encode(&event)?;
        if bus.local.wants(&name) {
            // It fails when the node has stopped listening for good; then nobody misses it.
            let _ = bus.local.queue.send(event).await;
        }
        let client = &self.link.client;
        let result = if bus.sharded {
            self.link
                .run(client.spublish::<(), _, _>(name, bytes))
                .await
        } else {
            self.link.run(client.publish::<(), _, _>(name, bytes)).await
        };
        measure::published(class, &result);
        result
    }
}
