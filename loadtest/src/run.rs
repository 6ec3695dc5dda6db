//! A run from its first connect to its report.

mod acts;
pub(crate) mod cast;
mod connects;
mod failure;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::cast::Cast;
use self::connects::{Door, enter};
pub use self::failure::Failure;
use crate::company::{self, Company, Entrance, Seat, Stage};
use crate::connection::{Opened, Target};
use crate::figures::Ledger;
use crate::live::Live;
use crate::member::{Member, Outcome};
use crate::presence::{User, Watcher, Ways};
use crate::process::Usage;
use crate::report::{Report, Server};
use crate::scenario::{Pace, Scenario, Transport};
use crate::tokens::Signer;

/// What to run, and against what.
#[derive(Debug)]
pub struct Options {
    /// What to do.
    pub scenario: Scenario,
    /// The server's addresses, which clients take in turn: `http://127.0.0.1:8080`.
    pub urls: Vec<String>,
    /// The local addresses that they take in turn. None: the kernel's choice, or several of 127/8 if the
    /// server is there and one has not enough ports.
    pub sources: Vec<IpAddr>,
    /// Who makes the users' tokens.
    pub signer: Signer,
    /// Processes of the server, to see what they use, with all that they started.
    pub pids: Vec<u32>,
    /// A name that no other run has: `[a-z0-9]{1,16}`. Users and messages are called after it.
    pub run: String,
    /// What all choices come from.
    pub seed: u64,
    /// How long a connect may take, and making all rooms.
    pub patience: Duration,
    /// Whether to end now, with a report of what was measured so far.
    pub interrupt: Arc<AtomicBool>,
}

impl Options {
    /// What cannot work together.
    pub fn check(&self) -> Result<(), String> {
        let is_polling = self.scenario.transport() == Transport::Polling;
        let is_secure = |url: &&String| Target::of(url).is_secure;
        match self.urls.iter().find(is_secure) {
            Some(url) if is_polling => Err(format!(
                "`transport` is \"polling\", which needs http:// and has --url {url}"
            )),
            _ => Ok(()),
        }
    }
}

/// How often progress is told, and how often it is looked whether something is done.
const PROGRESS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// Runs a scenario; `progress` is told how far it is, about once a second.
pub async fn run(options: Options, progress: &(dyn Fn(&str) + Sync)) -> Result<Report, Failure> {
    let before = look(&options.pids)?;
    let cast = Cast::of(&options.scenario);
    let company = Arc::new(company(&options, &cast)?);
    let mut run = Run {
        options: &options,
        cast: &cast,
        company,
        progress,
        stage: watch::channel(Stage::Gather).0,
        members: JoinSet::new(),
    };
    let (measured, start) = run.play().await?;
    let end = look(&options.pids)?;
    let servers = options.pids.iter().enumerate().map(|(at, pid)| Server {
        pid: *pid,
        rss_before: before[at].rss_bytes,
        rss_start: start[at].rss_bytes,
        used: end[at].since(&start[at]),
    });
    let servers = servers.collect();
    run.stage.send_replace(Stage::Leave);
    let outcomes = run.outcomes().await;
    let figures = run.company.ledger.sum().map_err(Failure::Internal)?;
    Ok(Report::new(
        &options,
        &cast,
        (&run.company, &figures),
        (servers, measured),
        &outcomes,
    ))
}

fn company(options: &Options, cast: &Cast) -> Result<Company, Failure> {
    let shards = tokio::runtime::Handle::current().metrics().num_workers() * 2;
    let targets: Vec<Target> = options.urls.iter().map(|url| Target::of(url)).collect();
    let sources = if options.sources.is_empty() {
        company::sources(cast.members, cast.transport, &targets)
    } else {
        options.sources.clone()
    };
    Ok(Company {
        run: options.run.clone(),
        seed: options.seed,
        epoch: Instant::now(),
        ledger: Ledger::new(shards).map_err(Failure::Internal)?,
        live: Live::default(),
        entrance: Entrance {
            targets,
            sources,
            transport: cast.transport,
            signer: options.signer.clone(),
            patience: options.patience,
        },
        rooms: (0..cast.rooms()).map(|_| OnceLock::default()).collect(),
        content_bytes: cast.content_bytes,
        receipts: cast.receipts,
        typing: cast.typing,
        page: cast.page,
        fill: cast.fill,
        backoff: cast.backoff,
        board: cast.board(),
    })
}

fn look(pids: &[u32]) -> Result<Vec<Usage>, Failure> {
    let usage = |pid: &u32| {
        Usage::of_tree(*pid, pids).map_err(|error| Failure::Process { pid: *pid, error })
    };
    pids.iter().map(usage).collect()
}

