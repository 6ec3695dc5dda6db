//! How nodes that end at the same time share those that stay.

use std::sync::Arc;
use std::time::Duration;

use crate::hub::Registry;

/// Between two looks at who else is leaving.
const LOOK: Duration = Duration::from_millis(500);

/// The time over which a node that ends sends its clients away.
///
/// They come back at the nodes that stay, which take what all that leave send them. So a node that
/// is not the only one takes as long as it may, and they send no more a second than they must.
#[derive(Clone)]
pub struct DrainWindow {
    /// Which nodes there are, and which of them is this one.
    pub registry: Arc<dyn Registry>,
    pub node: String,
    /// How long it takes when no other node drains.
    pub alone: Duration,
    /// How long when others do.
    pub in_company: Duration,
}

impl DrainWindow {
    /// Returns once another node drains, too, or nobody can say whether one does: it does no harm to
    /// take longer, and the others have enough to do then.
    pub async fn company(&self) {
        while self.is_alone().await {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn is_alone(&self) -> bool {
        match self.registry.nodes().await {
            Ok(nodes) => nodes
                .iter()
                .all(|node| node.id == self.node || !node.draining),
            Err(error) => {
                tracing::debug!(cause = error.0, "nodes not listed");
                false
            }
        }
    }
}

impl std::fmt::Debug for DrainWindow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrainWindow")
            .field("alone", &self.alone)
            .field("in_company", &self.in_company)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use switchboard_protocol::{OrganizationId, Presence, Timestamp};
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::hub::{HubError, HubResult, NodeInfo};

    /// Nodes and whether they drain; `None`: nobody can say.
    #[derive(Default)]
    struct List(Mutex<Option<Vec<(&'static str, bool)>>>);

    impl List {
        fn set(&self, nodes: Option<&[(&'static str, bool)]>) {
            *self.0.lock().unwrap() = nodes.map(<[_]>::to_vec);
        }
    }

    #[async_trait]
    impl Registry for List {
        async fn renew_lease(&self, _: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>> {
            Ok(Vec::new())
        }

        async fn leave(&self) -> HubResult<()> {
            Ok(())
        }

        async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
            let nodes = self.0.lock().unwrap().clone();
            let nodes = nodes.ok_or(HubError("away".to_owned()))?;
            let info = |(id, draining): (&str, bool)| NodeInfo {
                id: id.to_owned(),
                version: "test".to_owned(),
                started_at: Timestamp::from_millis(0),
                connections: 0,
                address: None,
                route: String::new(),
                figures: switchboard_protocol::answers::NodeFigures::default(),
                draining,
            };
            Ok(nodes.into_iter().map(info).collect())
        }
    }

    fn window() -> (Arc<List>, DrainWindow) {
        let list = Arc::new(List::default());
        let window = DrainWindow {
            registry: Arc::clone(&list) as _,
            node: "own".to_owned(),
            alone: Duration::from_secs(2),
            in_company: Duration::from_secs(3),
        };
        (list, window)
    }

    #[tokio::test(start_paused = true)]
    async fn neither_itself_nor_a_node_that_stays_is_company() {
        let (list, window) = window();
        list.set(Some(&[("own", true), ("other", false)]));
        let waited = timeout(Duration::from_mins(10), window.company()).await;
        assert!(waited.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn another_node_that_drains_is_company_from_the_next_look_on() {
        let (list, window) = window();
        list.set(Some(&[("own", true), ("other", false)]));
        let begun = Instant::now();
        let others = async {
            tokio::time::sleep(LOOK * 2 + LOOK / 2).await;
            list.set(Some(&[("own", true), ("other", true)]));
        };
        tokio::join!(window.company(), others);
        assert_eq!(begun.elapsed(), LOOK * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_cannot_know_takes_its_time() {
        let (_away, window) = window();
        window.company().await;
    }
}
