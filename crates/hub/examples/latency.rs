//! How long an event takes to another node: published in order by the hub, beside the bare PUBLISH of the
//! same bytes with the same client, in turns. `make bench-latency`; the figures are in
//! `docs/adr/0011-one-order-per-organization.md`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::{Config, PerformanceConfig, TcpConfig};
use fred::types::{Builder, Message, RespVersion};
use serde_json::value::RawValue;
use switchboard_hub::{RECEIVER_QUEUE, RedisHub, RedisOptions};
use switchboard_messaging::hub::{Arrival, Bus as _, BusEvent, Channel, Hub as _, Room};
use switchboard_protocol::{ConversationId, DeliveryClass, OrganizationId, Timestamp};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

/// A second.
const RATES: [u32; 2] = [100, 1_000];
/// Each way has so many turns at each rate.
const TURNS: usize = 4;
const TURN: Duration = Duration::from_secs(5);
const CONVERSATIONS: u64 = 20;
/// What the order may add to the median.
const BAR: Duration = Duration::from_millis(1);
/// An event that takes longer than this is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The length of a message's content, in bytes.
const CONTENT: usize = 200;

/// Both ways to the other end, on connections of their own.
struct Rig {
    bare: (Client, broadcast::Receiver<Message>),
    hubs: (Arc<RedisHub>, Arc<RedisHub>, mpsc::Receiver<Arrival>),
    /// Nobody takes from this one: this hub listens to nothing.
    _unused: mpsc::Receiver<Arrival>,
    /// Events published in order so far.
    ordered: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut rig = Rig::set_up(&switchboard_testkit::redis::url()).await;
    for warms_up in [true, false] {
        rig.one_turn(RATES[0], Duration::from_secs(1), warms_up)
            .await;
    }
    println!(
        "{:>8}  {:<9} {:>7} {:>9} {:>9} {:>9}",
        "rate", "way", "events", "p50", "p99", "most"
    );
    let mut is_within = true;
    for rate in RATES {
        let (mut bare, mut ordered) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            bare.extend(rig.one_turn(rate, TURN, false).await);
            ordered.extend(rig.one_turn(rate, TURN, true).await);
        }
        let [without, with] = [("bare", bare), ("in order", ordered)].map(|(way, mut took)| {
            took.sort_unstable();
            let at = |part: usize| took[(took.len() - 1) * part / 1_000];
            let (count, most) = (took.len(), at(1_000));
            let (median, late) = (at(500), at(990));
            println!("{rate:>6}/s  {way:<9} {count:>7} {median:>9.0?} {late:>9.0?} {most:>9.0?}");
            median
        });
        let added = with.saturating_sub(without);
        println!("{rate:>6}/s  the order adds {added:.0?} to the median");
        is_within &= added <= BAR;
    }
    rig.hubs.0.close().await;
    rig.hubs.1.close().await;
    if is_within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Rig {
    async fn set_up(url: &str) -> Self {
        let (publisher, listener) = (connect(url).await, connect(url).await);
        let messages = listener.message_rx();
        listener.subscribe("latency").await.unwrap();
        let prefix = switchboard_testkit::redis::fresh_prefix();
        let options = |node| RedisOptions {
            key_prefix: prefix.clone(),
            ..RedisOptions::new(url, node)
        };
        let (here, unused) = RedisHub::connect(options("here")).await.unwrap();
        let (there, events) = RedisHub::connect(options("there")).await.unwrap();
        let channels: Vec<Channel> = (0..CONVERSATIONS).map(conversation).collect();
        there.subscribe(&channels).await.unwrap();
        Self {
            bare: (publisher, messages),
            hubs: (here, there, events),
            _unused: unused,
            ordered: 0,
        }
    }

    /// Publishes at this rate, and gives how long each event took to the other end.
    async fn one_turn(&mut self, rate: u32, lasts: Duration, in_order: bool) -> Vec<Duration> {
        let count = u64::from(rate) * lasts.as_secs();
        let mut ticks = interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (sent, mut begun) = mpsc::channel(RECEIVER_QUEUE);
        let mut calls = JoinSet::new();
        let first = self.ordered;
        let (publisher, hub) = (self.bare.0.clone(), Arc::clone(&self.hubs.0));
        let publish = async {
            for number in 0..count {
                ticks.tick().await;
                let event = event(first + number);
                sent.send(Instant::now()).await.unwrap();
                if in_order {
                    let hub = Arc::clone(&hub);
                    calls.spawn(async move { hub.publish(event).await.map(drop).unwrap() });
                } else {
                    let bytes = serde_json::to_string(&event).unwrap();
                    let publisher = publisher.clone();
                    calls.spawn(async move { publisher.publish("latency", bytes).await.unwrap() });
                }
            }
        };
        let (bare, ordered) = (&mut self.bare.1, &mut self.hubs.2);
        let arrive = async {
            let (mut took, mut times) = (Vec::new(), Vec::new());
            while took.len() < count as usize {
                let (arrived, event) = arrival(bare, ordered, in_order).await;
                let index = (number_of(&event) - first) as usize;
                while times.len() <= index {
                    times.push(begun.recv().await.unwrap());
                }
                took.push(arrived - times[index]);
            }
            took
        };
        let ((), took) = tokio::join!(publish, arrive);
        while calls.join_next().await.is_some_and(|call| call.is_ok()) {}
        if in_order {
            self.ordered += count;
        }
        took
    }
}

