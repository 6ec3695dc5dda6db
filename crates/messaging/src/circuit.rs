//! A circuit breaker: while something that the node stands on does not answer, nobody waits for
//! it, and nobody hammers it.
//!
//! Closed, calls go through. It opens when something breaks, after a few failures in a row, or
//! after a single call that waited for long while nothing else was heard either: that is what a
//! server that stands still looks like, and every further call would only find out the same. Who
//! is waiting then is let go. Open, calls fail at once. Whoever owns the circuit probes now and
//! then (half-open), and the first probe that is answered closes it, for all calls.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Failures without any success between them that open the circuit.
const MOST_FAILURES: u32 = 3;

/// Where a circuit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// All is well.
    Closed,
    /// Nobody is let through but a probe, which is under way.
    HalfOpen,
    /// Nobody is let through.
    Open,
}

impl Phase {
    /// As it is shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    /// As the metric has it: 0, 1, 2.
    const fn level(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// A time without an answer, which has not ended yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it was noticed.
    pub began: Instant,
    /// What was the last straw. For operators: it may name hosts, never credentials.
    pub why: String,
}

/// What an error of a call says of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered; the error is the caller's business.
    Answered,
    /// It did not, or says that it cannot.
    Away,
    /// The connection broke: it is known to be away.
    Broken,
}

/// Why a call came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut<E> {
    /// It failed by itself.
    Failed(E),
    /// There was no answer by the deadline.
    Late,
    /// The circuit is open, or opened while it was under way: what became of it is not known.
    Open,
}

/// The circuit of one dependency.
pub struct Circuit {
    dependency: &'static str,
    patience: Duration,
    made: Instant,
    state: watch::Sender<State>,
    /// When the dependency was last heard of, in microseconds since `made`.
    heard: AtomicU64,
    failures: AtomicU32,
}

#[derive(Clone, Debug)]
struct State {
    phase: Phase,
    outage: Option<Outage>,
    /// When the last outage ended.
    recovered: Option<Instant>,
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit")
            .field("dependency", &self.dependency)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

impl Circuit {
    /// A closed circuit. `dependency` is its name in logs and metrics. A call that fails after
    /// `patience` or more, with nothing heard meanwhile, opens it.
    pub fn new(dependency: &'static str, patience: Duration) -> Self {
        let circuit = Self {
            dependency,
            patience,
            made: Instant::now(),
            state: watch::Sender::new(State {
                phase: Phase::Closed,
                outage: None,
                recovered: None,
            }),
            heard: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        };
        circuit.show(Phase::Closed);
        circuit
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.state.borrow().phase
    }

    /// Whether calls go through.
    pub fn is_closed(&self) -> bool {
        self.phase() == Phase::Closed
    }

    /// The outage, while there is one.
    pub fn outage(&self) -> Option<Outage> {
        self.state.borrow().outage.clone()
    }

    /// Whether an outage has ended less than `time` ago.
    pub fn recovered_within(&self, time: Duration) -> bool {
        let recovered = self.state.borrow().recovered;
        recovered.is_some_and(|recovered| recovered.elapsed() < time)
    }

    /// Runs a call, unless the circuit is open. It is given up after `deadline`, and when the
    /// circuit opens meanwhile. `judge` says what an error of it means.
    ///
    /// # Errors
    /// Its own, or why it was given up.
    pub fn run<T, E: fmt::Display>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, E>>,
        judge: impl FnOnce(&E) -> Verdict,
    ) -> impl Future<Output = Result<T, Cut<E>>> {
        // Futures of database drivers are large, and each layer around one would hold it again.
        let work = Box::pin(work);
        let work = async move {
            let began = Instant::now();
            match tokio::time::timeout(deadline, work).await {
                Ok(Ok(done)) => {
                    self.answered();
                    Ok(done)
                }
                Ok(Err(error)) => {
                    match judge(&error) {
                        Verdict::Answered => self.answered(),
                        Verdict::Away => self.failed(began, &error.to_string()),
                        Verdict::Broken => self.open(&error.to_string()),
                    }
                    Err(Cut::Failed(error))
                }
                Err(_) => {
                    self.failed(began, "no answer in time");
                    Err(Cut::Late)
                }
            }
        };
        async { self.unless_open(work).await.unwrap_or(Err(Cut::Open)) }
    }

    /// Waits for `work`, but not while the circuit is open; then `None`.
    pub async fn unless_open<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if !self.is_closed() {
            return None;
        }
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = state.wait_for(|state| state.phase != Phase::Closed) => None,
        }
    }

    /// Waits until the circuit is open.
    pub async fn opened(&self) {
        let mut state = self.state.subscribe();
        // It only fails without a sender, which is `self`.
        let _ = state.wait_for(|state| state.phase == Phase::Open).await;
    }

    /// Waits until the circuit is closed.
    pub async fn closed(&self) {
        let mut state = self.state.subscribe();
        // As above.
        let _ = state.wait_for(|state| state.phase == Phase::Closed).await;
    }

    /// Hears of an answer.
    fn answered(&self) {
        self.heard.store(self.micros(), Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Hears of a call, begun at `began`, that was not answered.
    fn failed(&self, began: Instant, why: &str) {
        let heard = self.made + Duration::from_micros(self.heard.load(Ordering::Relaxed));
        let stands_still = began.elapsed() >= self.patience && heard <= began;
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if stands_still || failures >= MOST_FAILURES {
            self.open(why);
        }
    }

    /// Opens it. The outage that it may be in goes on.
    pub fn open(&self, why: &str) {
        self.failures.store(0, Ordering::Relaxed);
        let mut begins = false;
        self.state.send_if_modified(|state| {
            let moves = state.phase != Phase::Open;
            begins = state.outage.is_none();
            state.phase = Phase::Open;
            state.outage.get_or_insert_with(|| Outage {
                began: Instant::now(),
                why: why.to_owned(),
            });
            moves
        });
        self.show(Phase::Open);
        if begins {
            let dependency = self.dependency;
            tracing::warn!(dependency, cause = why, "degraded: going on without it");
        }
    }

    /// A probe is under way.
    pub fn half_open(&self) {
        let moved = self.state.send_if_modified(|state| {
            let moves = state.phase == Phase::Open;
            if moves {
                state.phase = Phase::HalfOpen;
            }
            moves
        });
        if moved {
            self.show(Phase::HalfOpen);
        }
    }

    /// Closes it: a probe was answered.
    pub fn close(&self) {
        self.answered();
        let mut ended = None;
        self.state.send_if_modified(|state| {
            ended = state.outage.take();
            if ended.is_some() {
                state.recovered = Some(Instant::now());
            }
            let moves = state.phase != Phase::Closed;
            state.phase = Phase::Closed;
            moves
        });
        if let Some(outage) = ended {
            self.show(Phase::Closed);
            let (dependency, lasted) = (self.dependency, outage.began.elapsed());
            tracing::info!(dependency, ?lasted, "no longer degraded: it answers again");
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn show(&self, phase: Phase) {
        metrics::gauge!("switchboard_circuit_state", "dependency" => self.dependency)
            .set(phase.level());
    }
}

#[cfg(test)]
mod tests;
