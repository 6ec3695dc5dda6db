use std::sync::Mutex as StdMutex;

use async_trait::async_trait;
use switchboard_messaging::hub::{HubError, HubResult};
use switchboard_protocol::{OrganizationId, Presence, Timestamp};

use super::*;

/// Lists what it is told to, and counts how often it is asked.
#[derive(Default)]
struct List {
    nodes: StdMutex<Option<Vec<NodeInfo>>>,
    asked: StdMutex<usize>,
}

impl List {
    fn set(&self, nodes: &[(&str, Option<&str>)]) {
        let nodes = nodes.iter().map(|(route, address)| NodeInfo {
            id: "a node".to_owned(),
            version: "1".to_owned(),
            started_at: Timestamp::from_millis(0),
            connections: 0,
            address: address.map(str::to_owned),
            route: (*route).to_owned(),
            figures: switchboard_protocol::answers::NodeFigures::default(),
            draining: false,
        });
        *self.nodes.lock().unwrap() = Some(nodes.collect());
    }

    fn lose(&self) {
        *self.nodes.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
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
        *self.asked.lock().unwrap() += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
        let nodes = self.nodes.lock().unwrap().clone();
        nodes.ok_or_else(|| HubError("away".to_owned()))
    }
}

fn nodes() -> (Arc<List>, Nodes) {
    let list = Arc::new(List::default());
    list.set(&[("node-a", Some("http://10.0.0.1:9090"))]);
    let registry: Arc<dyn Registry> = Arc::clone(&list) as _;
    (list, Nodes::new(registry))
}

async fn found(nodes: &Nodes, route: &str) -> Option<String> {
    let route = Route::parse(route).unwrap();
    nodes.find(route).await.map(|at| at.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_node_is_looked_for_once_and_then_remembered() {
    let (list, nodes) = nodes();
    for _ in 0..3 {
        assert_eq!(
            found(&nodes, "node-a").await.as_deref(),
            Some("10.0.0.1:9090")
        );
    }
    assert_eq!(list.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_just_come_is_found_within_the_pause() {
    let (list, nodes) = nodes();
    assert_eq!(found(&nodes, "node-b").await, None);
    list.set(&[("node-b", Some("http://gateway-1.gateway:9090"))]);
    let began = Instant::now();
    assert!(found(&nodes, "node-b").await.is_some());
    assert!(began.elapsed() <= PAUSE + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn made_up_routes_cause_one_look_in_a_pause_however_many_they_are() {
    let (list, nodes) = nodes();
    nodes.refresh().await;
    let began = Instant::now();
    let many = (0..1_000).map(|n| nodes.find(Route::of_random(n)));
    for found in futures_util::future::join_all(many).await {
        assert_eq!(found, None);
    }
    assert!(list.asked() <= 3, "{}", list.asked());
    assert!(began.elapsed() < 3 * PAUSE);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_stays_while_the_list_is_away_and_for_a_minute_after_it_was_lost() {
    let (list, nodes) = nodes();
    nodes.refresh().await;
    list.lose();
    tokio::time::advance(Duration::from_hours(1)).await;
    nodes.refresh().await;
    assert!(found(&nodes, "node-a").await.is_some());

    list.set(&[("node-a", Some("http://10.0.0.1:9090"))]);
    nodes.refresh().await;
    list.set(&[]);
    // The looks themselves take their time too.
    tokio::time::advance(Duration::from_secs(59)).await;
    nodes.refresh().await;
    assert!(found(&nodes, "node-a").await.is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    nodes.refresh().await;
    assert_eq!(found(&nodes, "node-a").await, None);
}

#[tokio::test(start_paused = true)]
async fn nodes_without_an_address_or_of_another_version_are_none_to_forward_to() {
    let (list, nodes) = nodes();
    list.set(&[
        ("node-a", None),
        ("", Some("http://10.0.0.1:9090")),
        ("node-c", Some("https://10.0.0.1:9090")),
        ("node-d", Some("http://not an address")),
    ]);
    for route in ["node-a", "node-c", "node-d"] {
        assert_eq!(found(&nodes, route).await, None, "{route}");
    }
}
