//! The load generator: speaks WebSocket and Socket.IO by itself, on one thread and epoll, so that reading
//! a delivery costs far less than sending it. Each subcommand prints one line of JSON on standard output
//! and the same for people on standard error.

mod churn;
mod client;
mod clock;
mod fanout;
mod fleet;
mod http;
mod idle;
mod latency;
mod pace;
mod polling;
mod process;
mod report;
mod stall;
mod unrelated;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Memory of connections that do nothing
    Idle(idle::Args),
    /// Deliveries to rooms: latency and CPU at a rate, or the highest rate
    Fanout(fanout::Args),
    /// Round trips of one client beside a large, busy room
    Unrelated(unrelated::Args),
    /// Members of a busy room that never read
    Stall(stall::Args),
    /// Connections that come and go in every way
    Churn(churn::Args),
}

/// The server that is measured.
#[derive(Debug, Clone, clap::Args)]
struct Target {
    /// Where it listens, such as http://127.0.0.1:3000; the path is /socket.io/
    #[arg(long, value_parser = parse_url)]
    url: SocketAddr,
    /// Its process id
    #[arg(long)]
    pid: u32,
}

fn parse_url(url: &str) -> Result<SocketAddr> {
    let host = url.strip_prefix("http://").unwrap_or(url);
    let host = host.trim_end_matches('/').replace("localhost", "127.0.0.1");
    host.parse()
        .with_context(|| format!("{url} is not http://ADDRESS:PORT"))
}

fn parse_seconds(text: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(text.parse()?).context("not a time")
}

fn main() -> Result<()> {
    process::raise_file_limit()?;
    clock::start();
    match Args::parse().command {
        Command::Idle(args) => idle::run(&args),
        Command::Fanout(args) => fanout::run(&args),
        Command::Unrelated(args) => unrelated::run(&args),
        Command::Stall(args) => stall::run(&args),
        Command::Churn(args) => churn::run(&args),
    }
}
