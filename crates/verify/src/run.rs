//! A run from its beginning to its report.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::board::{Board, State};
use crate::cast::{Casting, Deck, deal};
use crate::checks::defect::Kind;
use crate::checks::history;
use crate::client::{Failure as Refusal, Signal, Socket, Tokens};
use crate::facts::Names;
use crate::member::{Member, Order};
use crate::options::Options;
use crate::progress::{Phase, Progress};
use crate::report::Report;

/// Signs a token for an organization and a user of it.
pub type Signer = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

/// What a run needs besides its shape.
pub struct Parts {
    /// Asked at every connect.
    pub signer: Signer,
    /// Cancelled when enough has been sent; what was sent is still checked.
    pub enough: CancellationToken,
    /// Called every second.
    pub progress: Box<dyn FnMut(&Progress) + Send>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No address answers.
    #[error("{0}")]
    Unreachable(String),
    /// The servers do not take the tokens.
    #[error("{0}")]
    Refused(String),
    /// The conversations could not be made.
    #[error("the conversations could not be made: {0}")]
    SetUp(String),
}

/// How long making the conversations, and following them, may each take.
const SET_UP_WITHIN: Duration = Duration::from_mins(1);

/// How long an address may take to let the first client in.
const FIRST_CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// When all is quiet, doubles may still be on their way.
const SETTLE: Duration = Duration::from_secs(1);

/// A loss that no later event shows is found by the servers within about five seconds.
const TAIL: Duration = Duration::from_secs(6);

/// Orders that wait for a client; it takes them at once.
const ORDERS: usize = 1024;

/// Runs it, and says what was found.
///
/// # Errors
/// [`Failure`] when it could not even begin. A broken promise is no error: see [`Report::kept`].
pub async fn run(options: Options, parts: Parts) -> Result<Report, Failure> {
    let Parts {
        signer,
        enough,
        mut progress,
    } = parts;
    first_contact(&options, &signer).await?;
    let mut rng = StdRng::seed_from_u64(options.seed);
    let castings = deal(&options, &mut rng);
    let board = Arc::new(Board::new(options.names(), options.clients, &castings));
    let mut run = Run::start(options, castings, board, &signer, &mut rng);
    let (board, phase) = (run.board.clone(), run.phase.clone());
    let mut phases = Box::pin(run.phases(enough, rng));
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let outcome = loop {
        tokio::select! {
            outcome = &mut phases => break outcome,
            _ = seconds.tick() => progress(&Progress::of(&board.lock(), *phase.borrow())),
        }
    };
    let interrupted = outcome?;
    drop(phases);
    Ok(run.report(interrupted))
}

/// Whether any address lets a client in.
async fn first_contact(options: &Options, signer: &Signer) -> Result<(), Failure> {
    let (mut problems, mut refusals) = (Vec::new(), Vec::new());
    for url in &options.urls {
        let rng = StdRng::seed_from_u64(options.seed);
        let mut socket = Socket::new(
            std::slice::from_ref(url),
            tokens(options, signer, 0),
            options.timing,
            rng,
        );
        match timeout(FIRST_CONNECT_WITHIN, socket.next()).await {
            Ok(Signal::Connected(_)) => {
                socket.leave().await;
                return Ok(());
            }
            Ok(Signal::Failed(Refusal::Refused(code))) if code != "UNAVAILABLE" => {
                refusals.push(format!("{url} refuses the token: {code}"));
            }
            Ok(Signal::Failed(failure)) => problems.push(format!("{url}: {failure}")),
            Ok(other) => problems.push(format!("{url}: unexpected {other:?}")),
            Err(_) => problems.push(format!("{url}: no answer")),
        }
    }
    Err(if refusals.is_empty() {
        Failure::Unreachable(format!("no address answers: {}", problems.join("; ")))
    } else {
        Failure::Refused(refusals.join("; "))
    })
}

