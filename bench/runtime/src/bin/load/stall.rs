//! A busy room in which most members never read.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use bench_runtime::ws;
use serde_json::{Value, json};

use crate::{
    Target,
    client::{Client, Source},
    fleet::Fleet,
    pace::{self, Plan},
    parse_seconds, process, report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Members that never read
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Members that do
    #[arg(long, default_value_t = 100)]
    readers: usize,
    /// Broadcasts a second
    #[arg(long, default_value_t = 50.0)]
    broadcasts: f64,
    #[arg(long, default_value_t = 2000)]
    payload: usize,
    #[arg(long, default_value = "60", value_parser = parse_seconds)]
    seconds: Duration,
    /// Those that never read send a pong every so many seconds all the same, so that it is not the ping
    /// timeout that ends them; 0 for silence
    #[arg(long, default_value = "0", value_parser = parse_seconds)]
    pong: Duration,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    process::ensure_files(args.connections + args.readers)?;
    let target = args.target.url;
    let before = process::rss_kb(args.target.pid)?;
    let mut stalled = stalled_members(target, args.connections)?;
    let mut fleet = Fleet::new()?;
    for _ in 0..args.readers {
        fleet.add(Client::join_room(target, Source::default(), "busy")?)?;
    }
    let publisher = fleet.add(Client::join_root(target, Source::default())?)?;
    let watch = Watch::start(args)?;
    let pongs = Pongs::start(&stalled, args.pong)?;
    let plan = Plan {
        rooms: &["busy".to_owned()],
        events_per_second: args.broadcasts,
        payload: args.payload,
        time: args.seconds,
        give_up: u64::MAX,
    };
    let mut next = vec![0_u32; args.readers];
    let mut out_of_order = 0;
    let outcome = pace::run(
        &mut fleet,
        publisher,
        &plan,
        args.readers,
        |member, number| {
            if number != next[member] {
                out_of_order += 1;
            }
            next[member] = number + 1;
        },
    )?;
    // In this order: they are not to be gone because this end closed them.
    let samples = watch.stop()?;
    pongs.stop()?;
    stalled.clear();
    let expected = outcome.published * args.readers as u64;
    let gone = samples.iter().find(|it| it.members <= args.readers);
    let latency = &outcome.latency;
    report::print(
        "stall",
        json!({
            "stalled": args.connections,
            "readers": args.readers,
            "all_gone_after_s": gone.map(|it| it.seconds),
            "left_at_the_end": samples.last().map(|it| it.members.saturating_sub(args.readers)),
            "rss_before_kb": before,
            "rss_peak_kb": samples.iter().map(|it| it.rss_kb).max(),
            "rss_end_kb": samples.last().map(|it| it.rss_kb),
            "readers_lost": fleet.lost(),
            "readers_missing": expected.saturating_sub(latency.count()),
            "readers_gaps": out_of_order,
            "readers_p99_ms": crate::latency::millis(latency.quantile(0.99)),
            "readers_max_ms": crate::latency::millis(latency.max()),
            "over_time": samples.iter().map(Sample::json).collect::<Vec<_>>(),
        }),
    );
    Ok(())
}

fn stalled_members(target: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let from = Source {
        narrow: true,
        ..Source::default()
    };
    (0..count)
        .map(|_| Ok(Client::join_room(target, from, "busy")?.into_parts().0))
        .collect()
}

/// Sends pongs that nobody asked for.
struct Pongs {
    stop: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Pongs {
    fn start(stalled: &[TcpStream], every: Duration) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let streams: std::io::Result<Vec<_>> = stalled.iter().map(TcpStream::try_clone).collect();
        let mut streams = if every.is_zero() {
            Vec::new()
        } else {
            streams?
        };
        let mut pong = Vec::new();
        ws::push_masked(&mut pong, ws::TEXT, b"3");
        let thread = thread::spawn(move || {
            while !streams.is_empty()
                && stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout)
            {
                // A server that has cut one answers with a reset.
                streams.retain_mut(|stream| stream.write_all(&pong).is_ok());
            }
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<()> {
        drop(self.stop);
        self.thread
            .join()
            .map_err(|_| anyhow!("the pongs panicked"))
    }
}

struct Sample {
    seconds: f64,
    members: usize,
    rss_kb: u64,
}

impl Sample {
    /// `[seconds, members, rss_kb]`
    fn json(&self) -> Value {
        json!([self.seconds, self.members, self.rss_kb])
    }
}

/// Looks at the server twice a second, on a thread and a connection of its own.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Result<Vec<Sample>>>,
}

impl Watch {
    fn start(args: &Args) -> Result<Self> {
        let pid = args.target.pid;
        let mut client = Client::join_root(args.target.url, Source::default())?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            let mut samples = Vec::new();
            loop {
                // One more after the end.
                let last = stopped.load(Ordering::Relaxed);
                let stats = client.stats("busy")?;
                samples.push(Sample {
                    seconds: (start.elapsed().as_secs_f64() * 10.0).round() / 10.0,
                    members: stats["members"].as_u64().unwrap_or_default() as usize,
                    rss_kb: process::rss_kb(pid)?,
                });
                if last {
                    return Ok(samples);
                }
                thread::sleep(Duration::from_millis(500));
            }
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the watch panicked"))?
    }
}
