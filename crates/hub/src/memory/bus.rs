//! Events go straight into the queues of the nodes that listen.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use switchboard_messaging::hub::{Bus, BusEvent, Channel, HubResult};
use tokio::sync::mpsc;

use super::MemoryHub;
use crate::measure;

/// Who listens to what.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    queues: HashMap<String, mpsc::Sender<BusEvent>>,
    listeners: HashMap<Channel, BTreeSet<String>>,
}

impl Subscriptions {
    pub(super) fn attach(&mut self, node: &str, queue: mpsc::Sender<BusEvent>) {
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

    fn queues_of(&self, channel: &Channel) -> Vec<(String, mpsc::Sender<BusEvent>)> {
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

    async fn publish(&self, event: BusEvent) -> HubResult<()> {
        measure::published(event.class, &Ok(()));
        let queues = self.shared.lock().bus.queues_of(&event.channel);
        for (node, queue) in queues {
            if queue.send(event.clone()).await.is_err() {
                // Nobody holds the other end any more: the node is gone.
                self.shared.lock().bus.detach(&node);
            }
        }
        Ok(())
    }
}
