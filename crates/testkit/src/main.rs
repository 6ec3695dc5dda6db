//! `switchboard-testkit`: gives a command, or the JavaScript tests, a private Redis and PostgreSQL.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use switchboard_testkit::postgres::{self, PrivatePostgres};
use switchboard_testkit::redis::{self, PrivateRedis};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "\
usage: switchboard-testkit run COMMAND [ARGUMENT]…   run COMMAND with a private Redis and PostgreSQL
       switchboard-testkit servers                   start both, print where they are as one line
                                                     of JSON, run until stdin is closed";

/// How long a command that was told to end may take.
const END_WITHIN: Duration = Duration::from_secs(20);

/// On one thread: the kernel stops the servers when the thread that started them dies, and the main
/// thread lives as long as the process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let result = match args.next().as_deref() {
        Some("run") => match args.next() {
            Some(program) => run(&program, args.collect()).await,
            None => return usage(),
        },
        Some("servers") => serve().await,
        _ => return usage(),
    };
    result.unwrap_or_else(|error| {
        say(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Both servers; dropping it stops them.
struct Servers {
    redis: PrivateRedis,
    postgres: PrivatePostgres,
}

impl Servers {
    async fn start() -> Result<Self> {
        let redis = PrivateRedis::try_start()
            .await
            .context("could not start Redis")?;
        say(&format!(
            "redis at {}, in {}",
            redis.url(),
            redis.folder().display()
        ));
        let postgres = PrivatePostgres::start()
            .await
            .context("could not start PostgreSQL")?;
        say(&format!(
            "postgres at {}, in {}",
            postgres.url(),
            postgres.folder().display()
        ));
        Ok(Self { redis, postgres })
    }
}

async fn run(program: &str, args: Vec<String>) -> Result<ExitCode> {
    let mut interruptions = Interruptions::listen()?;
    let servers = Servers::start().await?;
    let mut child = Command::new(program)
        .args(args)
        .env(redis::ENV, servers.redis.url())
        .env(postgres::ENV, servers.postgres.url())
        .spawn()
        .with_context(|| format!("could not run {program}"))?;
    let status = tokio::select! {
        status = child.wait() => status?,
        interruption = interruptions.next() => end(&mut child, interruption).await?,
    };
    Ok(exit_code(status))
}

async fn serve() -> Result<ExitCode> {
    let mut interruptions = Interruptions::listen()?;
    let servers = Servers::start().await?;
    let addresses =
        serde_json::json!({ "redis": servers.redis.url(), "postgres": servers.postgres.url() });
    writeln!(std::io::stdout().lock(), "{addresses}")?;
    tokio::select! {
        () = stdin_closed() => {}
        _ = interruptions.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells the command to end, and sees to it that it does.
async fn end(child: &mut Child, interruption: Interruption) -> Result<ExitStatus> {
    // A terminal sends Ctrl-C to the command too, and some take the second one as "drop everything".
    let knows = interruption == Interruption::Interrupt && std::io::stdin().is_terminal();
    if let (Some(pid), false) = (child.id(), knows) {
        let name = if interruption == Interruption::Interrupt {
            "INT"
        } else {
            "TERM"
        };
        let kill = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
            .status();
        kill.await?;
    }
    if let Ok(status) = tokio::time::timeout(END_WITHIN, child.wait()).await {
        return Ok(status?);
    }
    child.kill().await?;
    Ok(child.wait().await?)
}

/// As a shell has it: the command's own code, or 128 and the number of the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Resolves when whoever started us closes our stdin, or is gone. On a thread of its own, which is
/// left behind at the end: a blocking read cannot be called off.
async fn stdin_closed() {
    let (closed, is_closed) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 256];
        while std::io::stdin()
            .read(&mut rest)
            .is_ok_and(|length| length > 0)
        {}
        closed.send(()).ok();
    });
    is_closed.await.ok();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interruption {
    Interrupt,
    Terminate,
}

/// The signals that would otherwise end this process with the servers still running.
struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interruptions {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.interrupt.recv() => Interruption::Interrupt,
            _ = self.terminate.recv() => Interruption::Terminate,
            _ = self.hang_up.recv() => Interruption::Terminate,
        }
    }
}

fn usage() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}

/// One line to stderr: stdout belongs to the command.
fn say(line: &str) {
    eprintln!("testkit: {line}");
}
