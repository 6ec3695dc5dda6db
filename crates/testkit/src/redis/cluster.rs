//! A Redis Cluster: three primaries, each with a replica.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::instance::{Instance, Kind};
use super::nodes::{Nodes, until};
use super::{Door, required};

const SHARDS: usize = 3;
const SLOTS: usize = 16_384;

/// A Redis Cluster of one test alone. A node that does not answer for a second has failed, and its
/// replica takes its place. Killed when dropped; dies with the thread that started it.
#[derive(Debug)]
pub struct PrivateCluster {
    nodes: Nodes,
    door: Door,
}

impl PrivateCluster {
    /// Starts one, and waits until all slots are served and every primary has its replica.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start(door: Door) -> Self {
        let started = Self::try_start(door).await;
        required("could not start a Redis Cluster", started)
    }

    /// [`Self::start`] for callers that have something to clean up when it fails.
    ///
    /// # Errors
    /// When redis-server is not installed or does not start.
    pub async fn try_start(door: Door) -> Result<Self> {
        let mut nodes = Vec::new();
        for _ in 0..SHARDS * 2 {
            let settings = || settings(&door);
            nodes.push(Instance::start(&door, Kind::Data, settings).await?);
        }
        let nodes = Nodes(nodes);
        let cluster = Self { nodes, door };
        cluster.meet().await?;
        cluster.share_slots().await?;
        cluster.give_replicas().await?;
        for node in &cluster.nodes.0 {
            until("the cluster is not complete", async || {
                let info = node.ask(&["CLUSTER", "INFO"]).await?;
                let slots = node.ask(&["CLUSTER", "NODES"]).await?;
                let replicas = slots.lines().filter(|line| line.contains("slave")).count();
                let ok = info.contains("cluster_state:ok") && replicas == SHARDS;
                Ok(ok.then_some(()))
            })
            .await?;
        }
        cluster.until_in_sync().await?;
        Ok(cluster)
    }

    async fn meet(&self) -> Result<()> {
        let first = &self.nodes.0[0];
        for (index, node) in self.nodes.0.iter().enumerate() {
            let epoch = (index + 1).to_string();
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
        }
        for node in &self.nodes.0[1..] {
            let bus = node.ask(&["CONFIG", "GET", "cluster-port"]).await?;
            let bus = bus.lines().last().context("no cluster-port")?.to_owned();
            let port = node.port().to_string();
            first
                .ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus])
                .await?;
        }
        for node in &self.nodes.0 {
            until("the nodes do not know each other", async || {
                let known = node.ask(&["CLUSTER", "NODES"]).await?;
                let settled = !known.contains("handshake");
                Ok((settled && known.lines().count() == SHARDS * 2).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    async fn share_slots(&self) -> Result<()> {
        for (shard, node) in self.nodes.0[..SHARDS].iter().enumerate() {
            let first = (shard * SLOTS / SHARDS).to_string();
            let last = ((shard + 1) * SLOTS / SHARDS - 1).to_string();
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])
                .await?;
        }
        Ok(())
    }

    async fn give_replicas(&self) -> Result<()> {
        for (primary, replica) in self.nodes.0[..SHARDS].iter().zip(&self.nodes.0[SHARDS..]) {
            let id = primary.ask(&["CLUSTER", "MYID"]).await?;
            replica.ask(&["CLUSTER", "REPLICATE", &id]).await?;
        }
        Ok(())
    }

    /// A replica that never heard from its primary may not take its place.
    async fn until_in_sync(&self) -> Result<()> {
        for replica in &self.nodes.0[SHARDS..] {
            until("a replica is not in sync", async || {
                let role = replica.ask(&["ROLE"]).await?;
                Ok(role.contains("\nconnected\n").then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// `redis-cluster://127.0.0.1:PORT?node=127.0.0.1:PORT…`, with the password.
    pub fn url(&self) -> String {
        let begin = self.door.url_begin("-cluster");
        let ports = self.nodes.ports();
        let others = ports[1..]
            .iter()
            .map(|port| format!("node=127.0.0.1:{port}"));
        let others: Vec<String> = others.collect();
        format!("{begin}127.0.0.1:{}?{}", ports[0], others.join("&"))
    }

    /// How one gets in.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The folder that has the log of the first node.
    pub fn folder(&self) -> &Path {
        self.nodes.0[0].folder()
    }

    /// What it is, as JSON: `{url, nodes: [{port, pid}]}`; the first three nodes are the primaries, and
    /// the others their replicas in that order.
    pub fn described(&self) -> serde_json::Value {
        serde_json::json!({ "url": self.url(), "nodes": self.nodes.described() })
    }

    /// The port of the primary that serves a key, and of its replica when it has one, as the first
    /// running node sees it.
    ///
    /// # Panics
    /// When none serves it.
    pub async fn serving(&mut self, key: &str) -> (u16, Option<u16>) {
        let found = self.try_serving(key).await;
        required("nobody serves the key", found)
    }

    async fn try_serving(&mut self, key: &str) -> Result<(u16, Option<u16>)> {
        let running = self.nodes.0.iter_mut().find_map(|node| {
            let port = node.port();
            node.is_running().then_some(port)
        });
        let node = self.nodes.at(running.context("no node runs")?)?;
        let slot: usize = node.ask(&["CLUSTER", "KEYSLOT", key]).await?.parse()?;
        let nodes = node.ask(&["CLUSTER", "NODES"]).await?;
        let lines: Vec<Line> = nodes.lines().filter_map(Line::read).collect();
        let primary = lines.iter().find(|line| line.serves(slot));
        let primary = primary.context("the slot is not served")?;
        let replica = lines.iter().find(|line| line.primary == primary.id);
        Ok((primary.port, replica.map(|line| line.port)))
    }

    /// The port of the primary that serves `key` in the place of `old`, waited for until all running
    /// nodes agree that the cluster is well.
    ///
    /// # Panics
    /// When there is none within a minute.
    pub async fn successor_of(&self, old: u16, key: &str) -> u16 {
        let others: Vec<u16> = self.nodes.ports();
        let others: Vec<u16> = others.into_iter().filter(|port| *port != old).collect();
        let found = until("no successor", async || {
            let mut found = None;
            for port in &others {
                let node = self.nodes.at(*port)?;
                let slot: usize = node.ask(&["CLUSTER", "KEYSLOT", key]).await?.parse()?;
                let info = node.ask(&["CLUSTER", "INFO"]).await?;
                let nodes = node.ask(&["CLUSTER", "NODES"]).await?;
                let serving = nodes.lines().filter_map(Line::read);
                found = serving.into_iter().find(|line| line.serves(slot));
                let moved = found.as_ref().is_some_and(|line| line.port != old);
                if !moved || !info.contains("cluster_state:ok") {
                    return Ok(None);
                }
            }
            Ok(found.map(|line| line.port))
        });
        required("Cluster", found.await)
    }

    /// Begins to move the slot of a key: keys that are not there yet are asked for at the other node.
    ///
    /// # Panics
    /// When the nodes refuse.
    pub async fn begin_to_move(&self, key: &str, from: u16, to: u16) -> Move {
        let slot = self.ask(from, &["CLUSTER", "KEYSLOT", key]).await;
        let source = self.ask(from, &["CLUSTER", "MYID"]).await;
        let target = self.ask(to, &["CLUSTER", "MYID"]).await;
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source];
        self.ask(to, &importing).await;
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target];
        self.ask(from, &migrating).await;
        Move {
            slot,
            from,
            to,
            target,
        }
    }

    /// Moves what is in the slot, and then the slot.
    ///
    /// # Panics
    /// When the nodes refuse.
    pub async fn end_of_move(&self, moving: &Move) {
        let (slot, port) = (moving.slot.as_str(), moving.to.to_string());
        let in_slot = ["CLUSTER", "GETKEYSINSLOT", slot, "1000"];
        for key in self.ask(moving.from, &in_slot).await.lines() {
            let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "5000"];
            self.ask(moving.from, &migrate).await;
        }
        for node in [moving.to, moving.from] {
            let set = ["CLUSTER", "SETSLOT", slot, "NODE", &moving.target];
            self.ask(node, &set).await;
        }
    }

    /// What the node at a port answers to a command.
    ///
    /// # Panics
    /// When it does not answer, or with an error.
    pub async fn ask(&self, port: u16, command: &[&str]) -> String {
        let node = required("ask", self.nodes.at(port));
        required("Redis does not answer", node.ask(command).await)
    }

    /// Kills the node at a port, as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self, port: u16) {
        let node = self.nodes.at_mut(port);
        required("could not kill Redis", node.and_then(Instance::kill));
    }

    /// Starts the killed node at a port again.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, port: u16) {
        let node = required("restart", self.nodes.at_mut(port));
        required("could not restart Redis", node.restart().await);
    }

    /// Freezes the node at a port, as a hung machine.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self, port: u16) {
        let node = self.nodes.at(port);
        required("pause", node.and_then(|node| node.signal("STOP")));
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self, port: u16) {
        let node = self.nodes.at(port);
        required("resume", node.and_then(|node| node.signal("CONT")));
    }
}