struct Run<'a> {
    options: &'a Options,
    cast: &'a Cast,
    company: Arc<Company>,
    progress: &'a (dyn Fn(&str) + Sync),
    stage: watch::Sender<Stage>,
    members: JoinSet<Option<Outcome>>,
}

/// What somebody does who is in.
#[derive(Clone, Copy, Debug)]
enum Part {
    Stay(Duration),
    Member,
    User(Ways),
    /// The how many-eth of the watchers.
    Watcher(u32),
}

/// How long was measured, and what the server had used before.
type Measured = (Duration, Vec<Usage>);

impl Run<'_> {
    /// Sends some of them to the door.
    fn gather(&mut self, numbers: impl Iterator<Item = u32>) {
        let begin = self.company.now();
        let crowd = match self.cast.connect_pace {
            Pace::Closed(at_a_time) => Some(Arc::new(Semaphore::new(at_a_time as usize))),
            Pace::Open(_) => None,
        };
        for (place, number) in numbers.enumerate() {
            let due = match self.cast.connect_pace {
                Pace::Open(rate) => begin + (place as f64 * 1e6 / rate) as u64,
                Pace::Closed(_) => 0,
            };
            let crowd = crowd.clone();
            let door = Door { due, crowd };
            let (company, part) = (Arc::clone(&self.company), self.part(number));
            let (mut stages, seat) = (self.stage.subscribe(), self.cast.seat(number, &company));
            self.members.spawn(async move {
                let opened = tokio::select! {
                    opened = enter(door, &seat, &company) => opened?,
                    () = company::told_to_leave(&mut stages) => return None,
                };
                play(part, seat, company, opened, stages).await
            });
        }
    }

    fn part(&self, number: u32) -> Part {
        match &self.options.scenario {
            Scenario::Connect(connect) => Part::Stay(connect.hold),
            Scenario::PresenceStorm(it) if number < it.users => Part::User(self.cast.ways()),
            Scenario::PresenceStorm(it) => Part::Watcher(number - it.users),
            _ => Part::Member,
        }
    }

    fn until(&self, time: u64) -> Duration {
        Duration::from_micros(time.saturating_sub(self.company.now()))
    }

    fn is_interrupted(&self) -> bool {
        self.options.interrupt.load(Ordering::Relaxed)
    }

    /// Waits until something is done, but not for longer than `patience`, nor when the run is
    /// interrupted. Says whether it is done.
    async fn wait(&self, patience: Duration, done: impl Fn(&Live) -> bool) -> bool {
        let is_enough = |live: &Live| self.is_interrupted() || done(live);
        self.wait_in_any_case(patience, is_enough).await && done(&self.company.live)
    }

    async fn wait_in_any_case(&self, patience: Duration, done: impl Fn(&Live) -> bool) -> bool {
        let begun = Instant::now();
        let mut told = Instant::now();
        loop {
            if done(&self.company.live) {
                return true;
            }
            let rest = patience.saturating_sub(begun.elapsed());
            if rest.is_zero() {
                return false;
            }
            sleep(rest.min(LOOK)).await;
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                (self.progress)(&self.standing());
            }
        }
    }

    fn standing(&self) -> String {
        let live = &self.company.live;
        let seconds = self.company.epoch.elapsed().as_secs();
        let mut words = vec![format!(
            "{seconds:>4} s  in {}/{}",
            live.ready.get(),
            self.cast.members
        )];
        for (name, count) in [
            ("failed", live.failed.get()),
            ("ended", live.ended.get()),
            ("sent", live.sent.get()),
            ("acked", live.acked.get()),
            ("delivered", live.delivered.get()),
            ("cut", live.cut.get()),
            ("back", live.back.get()),
            ("pages", live.pages.get()),
            ("changes heard", live.changes_heard.get()),
        ] {
            if count > 0 {
                words.push(format!("{name} {count}"));
            }
        }
        words.join("  ")
    }

    async fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(outcome) = self.members.join_next().await {
            outcomes.extend(outcome.ok().flatten());
        }
        outcomes
    }
}

async fn play(
    part: Part,
    seat: Seat,
    company: Arc<Company>,
    opened: Opened,
    stages: watch::Receiver<Stage>,
) -> Option<Outcome> {
    let number = seat.number;
    match part {
        Part::Stay(hold) => {
            let staying = connects::stay(opened.connection, hold, number, &company);
            let mut stages = stages;
            tokio::select! {
                () = staying => {}
                () = company::told_to_leave(&mut stages) => {}
            }
            None
        }
        Part::Member => Some(Member::new(seat, company, opened).run(stages).await),
        Part::User(ways) => Some(User::new(seat, company, ways, opened).run(stages).await),
        Part::Watcher(at) => Some(Watcher::new(number, at, company, opened).run(stages).await),
    }
}
