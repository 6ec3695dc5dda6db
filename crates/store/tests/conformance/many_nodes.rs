//! Several nodes on one database: no gap, no double, whoever writes.

use std::sync::Arc;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use switchboard_messaging::Store;
use switchboard_protocol::{ConversationId, MessageId};

use crate::on_both_databases;
use crate::world::{World, acme};

on_both_databases!(
    whatever_nodes_do_at_once_seq_and_rev_have_no_gap,
    nodes_that_send_the_same_store_it_once,
    nodes_that_batch_the_same_conversations_do_not_deadlock,
    a_node_sees_at_once_what_another_has_stored,
);

/// What one node does in a random run.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send { to: usize },
    SendTogether { to: usize, count: usize },
    Repeat { to: usize, client_id: u8 },
    Edit,
    Delete,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize).prop_map(|to| Step::Send { to }),
        2 => (0..3_usize, 2..8_usize).prop_map(|(to, count)| Step::SendTogether { to, count }),
        2 => (0..3_usize, 0..4_u8).prop_map(|(to, client_id)| Step::Repeat { to, client_id }),
        2 => Just(Step::Edit),
        1 => Just(Step::Delete),
    ];
    prop::collection::vec(step, 15..25)
}

async fn run(world: &World, node: Arc<dyn Store>, to: &[ConversationId], steps: Vec<Step>) {
    let mut mine: Vec<MessageId> = Vec::new();
    for step in steps {
        match step {
            Step::Send { to: n } => {
                let sent = node
                    .append(world.text("ann", to[n], "hello"))
                    .await
                    .unwrap();
                mine.push(sent.message.id);
            }
            Step::SendTogether { to: n, count } => {
                let sends = (0..count).map(|i| world.text("ann", to[(n + i) % to.len()], "hi"));
                for sent in join_all(sends.map(|new| node.append(new))).await {
                    mine.push(sent.unwrap().message.id);
                }
            }
            Step::Repeat { to: n, client_id } => {
                let mut new = world.text("ann", to[n], "again");
                new.client_message_id = Some(client_id.to_string());
                node.append(new).await.unwrap();
            }
            // A tombstone refuses; any other failure shows in the counts.
            Step::Edit => {
                if let Some(id) = mine.last() {
                    let _ = node.edit(world.new_edit("ann", *id, "better")).await;
                }
            }
            Step::Delete => {
                if let Some(id) = mine.pop() {
                    node.delete(world.deletion("ann", id)).await.unwrap();
                }
            }
        }
    }
}

async fn whatever_nodes_do_at_once_seq_and_rev_have_no_gap(world: World) {
    let mut to = Vec::new();
    for _ in 0..3 {
        to.push(world.group("ann", &["ben"]).await);
    }
    let mut runner = TestRunner::deterministic();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        runs.push(run(&world, world.another_node().await, &to, steps));
    }
    join_all(runs).await;
    for to in to {
        assert_no_gap(&world, to).await;
    }
}

/// Messages, changes and the conversation's own counts agree.
async fn assert_no_gap(world: &World, to: ConversationId) {
    let page = world.store.sync(&acme(), to, 0, 100_000).await.unwrap();
    let head = page.conversation;
    let history = world.history(to).await;
    assert!(!history.is_empty());
    let seqs: Vec<i64> = history.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=head.last_seq).collect::<Vec<_>>());
    assert_eq!(head.message_count, head.last_seq);
    let changes = world.store.changes(&acme(), to, 0, head.rev).await.unwrap();
    let revs: Vec<i64> = changes.iter().map(|change| change.rev).collect();
    assert_eq!(revs, (1..=head.rev).collect::<Vec<_>>());
    let mut ids: Vec<_> = history
        .iter()
        .filter_map(|m| m.client_message_id.as_ref())
        .collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "a client id was stored twice");
}

async fn nodes_that_send_the_same_store_it_once(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let nodes = [world.another_node().await, world.another_node().await];
    for round in 0..10 {
        let sends = nodes.iter().map(|node| {
            let mut new = world.text("ann", to, "once");
            new.client_message_id = Some(round.to_string());
            node.append(new)
        });
        let answers: Vec<_> = join_all(sends)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(answers[0].message, answers[1].message);
        assert!(answers[0].duplicate != answers[1].duplicate);
    }
    assert_eq!(world.history(to).await.len(), 10);
}

async fn nodes_that_batch_the_same_conversations_do_not_deadlock(world: World) {
    let mut to = Vec::new();
    for _ in 0..8 {
        to.push(world.group("ann", &[]).await);
    }
    let nodes = [world.another_node().await, world.another_node().await];
    let sends = (0..400).map(|n| {
        // One node comes from the front, the other from the back.
        let at = if n % 2 == 0 { n / 2 % 8 } else { 7 - n / 2 % 8 };
        nodes[n % 2].append(world.text("ann", to[at], "hello"))
    });
    for sent in join_all(sends).await {
        sent.unwrap();
    }
    for to in to {
        assert_no_gap(&world, to).await;
    }
}

async fn a_node_sees_at_once_what_another_has_stored(world: World) {
    let to = world.group("ann", &[]).await;
    let node = world.another_node().await;
    for n in 0..20 {
        let sent = world.say("ann", to, &n.to_string()).await;
        let seen = node.message(&acme(), sent.id).await.unwrap();
        assert_eq!(seen, Some(sent));
    }
}
