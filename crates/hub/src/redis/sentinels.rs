//! Which sentinel is asked for the primary.
//!
//! Fred asks the sentinels in one order, and goes on to the next only when it cannot connect. Left to
//! itself it would ask a sentinel that hangs, or is cut off from the others, again and again. After each
//! connection it also forgets the sentinels of the URL for those that it was told of, of which there
//! may be none left when it needs them. So after each try that failed it is given another order, which
//! begins with the next sentinel, and in which those of the URL are always included.

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::{Config, Server};

/// The sentinels of the URL; none when Redis is not behind Sentinel.
#[derive(Debug)]
pub(super) struct Sentinels {
    of_url: Vec<Server>,
}

impl Sentinels {
    pub(super) fn of(config: &Config) -> Self {
        let is_sentinel = config.server.is_sentinel();
        Self {
            of_url: if is_sentinel {
                config.server.hosts()
            } else {
                Vec::new()
            },
        }
    }

    pub(super) fn count(&self) -> usize {
        self.of_url.len()
    }

    /// Lets a client that could not connect ask another one next.
    pub(super) fn next(&self, client: &Client) {
        if self.of_url.is_empty() {
            return;
        }
        // Hidden in fred's documentation, and the only way to its list.
        let inner = client.inner();
        let kind = &mut inner.server_state.write().kind;
        let told = kind.read_sentinel_nodes(&inner.config.server);
        let order = order(&self.of_url, &told.unwrap_or_default());
        let primary = kind.sentinel_primary();
        let primary = primary.unwrap_or_else(|| self.of_url[0].clone());
        kind.update_sentinel_nodes(&primary, order);
    }
}

/// Everybody, the one that was asked last at the end.
fn order(of_url: &[Server], told: &[Server]) -> Vec<Server> {
    let missing = of_url.iter().filter(|one| !told.contains(one));
    let mut all: Vec<Server> = told.iter().chain(missing).cloned().collect();
    if !all.is_empty() {
        all.rotate_left(1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(ports: &[u16]) -> Vec<Server> {
        ports.iter().map(|port| Server::new("h", *port)).collect()
    }

    #[test]
    fn everybody_gets_a_turn_and_nobody_is_forgotten() {
        let of_url = servers(&[1, 2]);
        let mut now = servers(&[9, 2]);
        let mut asked = vec![now[0].port];
        for _ in 0..3 {
            now = order(&of_url, &now);
            asked.push(now[0].port);
        }
        assert_eq!(asked, [9, 2, 1, 9]);
        assert_eq!(now.len(), 3);
    }
}
