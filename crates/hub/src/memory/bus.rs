//! Events go straight into the queues of the nodes that listen.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use switchboard_messaging::hub::{Arrival, Bus, BusEvent, Channel, HubResult, Published};
use tokio::sync::mpsc;

use super::MemoryHub;
use crate::measure;

/// Who listens to what.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    queues: HashMap<String, mpsc::Sender<Arrival>>,
    listeners: HashMap<Channel, BTreeSet<String>>,
}

impl Subscriptions {
    pub(super) fn attach(&mut self, node: &str, queue: mpsc::Sender<Arrival>) {
        self.queues.insert(node.to_owned(), queue);
    }

    pub(super) fn detach(&mut self, node: &str) {
        self.queues.remove(node);
        self.listeners.retain(|_, nodes| {
            nodes.remove(node);
            !nodes.is_empty()
        });
    }

    fn subscribe(&mut self, node: &str, channel: &Channel) {
        let nodes = self.listeners.entry(channel.clone()).or_default();
        nodes.insert(node.to_owned());
    }

    fn unsubscribe(&mut self, node: &str, channel: &Channel) {
        if let Some(nodes) = self.listeners.get_mut(channel) {
            nodes.remove(node);
            if nodes.is_empty() {
                self.listeners.remove(channel);
            }
        }
    }

    fn queues_of(&self, channel: &Channel) -> Vec<(String, mpsc::Sender<Arrival>)> {
        let nodes = self.listeners.get(channel).into_iter().flatten();
        nodes
            .filter_map(|node| Some((node.clone(), self.queues.get(node)?.clone())))
            .collect()
    }
}

#[async_trait]
impl Bus for MemoryHub {
    async fn subscribe(&self, channels: &[Channel]) -> HubResult<()> {
        let bus = &mut self.shared.lock().bus;
        for channel in channels {
            bus.subscribe(&self.node, channel);
        }
        Ok(())
    }

    async fn unsubscribe(&self, channels: &[Channel]) -> HubResult<()> {
        let bus = &mut self.shared.lock().bus;
        for channel in channels {
            bus.unsubscribe(&self.node, channel);
        }
        Ok(())
    }

    async fn publish(&self, mut event: BusEvent) -> HubResult<Published> {
        let span = switchboard_trace::span("publish");
        event.trace = span.context();
        measure::published(event.class, true);
        if !event.is_ordered() {
            self.send(event).await;
            return Ok(Published::Out(None));
        }
        let _in_order = self.shared.going_out.lock().await;
        let now = self.shared.now().as_millis();
        let (published, out) = {
            let state = &mut *self.shared.lock();
            state.orders.publish(event, state.log, now)
        };
        for event in out {
            self.send(event).await;
        }
        Ok(published)
    }
}

impl MemoryHub {
    async fn send(&self, event: BusEvent) {
        let queues = self.shared.lock().bus.queues_of(&event.channel);
        for (node, queue) in queues {
            if queue
                .send(Arrival::Event(Box::new(event.clone())))
                .await
                .is_err()
            {
                // Nobody holds the other end any more: the node is gone.
                self.shared.lock().bus.detach(&node);
            }
        }
    }
}
