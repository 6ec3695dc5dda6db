//! Everything at once, by chance. The seed is printed; put it into `SEED` to see the same again.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::{Client, Cluster, Fate, is_sequenced, rev_of};

/// `None`: another one in each run.
const SEED: Option<u64> = None;
const NODES: usize = 3;
const SENDERS_PER_NODE: usize = 2;
const CALLS: usize = 40;

fn fate(rng: &mut StdRng) -> Fate {
    let mut soon = || Duration::from_millis(rng.random_range(0..120));
    let (one, other) = (soon(), soon());
    match rng.random_range(0..10) {
        0..=3 => Fate::Arrives,
        4 | 5 => Fate::Lost,
        6 | 7 => Fate::Copies(vec![one]),
        8 => Fate::Copies(vec![one, other]),
        _ => Fate::Copies(vec![Duration::ZERO, one]),
    }
}

/// What one socket does: sends, and now and then edits or deletes what it sent. Returns the `rev`s
/// that it knows by its acks, in their order.
async fn talk(client: &Client, conversation: &str, mut rng: StdRng) -> Vec<i64> {
    let mut own: Vec<Value> = Vec::new();
    let mut revs = Vec::new();
    for number in 0..CALLS {
        let mut earlier = own.iter().map(|message| message["id"].clone());
        let earlier = earlier.next_back().filter(|_| rng.random_bool(0.4));
        let message = match earlier {
            None => client.say(conversation, &format!("number {number}")).await,
            Some(id) if rng.random_bool(0.7) => {
                let edit = json!({"messageId": id, "content": format!("edit {number}")});
                client.ok("message:edit", edit).await["message"].clone()
            }
            Some(id) => {
                let delete = json!({"messageId": id});
                let deleted = client.ok("message:delete", delete).await["message"].clone();
                own.pop();
                revs.push(deleted["rev"].as_i64().unwrap());
                continue;
            }
        };
        revs.push(message["rev"].as_i64().unwrap());
        if own.last().map(|last| &last["id"]) != Some(&message["id"]) {
            own.push(message);
        }
    }
    revs
}

/// The `rev`s of the events up to the message `end`.
async fn events_until(client: &mut Client, end: &str) -> Vec<i64> {
    let mut revs = Vec::new();
    loop {
        let event = client.next_event(Duration::from_secs(15)).await;
        let event = event.unwrap_or_else(|| panic!("the end did not come; these did: {revs:?}"));
        if is_sequenced(&event) {
            revs.push(rev_of(&event));
            if event.payload()["message"]["content"] == end {
                return revs;
            }
        }
    }
}

#[tokio::test]
async fn every_socket_on_every_node_sees_every_rev_once_and_in_order() {
    let seed = SEED.unwrap_or_else(rand::random);
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let cluster = Cluster::of(NODES).await;
    let host = cluster.node(1).connect("host").await;
    let names: Vec<String> = (0..NODES * SENDERS_PER_NODE)
        .map(|index| format!("user{index}"))
        .collect();
    let others: Vec<&str> = names.iter().map(String::as_str).collect();
    let conversation = host.group(&others).await;
    let mut talkers = Vec::new();
    for (index, name) in names.iter().enumerate() {
        talkers.push(cluster.node(index % NODES + 1).connect(name).await);
    }
    for number in 1..=NODES {
        let mut rng = StdRng::seed_from_u64(rng.random());
        cluster.node(number).hub.treat_revs(move |_| fate(&mut rng));
    }

    let talks = talkers
        .iter()
        .map(|client| talk(client, &conversation, StdRng::seed_from_u64(rng.random())));
    let own = futures_util::future::join_all(talks).await;
    cluster.settled().await;
    for number in 1..=NODES {
        cluster.node(number).hub.clear_up();
    }
    let end = host.say(&conversation, "the end").await;
    let last = end["rev"].as_i64().unwrap();
    assert_eq!(last as usize, NODES * SENDERS_PER_NODE * CALLS + 2);

    for (client, own) in talkers.iter_mut().zip(own) {
        let own: BTreeSet<i64> = own.into_iter().collect();
        let expected: Vec<i64> = (2..=last).filter(|rev| !own.contains(rev)).collect();
        let heard = events_until(client, "the end").await;
        assert_eq!(heard, expected, "seed {seed}");
    }
}