fn tokens(options: &Options, signer: &Signer, client: usize) -> Tokens {
    let (organization, user) = (
        options.organization(client),
        options.names().user(client as u32),
    );
    let signer = signer.clone();
    Arc::new(move || signer(&organization, &user))
}

struct Run {
    options: Options,
    castings: Vec<Casting>,
    board: Arc<Board>,
    orders: Vec<mpsc::Sender<Order>>,
    tasks: TaskTracker,
    phase: Arc<PhaseCell>,
}

/// Where the run is, for its progress line.
type PhaseCell = tokio::sync::watch::Sender<Phase>;

impl Run {
    /// Starts the clients, which make their conversations.
    fn start(
        options: Options,
        castings: Vec<Casting>,
        board: Arc<Board>,
        signer: &Signer,
        rng: &mut StdRng,
    ) -> Self {
        let tasks = TaskTracker::new();
        let orders = (0..options.clients).map(|client| {
            let (orders, receiver) = mpsc::channel(ORDERS);
            let tokens = tokens(&options, signer, client);
            let own = StdRng::seed_from_u64(rng.random());
            let socket = Socket::new(&options.urls, tokens, options.timing, own);
            let to_make = to_make(&board.names, &castings, client);
            let who = (client, board.names.user(client as u32));
            let member = Member::new(who, socket, board.clone(), options.timing, to_make);
            tasks.spawn(member.run(receiver));
            orders
        });
        let orders = orders.collect();
        tasks.close();
        Self {
            options,
            castings,
            board,
            orders,
            tasks,
            phase: Arc::new(PhaseCell::new(Phase::SetUp)),
        }
    }

    /// One after the other; true when it was told to end early.
    async fn phases(&mut self, enough: CancellationToken, rng: StdRng) -> Result<bool, Failure> {
        self.set_up().await?;
        self.enter(Phase::Sending);
        let interrupted = self.send(&enough, rng).await;
        self.enter(Phase::Settling);
        self.settle().await;
        self.enter(Phase::Reading);
        self.read().await;
        self.tell_all(&Order::Judge).await;
        // Nobody gives orders any more: the clients judge, and leave.
        self.orders.clear();
        self.tasks.wait().await;
        Ok(interrupted)
    }

    fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    async fn set_up(&self) -> Result<(), Failure> {
        let made = |state: &State| state.all_made() || state.setup_failure.is_some();
        self.until(SET_UP_WITHIN, made).await;
        self.setup_outcome(State::all_made)?;
        for (conversation, casting) in self.castings.iter().enumerate() {
            let id = self.board.lock().conversations[conversation].id.clone();
            let id = id.unwrap_or_default();
            for client in &casting.members {
                let id = id.clone();
                let order = Order::Follow { conversation, id };
                self.orders[*client].send(order).await.ok();
            }
        }
        let places = self.places();
        let followed = move |state: &State| state.following() == places;
        self.until(SET_UP_WITHIN, |state| {
            followed(state) || state.setup_failure.is_some()
        })
        .await;
        self.setup_outcome(followed)
    }

    fn setup_outcome(&self, done: impl Fn(&State) -> bool) -> Result<(), Failure> {
        let state = self.board.lock();
        if let Some(text) = &state.setup_failure {
            return Err(Failure::SetUp(text.clone()));
        }
        if done(&state) {
            return Ok(());
        }
        let seen = [&state.tally.errors, &state.tally.failed_connects];
        let seen: Vec<&str> = seen
            .iter()
            .flat_map(|counts| counts.0.keys())
            .map(String::as_str)
            .collect();
        let text = format!("not within {SET_UP_WITHIN:?}; seen: {}", seen.join(", "));
        Err(Failure::SetUp(text))
    }