/// When the next event arrived, and which.
async fn arrival(
    bare: &mut broadcast::Receiver<Message>,
    ordered: &mut mpsc::Receiver<Arrival>,
    in_order: bool,
) -> (Instant, BusEvent) {
    loop {
        if in_order {
            // The first subscription begins with a doubt.
            if let Arrival::Event(event) = timeout(PATIENCE, ordered.recv()).await.unwrap().unwrap()
            {
                return (Instant::now(), *event);
            }
        } else {
            let message = timeout(PATIENCE, bare.recv()).await.unwrap().unwrap();
            let arrived = Instant::now();
            let bytes = message.value.as_bytes().unwrap();
            return (arrived, serde_json::from_slice(bytes).unwrap());
        }
    }
}

/// As the hub does (`src/redis/link.rs`).
async fn connect(url: &str) -> Client {
    let mut config = Config::from_url(url).unwrap();
    config.version = RespVersion::RESP3;
    let mut builder = Builder::from_config(config);
    builder.set_performance_config(PerformanceConfig {
        broadcast_channel_capacity: RECEIVER_QUEUE,
        ..PerformanceConfig::default()
    });
    builder.with_connection_config(|connection| {
        connection.tcp = TcpConfig {
            nodelay: Some(true),
            ..TcpConfig::default()
        };
    });
    let client = builder.build().unwrap();
    client.init().await.unwrap();
    client
}

fn conversation(number: u64) -> Channel {
    Channel {
        organization: OrganizationId::new("acme").unwrap(),
        room: Room::Conversation(ConversationId(Uuid::from_u128(u128::from(number)))),
    }
}

/// The n-th, as a message that was just stored.
fn event(number: u64) -> BusEvent {
    let content = "x".repeat(CONTENT);
    let data = serde_json::json!({ "message": {
        "id": Uuid::from_u128(u128::from(number)),
        "conversationId": Uuid::from_u128(u128::from(number % CONVERSATIONS)),
        "senderId": "alice", "seq": number, "rev": number, "content": content,
        "clientMessageId": Uuid::from_u128(u128::from(number)), "metadata": {}, "mentions": [],
        "createdAt": "2026-11-26T12:00:00.000Z", "editedAt": null, "deletedAt": null,
    }});
    BusEvent {
        channel: conversation(number % CONVERSATIONS),
        audience: Vec::new(),
        name: "message:new".into(),
        data: RawValue::from_string(data.to_string()).unwrap(),
        class: DeliveryClass::Sequenced,
        rev: Some((number / CONVERSATIONS) as i64 + 1),
        except: None,
        enters: None,
        at: Timestamp::from_millis(0),
        trace: None,
        position: None,
    }
}

/// Which one it is.
fn number_of(event: &BusEvent) -> u64 {
    let Room::Conversation(ConversationId(id)) = &event.channel.room else {
        unreachable!("only conversations are published to")
    };
    (event.rev.unwrap() as u64 - 1) * CONVERSATIONS + id.as_u128() as u64
}
