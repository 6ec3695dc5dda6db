//! A run from its first connect to its report.

pub(crate) mod cast;
mod connects;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::cast::Cast;
use self::connects::{Door, enter};
use crate::connection::endpoint;
use crate::figures::{Ledger, Live};
use crate::member::{Company, Member, Outcome, Stage};
use crate::plan::{Pacer, Plan};
use crate::process::Usage;
use crate::report::{Report, Server, Times};
use crate::scenario::{Pace, Scenario};
use crate::tokens::Signer;

/// What to run, and against what.
#[derive(Debug)]
pub struct Options {
    /// What to do.
    pub scenario: Scenario,
    /// The server's addresses, which clients take in turn: `http://127.0.0.1:8080`.
    pub urls: Vec<String>,
    /// Who makes the users' tokens.
    pub signer: Signer,
    /// Processes of the server, to see what they use.
    pub pids: Vec<u32>,
    /// A name that no other run has: `[a-z0-9]{1,16}`. Users and messages are called after it.
    pub run: String,
    /// What all choices come from.
    pub seed: u64,
    /// How long a connect may take, and making all rooms.
    pub patience: Duration,
}

/// A run that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A process that cannot be looked at.
    #[error("process {pid}: {error}")]
    Process {
        /// The process.
        pid: u32,
        /// Why not.
        error: std::io::Error,
    },
    /// Rooms need all of their members.
    #[error("{failed} of {asked} connections failed: {reasons}")]
    Connects {
        /// How many failed.
        failed: u64,
        /// How many there should be.
        asked: u32,
        /// With how often each came.
        reasons: String,
    },
    /// The rooms were not there in time.
    #[error("{seated} of {asked} members are in their room after {patience:?}: {reasons}")]
    Rooms {
        /// Members who heard of their room.
        seated: u64,
        /// How many there should be.
        asked: u32,
        /// What was waited for.
        patience: Duration,
        /// Refused calls and lost connections, with how often each came.
        reasons: String,
    },
    /// A defect of this program.
    #[error("{0}")]
    Internal(String),
}

/// How often progress is told, and how often it is looked whether something is done.
const PROGRESS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// Runs a scenario; `progress` is told how far it is, about once a second.
pub async fn run(options: Options, progress: &(dyn Fn(&str) + Sync)) -> Result<Report, Failure> {
    let before = look(&options.pids)?;
    let cast = Cast::of(&options.scenario);
    let company = Arc::new(company(&options, &cast)?);
    let (stage, stages) = watch::channel(Stage::Gather);
    let mut run = Run {
        options: &options,
        cast: &cast,
        company,
        progress,
        stage,
        members: JoinSet::new(),
    };
    run.gather(&stages);
    // The last one needs to know that everybody has gone; the members hold the others.
    drop(stages);
    let (times, start) = match &options.scenario {
        Scenario::Connect(connect) => run.connect(connect.hold).await?,
        Scenario::Idle(idle) => run.idle(idle.hold).await?,
        Scenario::Fanout(it) => run.rooms((it.warmup, it.duration, it.grace)).await?,
        Scenario::Chat(it) => run.rooms((it.warmup, it.duration, it.grace)).await?,
    };
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
    let live = &run.company.live;
    Ok(Report::new(
        &options,
        &cast,
        (live, &figures),
        (servers, times),
        &outcomes,
    ))
}

fn company(options: &Options, cast: &Cast) -> Result<Company, Failure> {
    let shards = tokio::runtime::Handle::current().metrics().num_workers() * 2;
    Ok(Company {
        run: options.run.clone(),
        seed: options.seed,
        epoch: Instant::now(),
        ledger: Ledger::new(shards).map_err(Failure::Internal)?,
        live: Live::default(),
        pace: cast.pace,
        senders: cast.senders(),
        content_bytes: cast.content_bytes,
        receipts: cast.receipts,
        typing: cast.typing,
    })
}