/// A slot on its way from one node to another.
#[derive(Debug)]
pub struct Move {
    slot: String,
    from: u16,
    to: u16,
    target: String,
}

fn settings(door: &Door) -> Result<Vec<String>> {
    // Its usual place, 10 000 above the other one, is among the ports of outgoing connections.
    let bus = crate::port::free()?;
    let mut lines = vec![
        "cluster-enabled yes".to_owned(),
        "cluster-config-file nodes.conf".to_owned(),
        "cluster-node-timeout 1000".to_owned(),
        format!("cluster-port {bus}"),
    ];
    if door.certificates().is_some() {
        lines.push("tls-cluster yes".into());
    }
    Ok(lines)
}

/// What is of interest in a line of CLUSTER NODES.
#[derive(Debug)]
struct Line {
    id: String,
    port: u16,
    /// `-` for a primary.
    primary: String,
    slots: Vec<(usize, usize)>,
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = words.get(1)?.split('@').next()?.rsplit_once(':')?.1;
        let slots = words.iter().skip(8).filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Self {
            id: (*words.first()?).to_owned(),
            port: port.parse().ok()?,
            primary: (*words.get(3)?).to_owned(),
            slots: slots.collect(),
        })
    }

    fn serves(&self, slot: usize) -> bool {
        let mut slots = self.slots.iter();
        self.primary == "-" && slots.any(|(first, last)| (*first..=*last).contains(&slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replica_takes_the_place_of_a_killed_primary() {
        let mut cluster = PrivateCluster::start(Door::default().with_password()).await;
        let (old, replica) = cluster.serving("x").await;
        cluster.kill(old);
        assert_eq!(Some(cluster.successor_of(old, "x").await), replica);
    }
}
