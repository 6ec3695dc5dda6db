//! A server process that does not outlive its owner.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How long a server may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// The user to run a server as, when it is not to be the one who runs the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What to start, and how.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) account: Option<Account>,
    /// The kernel sends it to the server when the thread that started it dies: that covers a SIGKILL
    /// of this process, which runs no `Drop`.
    pub(crate) death_signal: &'static str,
    /// Where it runs, with its output in the file `log` there.
    pub(crate) folder: PathBuf,
}

/// A running server: its process, and the file that has its output.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it in a process group of its own, so that Ctrl-C in a terminal reaches the tests and
    /// not the servers under them.
    pub(crate) fn start(launch: &Launch) -> Result<Self> {
        let log = launch.folder.join("log");
        let output = File::create(&log)?;
        let mut command = Command::new("setpriv"); // of util-linux: it becomes the program, same pid
        if let Some(account) = launch.account {
            become_account(&mut command, account);
        }
        let child = command
            .args(["--pdeathsig", launch.death_signal])
            .arg(&launch.program)
            .args(&launch.args)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&launch.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", launch.program.display()))?;
        Ok(Self { child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What the server has printed, for the message of a failed start.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal, by name: `INT`, `STOP` …
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        signal(self.pid(), name)
    }

    /// Sends `name` and waits for the end; kills what does not end.
    pub(crate) fn stop(&mut self, name: &str) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        self.signal(name)?;
        let patience = Instant::now() + STOP_WITHIN;
        while self.ended()?.is_none() {
            if Instant::now() > patience {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Kills it (SIGKILL, so a paused one dies too) and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

/// Sends the signal `name` to a process that the caller started. Through the shell's own `kill`,
/// because the crate forbids `unsafe` and `/bin/kill` is not on every machine.
pub(crate) fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()?;
    ensure!(
        status.success(),
        "could not send SIG{name} to process {pid}"
    );
    Ok(())
}

/// The processes that `parent` has started, as the kernel has them now.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state parent …; a name may have parentheses and spaces itself.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Makes `command`, which must be a `setpriv`, run its program as `account`.
pub(crate) fn become_account(command: &mut Command, account: Account) {
    command
        .arg(format!("--reuid={}", account.uid))
        .arg(format!("--regid={}", account.gid))
        .arg("--clear-groups");
}

/// The first of `directories`, then of `PATH`, that holds `program`.
pub(crate) fn find_program(program: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    directories
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}
