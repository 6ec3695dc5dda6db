//! One Redis process: a server with data or a sentinel.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::Door;
use crate::process::{Launch, Server, find_program};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What it is, and so how it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Keeps nothing on disk, so a restart is also a loss of all data.
    Data,
    Sentinel,
}

/// A process on a free port of 127.0.0.1, in a folder of its own. Killed when dropped.
#[derive(Debug)]
pub(super) struct Instance {
    server: Server,
    door: Door,
    kind: Kind,
    port: u16,
    folder: TempDir,
}

impl Instance {
    /// Starts one, with what it needs beside a port and a door; that is asked for again when
    /// somebody else takes the port first.
    pub(super) async fn start(
        door: &Door,
        kind: Kind,
        more: impl Fn() -> Result<Vec<String>>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("switchboard-redis-")
            .tempdir()?;
        for _ in 0..5 {
            let port = crate::port::free()?;
            let settings = [settings(door, kind, port), more()?].concat().join("\n");
            std::fs::write(folder.path().join("redis.conf"), settings)?;
            let mut server = launch(folder.path(), kind)?;
            if wait_until_ready(&mut server, door, port).await? {
                let door = door.clone();
                return Ok(Self {
                    server,
                    door,
                    kind,
                    port,
                    folder,
                });
            }
            let output = server.output();
            ensure!(
                output.contains("Address already in use"),
                "redis-server ended: {output}"
            );
        }
        bail!("every port chosen for Redis was taken by somebody else")
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.pid()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.server.ended(), Ok(None))
    }

    pub(super) async fn ask(&self, command: &[&str]) -> Result<String> {
        self.door.ask(self.port, command).await
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    pub(super) fn signal(&self, name: &str) -> Result<()> {
        self.server.signal(name)
    }

    /// Starts it again with the configuration that it has by now; kills it first if it runs.
    pub(super) async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.server = launch(self.folder.path(), self.kind)?;
        let ready = wait_until_ready(&mut self.server, &self.door, self.port).await?;
        ensure!(ready, "it ended: {}", self.server.output());
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = self.server.kill() {
            eprintln!("testkit: could not kill Redis: {error:#}");
        }
    }
}

fn settings(door: &Door, kind: Kind, port: u16) -> Vec<String> {
    let mut lines = door.settings(port);
    if kind == Kind::Data {
        lines.extend(["save \"\"".into(), "appendonly no".into()]);
        // Else a primary waits five seconds for a second replica before it sends the first one its data.
        lines.push("repl-diskless-sync-delay 0".into());
        lines.extend(door.settings_of_data());
    }
    lines
}

fn launch(folder: &Path, kind: Kind) -> Result<Server> {
    let program = find_program("redis-server", &["/usr/bin".into()])
        .context("redis-server is not installed; run scripts/setup.sh test")?;
    let mut args = vec!["redis.conf".to_owned()];
    if kind == Kind::Sentinel {
        args.push("--sentinel".into());
    }
    Server::start(&Launch {
        program,
        args,
        env: Vec::new(),
        account: None,
        death_signal: "KILL",
        folder: folder.to_owned(),
    })
}

/// True when it answers, false when it ended instead.
async fn wait_until_ready(server: &mut Server, door: &Door, port: u16) -> Result<bool> {
    let patience = Instant::now() + READY_WITHIN;
    while server.ended()?.is_none() {
        // Somebody else's server may answer, if we lost a race for the port.
        let answer = door.ask(port, &["INFO", "server"]).await;
        if answer.is_ok_and(|info| has_pid(&info, server.pid())) {
            return Ok(true);
        }
        ensure!(
            Instant::now() < patience,
            "Redis does not start: {}",
            server.output()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

fn has_pid(info: &str, pid: u32) -> bool {
    let pid = pid.to_string();
    let mut lines = info.lines();
    lines.any(|line| line.strip_prefix("process_id:").map(str::trim) == Some(&pid))
}
