//! Round trips of a client that has nothing to do with a large, busy room.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow};
use bench_runtime::ws;
use serde_json::json;

use crate::{
    Target,
    client::{Client, Source},
    clock,
    fleet::Fleet,
    latency::Latency,
    pace::{self, Plan},
    parse_seconds, process, report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 10_000)]
    room_size: usize,
    /// Broadcasts a second to the room
    #[arg(long, default_value_t = 20.0)]
    broadcasts: f64,
    /// Time of each of the two measurements, idle and busy
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    #[arg(long, default_value_t = 150)]
    payload: usize,
    /// Milliseconds between two round trips
    #[arg(long, default_value_t = 10)]
    every: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    process::ensure_files(args.room_size)?;
    let target = args.target.url;
    let mut fleet = Fleet::new()?;
    for index in 0..args.room_size {
        let from = Source {
            index,
            ..Source::default()
        };
        fleet.add(Client::join_room(target, from, "busy")?)?;
        if index % 250 == 0 {
            fleet.turn(Duration::ZERO, |_, _| {})?;
        }
    }
    let publisher = fleet.add(Client::join_root(target, Source::default())?)?;
    let probe = Probe::start(target, args)?;
    let end = clock::now() + args.seconds.as_nanos() as u64;
    while clock::now() < end {
        fleet.turn(Duration::from_millis(20), |_, _| {})?;
    }
    let idle = probe.stop()?;

    let probe = Probe::start(target, args)?;
    let plan = Plan {
        rooms: &["busy".to_owned()],
        events_per_second: args.broadcasts,
        payload: args.payload,
        time: args.seconds,
        give_up: u64::MAX,
    };
    let outcome = pace::run(&mut fleet, publisher, &plan, args.room_size, |_, _| {})?;
    let busy = probe.stop()?;
    let expected = outcome.published * args.room_size as u64;
    let millis = |latency: &Latency, share| crate::latency::millis(latency.quantile(share));
    report::print(
        "unrelated",
        json!({
            "room_size": args.room_size,
            "broadcasts_per_s": args.broadcasts,
            "idle_p50_ms": millis(&idle, 0.5),
            "idle_p99_ms": millis(&idle, 0.99),
            "busy_p50_ms": millis(&busy, 0.5),
            "busy_p99_ms": millis(&busy, 0.99),
            "busy_max_ms": crate::latency::millis(busy.max()),
            "missing": expected.saturating_sub(outcome.latency.count()),
            "connections_lost": fleet.lost(),
            "idle": idle.summary(),
            "busy": busy.summary(),
            "deliveries": outcome.latency.summary(),
        }),
    );
    Ok(())
}

/// A client on threads of its own, so that it does not wait for the fleet: one sends at an interval,
/// whether or not the last came back, the other reads.
struct Probe {
    stop: Arc<AtomicBool>,
    sender: thread::JoinHandle<Result<()>>,
    reader: thread::JoinHandle<Result<Latency>>,
}

impl Probe {
    fn start(target: SocketAddr, args: &Args) -> Result<Self> {
        let mut client = Client::join_root(target, Source::default())?;
        let mut stream = client.stream().try_clone()?;
        let stop = Arc::new(AtomicBool::new(false));
        let every = Duration::from_millis(args.every);
        let stopped = stop.clone();
        let sender = thread::spawn(move || {
            let mut id = 0_u64;
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(every);
                id += 1;
                let packet = format!(r#"42{id}["echo","{:016x}"]"#, clock::now());
                let mut frame = Vec::new();
                ws::push_masked(&mut frame, ws::TEXT, packet.as_bytes());
                std::io::Write::write_all(&mut stream, &frame)?;
            }
            // The answer to this one ends the reader.
            let mut frame = Vec::new();
            ws::push_masked(&mut frame, ws::TEXT, br#"429999999999["echo","end"]"#);
            Ok(std::io::Write::write_all(&mut stream, &frame)?)
        });
        let reader = thread::spawn(move || {
            let mut latency = Latency::default();
            loop {
                let packet = client.next_packet()?;
                let now = clock::now();
                if packet.starts_with("439999999999[") {
                    return Ok(latency);
                }
                let sent = packet.split('"').nth(1);
                if let Some(Ok(sent)) = sent.map(|it| u64::from_str_radix(it, 16)) {
                    latency.record(now.saturating_sub(sent));
                }
            }
        });
        Ok(Self {
            stop,
            sender,
            reader,
        })
    }

    fn stop(self) -> Result<Latency> {
        self.stop.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow!("the probe panicked");
        self.sender.join().map_err(panicked)??;
        self.reader.join().map_err(panicked)?
    }
}
