//! What the system knows of the server's process.

use std::fs;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

/// Files that this process may have open beside its connections.
const SPARE_FILES: u64 = 200;

/// One look at a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Resident memory.
    pub(crate) rss_kb: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Open file descriptors.
    pub(crate) fds: u64,
}

impl Usage {
    /// Reads it now.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Ok(Self {
            rss_kb: rss_kb(pid)?,
            threads: field(&read(pid, "status")?, "Threads:")?,
            fds: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        })
    }

    /// All of it, for reports.
    pub(crate) fn json(&self) -> Value {
        json!({ "rss_kb": self.rss_kb, "threads": self.threads, "fds": self.fds })
    }
}

/// Resident memory in kB.
pub(crate) fn rss_kb(pid: u32) -> Result<u64> {
    // smaps_rollup counts pages now; the figures of status may lag behind.
    match read(pid, "smaps_rollup") {
        Ok(text) => field(&text, "Rss:"),
        Err(_) => field(&read(pid, "status")?, "VmRSS:"),
    }
}

/// Time that the process has had on a core so far, as user and in the kernel, in µs.
pub(crate) fn cpu_us(pid: u32) -> Result<u64> {
    let text = read(pid, "stat")?;
    // The second field is the name, in parentheses and with any characters in it.
    let (_, rest) = text.rsplit_once(") ").context("unknown format of stat")?;
    let mut fields = rest.split(' ').skip(11);
    let mut ticks = 0;
    for _ in 0..2 {
        ticks += fields.next().context("short stat")?.parse::<u64>()?;
    }
    Ok(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// Sets the limit of open files to the highest allowed.
pub(crate) fn raise_file_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")
}

/// Fails when this process may not have so many connections.
pub(crate) fn ensure_files(connections: usize) -> Result<()> {
    if let Some(limit) = getrlimit(Resource::Nofile).maximum {
        ensure!(
            connections as u64 + SPARE_FILES <= limit,
            "{connections} connections need more than {limit} open files; raise `ulimit -Hn`"
        );
    }
    Ok(())
}

fn read(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("cannot read {file} of process {pid}"))
}

fn field(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().next());
    Ok(value.with_context(|| format!("no {name}"))?.parse()?)
}
