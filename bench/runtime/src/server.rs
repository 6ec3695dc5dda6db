//! What all servers have in common: their arguments, and how they say that they are ready.

use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

/// Arguments of every server of this package.
#[derive(Debug, Clone, Parser)]
pub struct Args {
    /// Port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Worker threads of the runtime; 1 to compare servers on one core
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Milliseconds between two pings
    #[arg(long, default_value_t = 25_000)]
    pub ping_interval: u64,
    /// Milliseconds for the answer to a ping
    #[arg(long, default_value_t = 20_000)]
    pub ping_timeout: u64,
}

impl Args {
    /// Time between two pings.
    pub const fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval)
    }

    /// Time for the answer to a ping.
    pub const fn ping_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_timeout)
    }

    /// Runs `serve` on a runtime with as many workers as were asked for. As a task of its own, because
    /// what `block_on` is given directly runs on none of the workers.
    pub fn run(
        &self,
        serve: impl Future<Output = std::io::Result<()>> + Send + 'static,
    ) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads)
            .enable_all()
            .build()?;
        Ok(runtime.block_on(runtime.spawn(serve))??)
    }
}

/// Says on one line of standard output that the server accepts connections.
pub fn ready(port: u16) {
    println!("{}", json!({ "pid": std::process::id(), "port": port }));
}

/// The answer to the event `stats`: all sockets, the sockets of the room that was asked for, all rooms
/// where the server knows them, and the tasks of this runtime.
pub fn stats(sockets: usize, members: usize, rooms: Option<usize>) -> Value {
    let tasks = tokio::runtime::Handle::try_current().map(|it| it.metrics().num_alive_tasks());
    json!({ "sockets": sockets, "members": members, "rooms": rooms, "tasks": tasks.ok() })
}
