//! The hub is away: what is stored flows on this node, and reaches the others when it is back.

use crate::support::{Cluster, Op};
use serde_json::json;

#[tokio::test]
async fn messages_are_stored_acked_and_delivered_here_while_the_hub_is_away() {
    let cluster = Cluster::of(2).await;
    let mut alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(1).connect("bob").await;
    let mut carol = cluster.node(2).connect("carol").await;
    let conversation = alice.group(&["bob", "carol"]).await;
    for client in [&mut bob, &mut carol] {
        client.wait_for("conversation:created").await;
        client.join(&conversation).await;
    }
    cluster.node(1).hub.fail(&Op::ALL);
    let message = alice.say(&conversation, "hello").await;
    let event = bob.wait_for("message:new").await;
    assert_eq!(event.payload()["message"], message);
    // Who comes now is let in, and hears what is said here.
    let mut late = cluster.node(1).connect("bob").await;
    assert_eq!(late.ready["rooms"], json!([conversation]));
    bob.say(&conversation, "yes").await;
    assert_eq!(late.revs_until(3).await, [3]);
    assert_eq!(alice.revs_until(3).await, [3]);
    let call = json!({"conversationId": conversation});
    let history = alice.ok("message:history", call).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 2);

    cluster.node(1).hub.mend();
    alice.say(&conversation, "again").await;
    assert_eq!(carol.revs_until(4).await, [2, 3, 4]);
}
