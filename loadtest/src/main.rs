//! `switchboard-load`: see `docs/loadtest.md`.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Parser;
use switchboard_load::report::Report;
use switchboard_load::scenario::Scenario;
use switchboard_load::{Failure, Options, Signer, report, run};

/// Nothing acked was lost, doubled or out of order: 0. Something was: 1. Bad options or a bad scenario:
/// 2. The run could not be carried out as asked: 3.
#[derive(Debug, Parser)]
#[command(name = "switchboard-load", version, about = "Puts a measured load on a Socket.IO messaging server", after_help = EXIT_CODES)]
struct Arguments {
    /// The scenario, such as loadtest/scenarios/fanout.toml
    scenario: PathBuf,
    /// An address of the server, such as http://127.0.0.1:8080; more than once, or with commas: clients
    /// take them in turn
    #[arg(long = "url", value_name = "URL", required = true, value_delimiter = ',', value_parser = address)]
    urls: Vec<String>,
    /// A local address to connect from; more than once, or with commas: clients take them in turn. Without:
    /// any, and several of 127/8 if the server is on this machine and one has too few ports
    #[arg(long = "source", value_name = "ADDRESS", value_delimiter = ',')]
    sources: Vec<IpAddr>,
    /// The secret that tokens are signed with (HS256)
    #[arg(
        long,
        value_name = "SECRET",
        required_unless_present = "secret_file",
        conflicts_with = "secret_file"
    )]
    secret: Option<String>,
    /// A file with the secret that tokens are signed with
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The organization of all users
    #[arg(long, value_name = "NAME", default_value = "load")]
    org: String,
    /// A key of the scenario to replace, as connections=100; more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// A process of the server on this machine, to see what it uses, with all that it started; more than
    /// once, or with commas
    #[arg(long = "pid", value_name = "PID", value_delimiter = ',')]
    pids: Vec<u32>,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make the same choices as the run that had this seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many seconds a connect may take, and making all rooms
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    /// Threads that drive the connections: one for some 10,000 messages a second to rooms of ten; more than
    /// one takes from the servers what they cost each other where processors are few
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 all promises kept, 1 something acked was lost, doubled or out of \
order, 2 bad options or scenario, 3 the run could not be carried out as asked, 130 interrupted (the report is of \
what was measured until then).";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (quiet, json) = (arguments.quiet, arguments.json.clone());
    let threads = usize::from(arguments.threads);
    match options(arguments) {
        Ok(options) => match drive(options, threads, quiet, json) {
            Ok(code) => ExitCode::from(code),
            Err(error) => fail(&error, 3),
        },
        Err(error) => fail(&error, 2),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    tell(&format!("switchboard-load: {error:#}"));
    ExitCode::from(code)
}

fn options(arguments: Arguments) -> anyhow::Result<Options> {
    let secret = match (arguments.secret, arguments.secret_file) {
        (Some(secret), _) => secret,
        (None, Some(file)) => std::fs::read_to_string(&file)
            .with_context(|| format!("--secret-file {}", file.display()))?,
        (None, None) => anyhow::bail!("--secret or --secret-file is needed"),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a client of any server: it has no clock of ours to take"
    )]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let options = Options {
        scenario: Scenario::read(&arguments.scenario, &arguments.overrides)?,
        urls: arguments.urls,
        sources: arguments.sources,
        signer: Signer::new(secret.trim_end().as_bytes(), &arguments.org, now.as_secs()),
        pids: arguments.pids,
        run: format!("{:08x}", rand::random::<u32>()),
        seed: arguments.seed,
        patience: Duration::from_secs(arguments.patience),
        interrupt: Arc::new(AtomicBool::new(false)),
    };
    options.check().map_err(anyhow::Error::msg)?;
    Ok(options)
}

/// The exit code of a run that was carried out, or interrupted.
fn drive(
    options: Options,
    threads: usize,
    quiet: bool,
    json: Option<PathBuf>,
) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    let progress = |text: &str| {
        if !quiet {
            tell(text);
        }
    };
    let Some(report) = runtime.block_on(until_interrupted_twice(options, &progress))? else {
        return Ok(130);
    };
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(&file, text + "\n").with_context(|| file.display().to_string())?;
    }
    match io::stdout().write_all(report::text(&report).as_bytes()) {
        // Whoever reads may have seen enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("stdout")?,
    }
    Ok(match (report.kept, report.complete) {
        _ if report.interrupted => 130,
        (false, _) => 1,
        (true, false) => 3,
        (true, true) => 0,
    })
}

/// Ctrl-C ends a run early; once more, and there is no report.
async fn until_interrupted_twice(
    options: Options,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Option<Report>, Failure> {
    let interrupt = Arc::clone(&options.interrupt);
    let mut running = std::pin::pin!(run(options, progress));
    loop {
        tokio::select! {
            report = &mut running => return report.map(Some),
            _ = tokio::signal::ctrl_c() => {
                if interrupt.swap(true, Ordering::Relaxed) {
                    return Ok(None);
                }
                tell("interrupted: waiting for what is under way");
            }
        }
    }
}

fn tell(text: &str) {
    // When nobody can be told, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

fn address(text: &str) -> Result<String, String> {
    let schemes = ["http://", "https://", "ws://", "wss://"];
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    if host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', ' '])) {
        return Ok(text.to_owned());
    }
    Err("must be http://host:port or https://host".to_owned())
}
