//! A primary with a replica, and three sentinels that watch them.

use std::time::Duration;

use anyhow::Result;

use super::instance::{Instance, Kind};
use super::nodes::{Nodes, until};
use super::{Door, required};

/// What the sentinels call the primary.
pub const SERVICE: &str = "main";

const SENTINELS: usize = 3;

/// A sentinel that takes longer is not waited for.
const HANGS: Duration = Duration::from_secs(1);

/// A primary, a replica and three sentinels (quorum 2) of one test alone. A primary that does not
/// answer for half a second is replaced. Killed when dropped; dies with the thread that started it.
#[derive(Debug)]
pub struct PrivateSentinel {
    nodes: Nodes,
    sentinels: Nodes,
    door: Door,
}

impl PrivateSentinel {
    /// Starts one, and waits until the sentinels know each other and the replica.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start(door: Door) -> Self {
        let started = Self::try_start(door).await;
        required("could not start Redis with Sentinel", started)
    }

    /// [`Self::start`] for callers that have something to clean up when it fails.
    ///
    /// # Errors
    /// When redis-server is not installed or does not start.
    pub async fn try_start(door: Door) -> Result<Self> {
        let primary = Instance::start(&door, Kind::Data, || Ok(Vec::new())).await?;
        let port = primary.port();
        let of_primary = || Ok(vec![format!("replicaof 127.0.0.1 {port}")]);
        let replica = Instance::start(&door, Kind::Data, of_primary).await?;
        // A sentinel that does not find it at once looks again after ten seconds.
        until("the replica is not in sync", async || {
            let replication = primary.ask(&["INFO", "replication"]).await?;
            Ok(replication.contains("state=online").then_some(()))
        })
        .await?;
        let mut sentinels = Vec::new();
        for _ in 0..SENTINELS {
            let settings = || Ok(watch(&door, port));
            sentinels.push(Instance::start(&door, Kind::Sentinel, settings).await?);
        }
        let started = Self {
            nodes: Nodes(vec![primary, replica]),
            sentinels: Nodes(sentinels),
            door,
        };
        for sentinel in &started.sentinels.0 {
            until("the sentinels do not see everybody", async || {
                let seen = sentinel.ask(&["SENTINEL", "MASTER", SERVICE]).await?;
                let is = |name, count| field(&seen, name) == Some(count);
                Ok((is("num-slaves", "1") && is("num-other-sentinels", "2")).then_some(()))
            })
            .await?;
        }
        Ok(started)
    }

    /// `redis-sentinel://127.0.0.1:PORT?node=…&sentinelServiceName=main`, with the passwords.
    pub fn url(&self) -> String {
        let begin = self.door.url_begin("-sentinel");
        let ports = self.sentinels.ports();
        let others = ports[1..]
            .iter()
            .map(|port| format!("&node=127.0.0.1:{port}"));
        let others: String = others.collect();
        let first = ports[0];
        let url = format!("{begin}127.0.0.1:{first}?sentinelServiceName={SERVICE}{others}");
        match self.door.password() {
            Some(password) => format!("{url}&sentinelPassword={password}"),
            None => url,
        }
    }

    /// How one gets in.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What it is, as JSON: `{url, nodes: [{port, pid}], sentinels: [{port, pid}]}`; the first node is
    /// the primary.
    pub fn described(&self) -> serde_json::Value {
        serde_json::json!({
            "url": self.url(),
            "nodes": self.nodes.described(),
            "sentinels": self.sentinels.described(),
        })
    }

    /// The port of the primary, waited for until a running node says that it is the only one.
    ///
    /// # Panics
    /// When there is none for a minute.
    pub async fn primary(&mut self) -> u16 {
        let mut running = Vec::new();
        for node in &mut self.nodes.0 {
            if node.is_running() {
                running.push(node.port());
            }
        }
        let found = until("no primary", async || {
            let mut primaries = Vec::new();
            for port in &running {
                let role = self.nodes.at(*port)?.ask(&["ROLE"]).await;
                if role.is_ok_and(|role| role.starts_with("master")) {
                    primaries.push(*port);
                }
            }
            Ok((primaries.len() == 1).then(|| primaries[0]))
        });
        required("Sentinel", found.await)
    }

    /// The port of the primary that the sentinels put in the place of `old`, waited for until all that
    /// answer know it: one that does not would put `old` back when it returns.
    ///
    /// # Panics
    /// When they do not within a minute.
    pub async fn successor_of(&self, old: u16) -> u16 {
        let found = until("no successor", async || {
            let mut named = Vec::new();
            for sentinel in &self.sentinels.0 {
                let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
                // A test may have made one hang.
                if let Ok(Ok(answer)) = tokio::time::timeout(HANGS, sentinel.ask(&ask)).await {
                    named.extend(
                        answer
                            .lines()
                            .last()
                            .and_then(|port| port.parse::<u16>().ok()),
                    );
                }
            }
            named.dedup();
            let [port] = named[..] else { return Ok(None) };
            if port == old {
                return Ok(None);
            }
            let role = self.nodes.at(port)?.ask(&["ROLE"]).await?;
            Ok(role.starts_with("master").then_some(port))
        });
        required("Sentinel", found.await)
    }

    /// The ports of the sentinels, in the order of the URL.
    pub fn sentinels(&self) -> Vec<u16> {
        self.sentinels.ports()
    }

    /// What the node at a port answers to a command.
    ///
    /// # Panics
    /// When it does not answer, or with an error.
    pub async fn ask(&self, port: u16, command: &[&str]) -> String {
        let node = required("ask", self.any(port));
        required("Redis does not answer", node.ask(command).await)
    }

    /// Kills the node or sentinel at a port, as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self, port: u16) {
        let node = self.nodes.at_mut(port);
        let node = node.or_else(|_| self.sentinels.at_mut(port));
        required("could not kill Redis", node.and_then(Instance::kill));
    }

    /// Starts the killed node or sentinel at a port again.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, port: u16) {
        let node = self.nodes.at_mut(port);
        let node = node.or_else(|_| self.sentinels.at_mut(port));
        let restarted = required("restart", node).restart().await;
        required("could not restart Redis", restarted);
    }

    /// Freezes the node or sentinel at a port, as a hung machine.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self, port: u16) {
        let node = self.any(port);
        required("pause", node.and_then(|node| node.signal("STOP")));
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self, port: u16) {
        let node = self.any(port);
        required("resume", node.and_then(|node| node.signal("CONT")));
    }

    fn any(&self, port: u16) -> Result<&Instance> {
        let node = self.nodes.at(port);
        node.or_else(|_| self.sentinels.at(port))
    }
}

/// What a sentinel is told of the primary.
fn watch(door: &Door, primary: u16) -> Vec<String> {
    let mut lines = vec![
        format!("sentinel monitor {SERVICE} 127.0.0.1 {primary} 2"),
        format!("sentinel down-after-milliseconds {SERVICE} 500"),
        format!("sentinel failover-timeout {SERVICE} 3000"),
    ];
    if let Some(password) = door.password() {
        lines.push(format!("sentinel auth-pass {SERVICE} {password}"));
    }
    lines
}

/// The line after `name`, of an answer that has name and value on lines of their own.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = answer.lines();
    lines.find(|line| *line == name)?;
    lines.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sentinels_replace_a_killed_primary_and_take_it_back_as_a_replica() {
        let mut redis = PrivateSentinel::start(Door::default().with_password()).await;
        let old = redis.primary().await;
        redis.kill(old);
        let new = redis.successor_of(old).await;
        assert_ne!(new, old);

        redis.restart(old).await;
        // On a starved machine the new one may have been taken for dead, too.
        let primary = redis.primary().await;
        let replica = if primary == new { old } else { new };
        assert!(redis.ask(replica, &["ROLE"]).await.starts_with("slave"));
    }
}
