//! Memory of connections that do nothing but answer pings.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde_json::json;

use crate::{
    Target,
    client::{Client, Source},
    fleet::Fleet,
    parse_seconds, polling, process,
    process::Usage,
    report,
};

/// While connections are opened, the pings of the earlier ones are answered after each so many.
const BATCH: usize = 250;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    #[arg(long, value_enum, default_value = "websocket")]
    transport: Transport,
    /// A file with a token on each line, which connections show in turn as `auth.token`
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Seconds between the last connection and the measurement; over 25 there is a ping in it
    #[arg(long, default_value = "30", value_parser = parse_seconds)]
    hold: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Websocket,
    Polling,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    process::ensure_files(args.connections)?;
    let connects = connect_packets(args)?;
    // One connection that came and went: code that runs for the first time is no cost of connections.
    let first = Client::join_as(args.target.url, Source::default(), &connects[0])?;
    drop(first);
    std::thread::sleep(Duration::from_millis(500));
    let before = Usage::of(args.target.pid)?;
    let start = Instant::now();
    let (after, opened, lost) = match args.transport {
        Transport::Websocket => over_websocket(args, &connects)?,
        Transport::Polling => over_polling(args, &connects)?,
    };
    ensure!(lost == 0, "{lost} connections were lost");
    let growth = after.rss_kb as f64 - before.rss_kb as f64;
    let per_connection = growth / args.connections as f64;
    report::print(
        "idle",
        json!({
            "transport": format!("{:?}", args.transport).to_lowercase(),
            "connections": args.connections,
            "kb_per_connection": (per_connection * 100.0).round() / 100.0,
            "rss_before_kb": before.rss_kb,
            "rss_after_kb": after.rss_kb,
            "before": before.json(),
            "after": after.json(),
            "open_seconds": (opened - start).as_secs_f64(),
        }),
    );
    Ok(())
}

/// The CONNECT packets that connections send in turn.
fn connect_packets(args: &Args) -> Result<Vec<String>> {
    let Some(path) = &args.tokens else {
        return Ok(vec!["40".to_owned()]);
    };
    let tokens = std::fs::read_to_string(path)?;
    let packets: Vec<_> = tokens
        .lines()
        .map(|token| format!("40{}", json!({ "token": token })))
        .collect();
    ensure!(!packets.is_empty(), "no tokens in {}", path.display());
    Ok(packets)
}

fn over_websocket(args: &Args, connects: &[String]) -> Result<(Usage, Instant, usize)> {
    let mut fleet = Fleet::new()?;
    for index in 0..args.connections {
        let from = Source {
            index,
            ..Source::default()
        };
        let connect = &connects[index % connects.len()];
        fleet.add(Client::join_as(args.target.url, from, connect)?)?;
        if index % BATCH == 0 {
            fleet.turn(Duration::ZERO, |_, _| {})?;
        }
    }
    let opened = Instant::now();
    while opened.elapsed() < args.hold {
        fleet.turn(Duration::from_millis(50), |_, _| {})?;
    }
    Ok((Usage::of(args.target.pid)?, opened, fleet.lost()))
}

fn over_polling(args: &Args, connects: &[String]) -> Result<(Usage, Instant, usize)> {
    let mut pollers = polling::Pollers::new(args.target.url)?;
    for index in 0..args.connections {
        pollers.open(index, &connects[index % connects.len()])?;
        if index % BATCH == 0 {
            pollers.turn(Duration::ZERO)?;
        }
    }
    let opened = Instant::now();
    while opened.elapsed() < args.hold {
        pollers.turn(Duration::from_millis(50))?;
    }
    Ok((Usage::of(args.target.pid)?, opened, pollers.lost()))
}
