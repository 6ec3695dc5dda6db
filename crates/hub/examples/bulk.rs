//! What large reads do to publishes, on the same connection and on one of their own: the figures of
//! `docs/adr/0008-one-redis-client.md`.
//!
//! `switchboard-testkit run cargo run --release -p switchboard-hub --example bulk`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people"
)]

use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, HashesInterface, ListInterface, PubsubInterface};
use fred::types::config::Config;
use fred::types::{Builder, Value};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

const FOR: Duration = Duration::from_secs(5);
/// Between two publishes: 2,000 a second.
const EVERY: Duration = Duration::from_micros(500);
/// Between two reads.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
enum Read {
    Nothing,
    /// One LRANGE.
    Megabytes(i64),
    /// A pipeline of that many HMGET of ten fields.
    Hashes(usize),
}

#[tokio::main]
async fn main() {
    let url = switchboard_testkit::redis::url();
    let (hot, bulk) = (connect(&url).await, connect(&url).await);
    fill(&bulk).await;
    println!(
        "{:<16} {:<8} {:>9} {:>9} {:>9} {:>6}",
        "reads", "on", "p50", "p99", "most", "reads"
    );
    let reads = [Read::Megabytes(1), Read::Megabytes(5), Read::Hashes(1_000)];
    measure(Read::Nothing, "-", &hot, &hot).await;
    for read in reads {
        measure(read, "the same", &hot, &hot).await;
        measure(read, "another", &hot, &bulk).await;
    }
}

async fn connect(url: &str) -> Client {
    let client = Builder::from_config(Config::from_url(url).unwrap());
    let client = client.build().unwrap();
    client.init().await.unwrap();
    client
}

async fn fill(client: &Client) {
    for _ in 0..5 {
        let entries: Vec<String> = (0..1_000).map(|n| format!("{n:01000}")).collect();
        client.rpush::<(), _, _>("list", entries).await.unwrap();
    }
    let fields: Vec<(String, String)> =
        (0..10).map(|n| (format!("f{n}"), "x".repeat(50))).collect();
    client.hset::<(), _, _>("hash", fields).await.unwrap();
}

async fn measure(read: Read, on: &str, hot: &Client, reader: &Client) {
    let until = Instant::now() + FOR;
    let reading = async {
        let mut count = 0;
        while Instant::now() < until && !matches!(read, Read::Nothing) {
            perform(read, reader).await;
            count += 1;
            sleep(PAUSE).await;
        }
        count
    };
    let (mut took, count) = tokio::join!(publish(hot, until), reading);
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 1_000];
    let what = format!("{read:?}");
    println!(
        "{what:<16} {on:<8} {:>9.1?} {:>9.1?} {:>9.1?} {count:>6}",
        at(500),
        at(990),
        at(1_000)
    );
}

async fn publish(client: &Client, until: Instant) -> Vec<Duration> {
    let (mut ticks, mut running) = (interval(EVERY), JoinSet::new());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while Instant::now() < until {
        ticks.tick().await;
        let client = client.clone();
        running.spawn(async move {
            let started = Instant::now();
            client
                .publish::<(), _, _>("channel", "x".repeat(300))
                .await
                .unwrap();
            started.elapsed()
        });
    }
    running.join_all().await
}

async fn perform(read: Read, client: &Client) {
    match read {
        Read::Nothing => {}
        Read::Megabytes(count) => {
            let got: Value = client.lrange("list", 0, count * 1_000 - 1).await.unwrap();
            assert_eq!(got.array_len(), Some(count as usize * 1_000));
        }
        Read::Hashes(count) => {
            let pipeline = client.pipeline();
            let fields: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
            for _ in 0..count {
                let _: () = pipeline.hmget("hash", fields.clone()).await.unwrap();
            }
            let got: Vec<Value> = pipeline.all().await.unwrap();
            assert_eq!(got.len(), count);
        }
    }
}
