//! Connections that come and go in every way that connections do, and what they leave behind.

use std::{
    io::Write,
    net::{Shutdown, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bench_runtime::ws;
use serde_json::{Value, json};
use socket2::SockRef;

use crate::{
    Target,
    client::{self, Client, Source},
    parse_seconds,
    polling::Session,
    process::Usage,
    report,
};

/// Sources spread over so many addresses: a port that was just used may not be used again at once.
const ADDRESSES: usize = 8;
const PORTS: usize = 25_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Connections in each round
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// What the second round adds is a leak; what the first adds may be room for later
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// At once
    #[arg(long, default_value_t = 64)]
    parallel: usize,
    /// How long the server has to forget them after each round: the time for a ping and its answer, and
    /// to join a namespace, are 45 s each by default
    #[arg(long, default_value = "60", value_parser = parse_seconds)]
    settle: Duration,
}

/// How a connection ends. Every second of [`CYCLE`] is abrupt.
#[derive(Debug, Clone, Copy)]
enum End {
    /// A WebSocket close frame.
    Close,
    /// The Socket.IO DISCONNECT packet, then a close frame.
    Disconnect,
    /// The Engine.IO CLOSE packet over polling.
    PollingClose,
    /// A TCP reset.
    Reset,
    /// End of file within a frame.
    MidFrame,
    /// A polling session whose client goes away between two requests.
    PollingAbandoned,
    /// A polling session whose GET request is reset while it waits.
    PollingAborted,
    /// A polling session that starts an upgrade and goes away.
    UpgradeAborted,
    /// A polling handshake and nothing else.
    HandshakeOnly,
}

const CYCLE: [End; 12] = [
    End::Close,
    End::Reset,
    End::Disconnect,
    End::MidFrame,
    End::PollingClose,
    End::PollingAbandoned,
    End::Close,
    End::PollingAborted,
    End::Disconnect,
    End::UpgradeAborted,
    End::PollingClose,
    End::HandshakeOnly,
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let pid = args.target.pid;
    // A little of everything first, so that what is made once is made.
    round(args, CYCLE.len() * 4);
    settle(args)?;
    let before = look(args)?;
    let mut rounds = Vec::new();
    let mut failures = 0;
    let start = Instant::now();
    for _ in 0..args.rounds {
        failures += round(args, args.count);
        let empty_after = settle(args)?;
        let mut after = look(args)?;
        after["empty_after_s"] = json!(empty_after);
        rounds.push(after);
    }
    let last = Usage::of(pid)?;
    let after = rounds.last().context("no rounds")?;
    report::print(
        "churn",
        json!({
            "count": args.count,
            "failures": failures,
            "sockets_left": after["sockets"].as_u64().unwrap_or_default().saturating_sub(1),
            "members_left": after["members"],
            "tasks_before": before["tasks"],
            "tasks_after": after["tasks"],
            "fds_before": before["usage"]["fds"],
            "fds_after": last.fds,
            "threads_before": before["usage"]["threads"],
            "threads_after": last.threads,
            "rss_before_kb": before["usage"]["rss_kb"],
            "rss_after_first_kb": rounds[0]["usage"]["rss_kb"],
            "rss_after_last_kb": last.rss_kb,
            "seconds": start.elapsed().as_secs_f64().round(),
            "rounds": rounds,
        }),
    );
    Ok(())
}

/// The server's own count and the system's, with one connection open: the one that asks.
fn look(args: &Args) -> Result<Value> {
    let mut client = Client::join_root(args.target.url, Source::default())?;
    let mut stats = client.stats("churn")?;
    stats["usage"] = Usage::of(args.target.pid)?.json();
    Ok(stats)
}

/// Waits for as long as the server may take to forget everybody, and returns after how many seconds it
/// counted no socket but the one that asks; `None` when it still counts some. Sessions that never joined a
/// namespace are in no count, so there is no shorter way to know.
fn settle(args: &Args) -> Result<Option<f64>> {
    let start = Instant::now();
    let mut empty = None;
    while start.elapsed() < args.settle {
        if look(args)?["sockets"] != 1 {
            empty = None;
        } else if empty.is_none() {
            empty = Some(start.elapsed().as_secs_f64().round());
        }
        thread::sleep(Duration::from_secs(1));
    }
    Ok(empty)
}

/// Runs `count` connections and returns how many could not do what they were to do.
fn round(args: &Args, count: usize) -> usize {
    let next = AtomicUsize::new(0);
    let failures = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..args.parallel {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let end = CYCLE[index % CYCLE.len()];
                    if let Err(error) = one(args.target.url, index, end)
                        && failures.fetch_add(1, Ordering::Relaxed) == 0
                    {
                        eprintln!("the first failure, of {end:?}: {error:#}");
                    }
                }
            });
        }
    });
    failures.load(Ordering::Relaxed)
}

fn one(target: SocketAddr, index: usize, end: End) -> Result<()> {
    let from = Source {
        index: index % ADDRESSES * PORTS,
        ..Source::default()
    };
    match end {
        End::Close | End::Disconnect | End::Reset | End::MidFrame => {
            end_websocket(Client::join_room(target, from, "churn")?, end)
        }
        End::HandshakeOnly => Session::open(target, from).map(drop),
        End::PollingClose | End::PollingAbandoned => {
            let mut session = Session::join_root(target, from)?;
            session.post(r#"42["join","churn"]"#)?;
            if let End::PollingClose = end {
                session.post("1")?;
            }
            Ok(())
        }
        End::PollingAborted => {
            let mut session = Session::join_root(target, from)?;
            session.post(r#"42["join","churn"]"#)?;
            let request = session.get_request();
            session.stream.write_all(request.as_bytes())?;
            Ok(SockRef::from(&session.stream).set_linger(Some(Duration::ZERO))?)
        }
        End::UpgradeAborted => {
            let session = Session::join_root(target, from)?;
            let query = format!("EIO=4&transport=websocket&sid={}", session.sid);
            let mut client = Client::upgrade(client::connect(target, from)?, &query)?;
            client.send("2probe")?;
            client.wait_for("3probe").map(drop)
        }
    }
}

fn end_websocket(mut client: Client, end: End) -> Result<()> {
    match end {
        End::Reset => {
            // Closing with what lingers for no time sends a reset.
            SockRef::from(&*client.stream()).set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
        End::MidFrame => {
            let mut frame = Vec::new();
            ws::push_masked(&mut frame, ws::TEXT, br#"42["echo","never sent"]"#);
            client.stream().write_all(&frame[..frame.len() / 2])?;
            return Ok(client.stream().shutdown(Shutdown::Write)?);
        }
        End::Disconnect => client.send("41")?,
        _ => {}
    }
    let mut frame = Vec::new();
    ws::push_masked(&mut frame, ws::CLOSE, &1000_u16.to_be_bytes());
    // It may have closed already after DISCONNECT.
    let _ = client.stream().write_all(&frame);
    while client.next_packet().is_ok() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_ends_are_abrupt() {
        let clean = |end: &&End| matches!(end, End::Close | End::Disconnect | End::PollingClose);
        assert_eq!(CYCLE.iter().filter(clean).count() * 2, CYCLE.len());
    }
}
