//! Which nodes there are, remembered: a request costs no look into the shared memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use switchboard_messaging::Live;
use switchboard_messaging::hub::{NodeInfo, Registry};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::route::Route;

/// Between two looks that requests cause: whoever sends made-up ids causes four a second and no more.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a node is remembered that is not listed any more. When the shared memory has lost
/// everything the nodes come back one after the other; and one that is gone refuses connections.
const REMEMBERED: Duration = Duration::from_mins(1);

pub(crate) struct Nodes {
    registry: Arc<dyn Registry>,
    known: Live<HashMap<Route, Known>>,
    /// When the last look began.
    looked: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct Known {
    authority: Authority,
    listed: Instant,
}

impl Nodes {
    pub(crate) fn new(registry: Arc<dyn Registry>) -> Self {
        Self {
            registry,
            known: Live::new(HashMap::new()),
            looked: Mutex::new(None),
        }
    }

    /// Where the node with this route is. An unknown one may have come just now: then the others are
    /// asked, once for all requests that wait for it.
    pub(crate) async fn find(&self, route: Route) -> Option<Authority> {
        let asked = Instant::now();
        if let Some(known) = self.remembered(route) {
            return Some(known);
        }
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|began| began < asked) {
            if let Some(began) = *looked {
                sleep_until(began + PAUSE).await;
            }
            *looked = Some(Instant::now());
            self.look().await;
        }
        self.remembered(route)
    }

    pub(crate) async fn refresh(&self) {
        let mut looked = self.looked.lock().await;
        *looked = Some(Instant::now());
        self.look().await;
    }

    fn remembered(&self, route: Route) -> Option<Authority> {
        let known = self.known.get();
        known.get(&route).map(|known| known.authority.clone())
    }

    /// When the shared memory is away, what is known stays.
    async fn look(&self) {
        let listed = match self.registry.nodes().await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::debug!(cause = error.0, "nodes not listed");
                return;
            }
        };
        let now = Instant::now();
        let mut known = self.known.get().as_ref().clone();
        known.retain(|_, known| now.duration_since(known.listed) < REMEMBERED);
        known.extend(listed.iter().filter_map(|node| entry(node, now)));
        self.known.set(known);
    }
}

/// `None` for a node that takes no forwarded requests.
fn entry(node: &NodeInfo, listed: Instant) -> Option<(Route, Known)> {
    let route = Route::parse(&node.route)?;
    let authority = node.address.as_deref()?.strip_prefix("http://")?;
    let authority = authority.parse().ok()?;
    Some((route, Known { authority, listed }))
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