fn look(pids: &[u32]) -> Result<Vec<Usage>, Failure> {
    let usage = |pid: &u32| Usage::of(*pid).map_err(|error| Failure::Process { pid: *pid, error });
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

type Measured = (Times, Vec<Usage>);

impl Run<'_> {
    /// Sends everybody to the door.
    fn gather(&mut self, stages: &watch::Receiver<Stage>) {
        let endpoints: Vec<String> = self.options.urls.iter().map(|url| endpoint(url)).collect();
        let crowd = match self.cast.connect_pace {
            Pace::Closed(at_a_time) => Some(Arc::new(Semaphore::new(at_a_time as usize))),
            Pace::Open(_) => None,
        };
        let hold = match &self.options.scenario {
            Scenario::Connect(connect) => Some(connect.hold),
            _ => None,
        };
        for (number, seat) in self.cast.seats(&self.company).into_iter().enumerate() {
            let due = match self.cast.connect_pace {
                Pace::Open(rate) => (number as f64 * 1e6 / rate) as u64,
                Pace::Closed(_) => 0,
            };
            let door = Door {
                endpoint: endpoints[number % endpoints.len()].clone(),
                token: self.options.signer.sign(&self.company.user(seat.number)),
                due,
                crowd: crowd.clone(),
                patience: self.options.patience,
            };
            let (company, stages) = (Arc::clone(&self.company), stages.clone());
            self.members.spawn(async move {
                let connection = enter(door, seat.number, &company).await?;
                match hold {
                    Some(hold) => {
                        connects::stay(connection, hold, seat.number, &company).await;
                        None
                    }
                    None => Some(Member::new(seat, company, connection).run(stages).await),
                }
            });
        }
    }

    async fn connect(&mut self, hold: Duration) -> Result<Measured, Failure> {
        let (begun, start) = (Instant::now(), look(&self.options.pids)?);
        self.all_came().await;
        let measured = begun.elapsed();
        sleep(hold).await;
        Ok((Times { measured }, start))
    }

    async fn idle(&mut self, hold: Duration) -> Result<Measured, Failure> {
        self.all_came().await;
        let (begun, start) = (Instant::now(), look(&self.options.pids)?);
        self.wait(hold, |_| false).await;
        let measured = begun.elapsed();
        Ok((Times { measured }, start))
    }

    /// Makes the rooms, sends for `warmup` and `duration`, and waits until all is there or `grace` is over.
    async fn rooms(
        &mut self,
        (warmup, duration, grace): (Duration, Duration, Duration),
    ) -> Result<Measured, Failure> {
        self.all_came().await;
        self.must_be_in()?;
        self.stage.send_replace(Stage::MakeRooms);
        self.all_seated().await?;
        // All members hear of the plan before the first send is due.
        let begin = self.company.now() + 100_000;
        let measured_from = begin + warmup.as_micros() as u64;
        let end = measured_from + duration.as_micros() as u64;
        let plan = Plan {
            start: begin,
            measured_from,
            end,
        };
        self.stage.send_replace(Stage::Send(plan));
        let wakers = self.cast.wakers();
        let pacer = if let Some(turns) = self.cast.turns() {
            Some(Pacer::start(self.company.epoch, plan, turns, wakers))
        } else {
            self.wait(self.until(begin), |_| false).await;
            for sender in &wakers {
                sender.notify_one();
            }
            None
        };
        self.wait(self.until(measured_from), |_| false).await;
        let start = look(&self.options.pids)?;
        self.wait(self.until(end), |_| false).await;
        let others = u64::from(self.cast.room_size) - 1;
        // The last ones may be due and not yet sent.
        let due = self.cast.turns().map_or(0, |turns| turns.total(plan));
        let all_is_there = |live: &Live| {
            live.sent.get() >= due
                && live.in_flight() == 0
                && live.delivered.get() >= live.acked.get() * others
        };
        self.wait(grace, all_is_there).await;
        drop(pacer);
        Ok((Times { measured: duration }, start))
    }

    fn until(&self, time: u64) -> Duration {
        Duration::from_micros(time.saturating_sub(self.company.now()))
    }

    /// Every connect has its own time-out.
    async fn all_came(&self) {
        let asked = u64::from(self.cast.members);
        let came = |live: &Live| live.ready.get() + live.failed.get() >= asked;
        self.wait(Duration::MAX, came).await;
    }

    fn must_be_in(&self) -> Result<(), Failure> {
        let figures = self.company.ledger.sum().map_err(Failure::Internal)?;
        let failed = self.company.live.failed.get();
        if failed == 0 {
            return Ok(());
        }
        Err(Failure::Connects {
            failed,
            asked: self.cast.members,
            reasons: words(&figures.failed),
        })
    }

    async fn all_seated(&self) -> Result<(), Failure> {
        let asked = self.cast.members;
        let seated = |live: &Live| live.seated.get() >= u64::from(asked);
        if self.wait(self.options.patience, seated).await {
            return Ok(());
        }
        let figures = self.company.ledger.sum().map_err(Failure::Internal)?;
        Err(Failure::Rooms {
            seated: self.company.live.seated.get(),
            asked,
            patience: self.options.patience,
            reasons: [words(&figures.refused), words(&figures.ended)].join(" "),
        })
    }

    /// Waits until something is done, but not for longer than `patience`. Says whether it is done.
    async fn wait(&self, patience: Duration, done: impl Fn(&Live) -> bool) -> bool {
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

fn words(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let words = counts
        .iter()
        .map(|(name, count)| format!("{name} ({count})"));
    words.collect::<Vec<_>>().join(", ")
}
