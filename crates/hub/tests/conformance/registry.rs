//! Which nodes there are.

use crate::harness::{Harness, Node, at};

impl Node {
    async fn sees_draining(&self) -> Vec<String> {
        let nodes = self.hub.nodes().await.unwrap();
        let draining = nodes.into_iter().filter(|node| node.draining);
        draining.map(|node| node.id).collect()
    }

    async fn sees(&self) -> Vec<String> {
        let nodes = self.hub.nodes().await.unwrap();
        let mut ids: Vec<String> = nodes.into_iter().map(|node| node.id).collect();
        ids.sort();
        ids
    }
}

pub(crate) async fn lists_the_nodes_whose_lease_is_valid(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    let unregistered = cluster.unregistered("c").await;
    assert_eq!(unregistered.sees().await, ["a", "b"]);
    b.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;
    assert_eq!(a.sees().await, ["a"]);
    unregistered.renew().await;
    assert_eq!(a.sees().await, ["a", "c"]);
}

pub(crate) async fn a_renewed_lease_carries_the_new_figures(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.renew_with(12).await;
    a.renew_with(34).await;
    let nodes = a.hub.nodes().await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].connections, 34);
    assert_eq!(nodes[0].version, "1.2.3");
    assert_eq!(nodes[0].started_at, at(7));
    assert_eq!(nodes[0].address.as_deref(), Some("http://10.0.0.7:9090"));
    assert_eq!(nodes[0].route, "node-1");
}

pub(crate) async fn a_node_that_drains_says_so_to_the_others(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    assert!(b.sees_draining().await.is_empty());
    a.drains().await;
    assert_eq!(b.sees_draining().await, ["a"]);
    assert_eq!(b.sees().await, ["a", "b"], "it is still there");
    a.hub.leave().await.unwrap();
    assert!(b.sees_draining().await.is_empty());
}

pub(crate) async fn a_node_that_leaves_is_gone_at_once(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    b.hub.leave().await.unwrap();
    assert_eq!(a.sees().await, ["a"]);
    b.renew().await;
    assert_eq!(a.sees().await, ["a", "b"]);
}

pub(crate) async fn a_lease_holds_until_it_is_over_and_no_longer(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let watcher = cluster.unregistered("watcher").await;
    // To connect takes a part of the lease.
    a.renew().await;
    cluster.let_time_pass(cluster.lease().mul_f64(0.6)).await;
    assert_eq!(watcher.sees().await, ["a"]);
    a.renew().await;
    cluster.let_time_pass(cluster.lease().mul_f64(0.6)).await;
    assert_eq!(watcher.sees().await, ["a"]);
    cluster.let_time_pass(cluster.lease().mul_f64(0.6)).await;
    assert!(watcher.sees().await.is_empty());
}