    /// Open loop: whatever the servers do, the next send comes when it is due.
    async fn send(&self, enough: &CancellationToken, mut rng: StdRng) -> bool {
        let start = Instant::now();
        self.board.lock().tally.began(start);
        let mut senders: Vec<usize> = self
            .castings
            .iter()
            .flat_map(|casting| casting.members.clone())
            .collect();
        senders.sort_unstable();
        senders.dedup();
        let mut deck = Deck::new(senders);
        for count in 0_u64.. {
            let after = Duration::from_secs_f64(count as f64 / self.options.rate);
            if after >= self.options.duration {
                break;
            }
            tokio::select! {
                () = sleep_until(start + after) => {}
                () = enough.cancelled() => return true,
            }
            let (choice, at) = (rng.random_range(0..1 << 20), Instant::now());
            let order = Order::Send { choice, at };
            if self.orders[deck.next(&mut rng)].try_send(order).is_err() {
                self.board.lock().tally.skipped += 1;
            }
        }
        // The last send was due a little before the end.
        sleep_until(start + self.options.duration).await;
        false
    }

    /// Until all is acked and delivered, or the grace is over.
    async fn settle(&self) {
        let quiet = |state: &State| state.all_answered() && state.all_told();
        self.until(self.options.grace, quiet).await;
        self.board.lock().tally.silence_ends(Instant::now());
        sleep(SETTLE).await;
        self.tell_all(&Order::GiveUp).await;
        sleep(SETTLE).await;
        if self.board.lock().tally.unacked > 0 {
            // What was not acked may yet be stored, and readings are to be compared.
            sleep(self.options.timing.ack_timeout).await;
        }
    }

    /// Every member reads everything. Who gets nothing for a whole grace is not waited for.
    async fn read(&self) {
        self.tell_all(&Order::Read).await;
        let places = self.places();
        let patience = self.options.grace.max(Duration::from_secs(15));
        loop {
            let before = self.board.lock().pages;
            let progress = |state: &State| state.readings() == places || state.pages > before;
            if !self.until(patience, progress).await || self.board.lock().readings() == places {
                break;
            }
        }
        for conversation in &mut self.board.lock().conversations {
            let last = conversation
                .history
                .as_ref()
                .and_then(|history| history.last());
            conversation.head = last.map_or(conversation.head, |entry| entry.rev);
        }
        self.until(TAIL, State::all_told).await;
    }

    async fn tell_all(&self, order: &Order) {
        for orders in &self.orders {
            orders.send(order.clone()).await.ok();
        }
    }

    /// Waits for `condition`; false when `patience` is over first.
    async fn until(&self, patience: Duration, condition: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !condition(&self.board.lock()) {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        true
    }

    fn places(&self) -> usize {
        self.castings
            .iter()
            .map(|casting| casting.members.len())
            .sum()
    }

    fn report(self, interrupted: bool) -> Report {
        let now = Instant::now();
        let mut state = self.board.lock();
        for (conversation, casting) in self.castings.iter().enumerate() {
            judge_history(&mut state, conversation, &self.board.names, now);
            for client in &casting.members {
                if !state.conversations[conversation].readers.contains(client) {
                    let user = Some(self.board.names.user(*client as u32));
                    state.defect(Kind::Unread, conversation, 0, (user, None), now);
                }
            }
        }
        Report::new(&self.options, &state, interrupted)
    }
}

/// The conversations that a client makes, with the others in them.
fn to_make(names: &Names, castings: &[Casting], client: usize) -> BTreeMap<usize, Vec<String>> {
    let own = castings
        .iter()
        .enumerate()
        .filter(|(_, casting)| casting.members[0] == client);
    own.map(|(conversation, casting)| {
        let others = casting.members[1..]
            .iter()
            .map(|other| names.user(*other as u32));
        (conversation, others.collect())
    })
    .collect()
}

fn judge_history(state: &mut State, conversation: usize, names: &Names, now: Instant) {
    let of = &state.conversations[conversation];
    let Some(history) = &of.history else {
        return;
    };
    for finding in history::judge(history, &of.acked, |author| state.was_sent(author)) {
        let user = finding.author.map(|author| names.user(author.client));
        state.defect(finding.kind, conversation, finding.rev, (user, None), now);
    }
}
