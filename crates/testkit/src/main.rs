//! `switchboard-testkit`: gives a command, or the JavaScript tests, a private Redis and PostgreSQL.

mod topology;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use switchboard_testkit::gateway::{self, EmbeddedGateway};
use switchboard_testkit::postgres::{self, PrivatePostgres};
use switchboard_testkit::redis::{self, Door, PrivateRedis};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::topology::Wanted;

const USAGE: &str = "\
usage: switchboard-testkit run [--gateway BINARY] COMMAND [ARGUMENT]…
           runs COMMAND with a private Redis and PostgreSQL, which it finds in SWITCHBOARD_TEST_REDIS
           and SWITCHBOARD_TEST_POSTGRES, and with a gateway of its own in SWITCHBOARD_E2E_URL
       switchboard-testkit servers
           starts a private Redis and PostgreSQL, prints where they are as one line of JSON, and
           stops them when its stdin is closed
       switchboard-testkit redis [--topology standalone|sentinel|cluster] [--tls] [--password]
           starts a Redis of that shape (standalone when not said), prints one line of JSON, and stops
           it when its stdin is closed. The line has `url`, which has the password in it; `nodes`, each
           with `port` and `pid`, to be killed (SIGKILL) or paused (SIGSTOP) by whoever started it;
           with --tls `tls`, the paths of `ca`, `cert` and `key`; with --password `password`.
           sentinel: `nodes` are the primary and its replica, `sentinels` the three that watch them;
           a primary that is silent for half a second is replaced. cluster: `nodes` are three primaries
           and then their replicas, in that order; one that is silent for a second is replaced";

/// How long a command that was told to end may take.
const END_WITHIN: Duration = Duration::from_secs(20);

/// On one thread: the kernel stops the servers when the thread that started them dies, and the main
/// thread lives as long as the process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["run", "--gateway", binary, program, args @ ..] => run(Some(binary), program, args).await,
        ["run", program, args @ ..] if *program != "--gateway" => run(None, program, args).await,
        ["servers"] => serve().await,
        ["redis", options @ ..] => match Wanted::read(options) {
            Some(wanted) => serve_redis(wanted).await,
            None => return misused(),
        },
        ["--help" | "-h"] => {
            say(USAGE);
            Ok(ExitCode::SUCCESS)
        }
        _ => return misused(),
    };
    result.unwrap_or_else(|error| {
        say(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn misused() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}

/// Both servers; dropping it stops them.
struct Servers {
    redis: PrivateRedis,
    postgres: PrivatePostgres,
}

impl Servers {
    async fn start() -> Result<Self> {
        let redis = PrivateRedis::try_start(Door::default())
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

async fn run(gateway: Option<&str>, program: &str, args: &[&str]) -> Result<ExitCode> {
    let mut interruptions = Interruptions::listen()?;
    let servers = Servers::start().await?;
    let gateway = match gateway {
        Some(binary) => Some(start_gateway(Path::new(binary)).await?),
        None => None,
    };
    let mut child = Command::new(program)
        .args(args)
        .env(redis::ENV, servers.redis.url())
        .env(postgres::ENV, servers.postgres.url())
        .envs(
            gateway
                .as_ref()
                .map(|gateway| (gateway::ENV, gateway.url())),
        )
        .spawn()
        .with_context(|| format!("could not run {program}"))?;
    let status = tokio::select! {
        status = child.wait() => status?,
        interruption = interruptions.next() => end(&mut child, interruption).await?,
    };
    Ok(exit_code(status))
}

async fn start_gateway(binary: &Path) -> Result<EmbeddedGateway> {
    let gateway = EmbeddedGateway::start(binary)
        .await
        .context("could not start the gateway")?;
    say(&format!(
        "gateway at {}, in {}",
        gateway.url(),
        gateway.folder().display()
    ));
    Ok(gateway)
}

async fn serve() -> Result<ExitCode> {
    let mut interruptions = Interruptions::listen()?;
    let servers = Servers::start().await?;
    let addresses =
        serde_json::json!({ "redis": servers.redis.url(), "postgres": servers.postgres.url() });
    until_dismissed(&addresses, &mut interruptions).await
}

async fn serve_redis(wanted: Wanted) -> Result<ExitCode> {
    let mut interruptions = Interruptions::listen()?;
    let redis = wanted.start().await.context("could not start Redis")?;
    until_dismissed(&redis.described(), &mut interruptions).await
}

/// Says what there is, and returns when nobody needs it any more.
async fn until_dismissed(
    servers: &serde_json::Value,
    interruptions: &mut Interruptions,
) -> Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{servers}")?;
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

/// One line to stderr: stdout belongs to the command.
fn say(line: &str) {
    eprintln!("testkit: {line}");
}
