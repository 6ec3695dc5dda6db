//! What happens in a scenario, one after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Failure, Measured, Run, look};
use crate::company::Stage;
use crate::figures::Counts;
use crate::live::Live;
use crate::plan::{Pacer, Plan};
use crate::scenario::Scenario;

/// How long an interrupted run waits for what is under way.
const LAST_GRACE: Duration = Duration::from_secs(5);

/// How long it takes until all have heard what the company does.
const RUMOUR: Duration = Duration::from_millis(100);

/// How long things take, and what happens meanwhile.
#[derive(Clone, Copy, Debug)]
struct Act {
    warmup: Duration,
    duration: Duration,
    /// The last part of the duration, in which a noisy organization is there.
    beside: Duration,
    grace: Duration,
    /// What happens when measuring begins, and when the duration is over.
    cues: [Option<Stage>; 2],
}

impl Act {
    fn of(warmup: Duration, duration: Duration, grace: Duration) -> Self {
        Self {
            warmup,
            duration,
            beside: Duration::ZERO,
            grace,
            cues: [None, None],
        }
    }
}

impl Run<'_> {
    pub(super) async fn play(&mut self) -> Result<Measured, Failure> {
        let act = match &self.options.scenario {
            Scenario::Connect(it) => return self.connect(it.hold).await,
            Scenario::Idle(it) => return self.idle(it.hold).await,
            Scenario::Fanout(it) => Act::of(it.warmup, it.duration, it.grace),
            Scenario::Chat(it) => Act::of(it.warmup, it.duration, it.grace),
            Scenario::History(it) => Act::of(it.warmup, it.duration, it.grace),
            Scenario::PresenceStorm(it) => Act::of(it.warmup, it.duration, it.grace),
            Scenario::ReconnectStorm(it) => Act {
                cues: [Some(Stage::Cut), None],
                ..Act::of(it.warmup, it.duration, it.grace)
            },
            Scenario::SlowConsumers(it) => Act {
                cues: [Some(Stage::Deafen), Some(Stage::Listen)],
                ..Act::of(it.warmup, it.duration, it.grace)
            },
            Scenario::Tenants(it) => Act {
                beside: it.beside,
                ..Act::of(it.warmup, it.alone + it.beside, it.grace)
            },
        };
        self.assemble().await?;
        if self.cast.fill > 0 {
            self.fill().await?;
        }
        if self.is_interrupted() {
            return Ok((Duration::ZERO, look(&self.options.pids)?));
        }
        self.perform(act).await
    }

    async fn connect(&mut self, hold: Duration) -> Result<Measured, Failure> {
        self.gather(0..self.cast.members);
        let (begun, start) = (Instant::now(), look(&self.options.pids)?);
        self.all_came(self.cast.members).await;
        let measured = begun.elapsed();
        self.wait(hold, |_| false).await;
        Ok((measured, start))
    }

    async fn idle(&mut self, hold: Duration) -> Result<Measured, Failure> {
        self.gather(0..self.cast.members);
        self.all_came(self.cast.members).await;
        let (begun, start) = (Instant::now(), look(&self.options.pids)?);
        self.wait(hold, |_| false).await;
        Ok((begun.elapsed(), start))
    }

    /// All get in, and the rooms are made. Into large rooms the others come when they are made: everybody
    /// who is there already would be told of each of them.
    async fn assemble(&mut self) -> Result<(), Failure> {
        let members = self.cast.members;
        let is_first = |number: &u32| self.cast.is_first_of_room(*number);
        if self.cast.has_large_rooms() {
            self.gather((0..members).filter(is_first));
            let rooms = self.cast.rooms();
            self.all_came(rooms).await;
            self.must_be_in()?;
            self.stage.send_replace(Stage::MakeRooms);
            let made = |live: &Live| live.rooms.get() >= u64::from(rooms);
            self.must_be_seated(made).await?;
            self.gather((0..members).filter(|number| !is_first(number)));
        } else {
            self.gather(0..members);
        }
        self.all_came(members).await;
        self.must_be_in()?;
        if !self.cast.has_large_rooms() {
            self.stage.send_replace(Stage::MakeRooms);
        }
        let seats = u64::from(self.seats());
        self.must_be_seated(|live| live.seated.get() >= seats).await
    }

    fn seats(&self) -> u32 {
        let presence = self.cast.presence.as_ref();
        presence.map_or(self.cast.members, |it| it.watchers)
    }

    /// Fills the rooms, for as long as there is progress.
    async fn fill(&self) -> Result<(), Failure> {
        let (now, others) = (self.company.now(), u64::from(self.cast.room_size) - 1);
        // Nothing of it is due at a time, nor measured.
        self.stage.send_replace(Stage::Fill(Plan {
            start: now,
            measured_from: u64::MAX,
            beside_from: u64::MAX,
            end: now,
        }));
        let asked = u64::from(self.cast.rooms()) * u64::from(self.cast.fill);
        let filled = |live: &Live| {
            live.acked.get() >= asked && live.delivered.get() >= live.acked.get() * others
        };
        let live = &self.company.live;
        loop {
            let before = live.acked.get() + live.delivered.get();
            let is_done = self.wait(self.options.patience, filled).await;
            if is_done || self.is_interrupted() {
                return Ok(());
            }
            if live.acked.get() + live.delivered.get() == before {
                return Err(Failure::Filling {
                    acked: live.acked.get(),
                    asked,
                    patience: self.options.patience,
                    reasons: self.reasons()?,
                });
            }
        }
    }

    /// Sends for `warmup` and `duration`, and waits until all is there or `grace` is over.
    async fn perform(&self, act: Act) -> Result<Measured, Failure> {
        // All members hear of the plan before the first send is due.
        let begin = self.company.now() + RUMOUR.as_micros() as u64;
        let plan = Plan::of(begin, act.warmup, act.duration);
        let plan = Plan {
            beside_from: plan.end - act.beside.as_micros() as u64,
            ..plan
        };
        self.stage.send_replace(Stage::Send(plan));
        let pacers = self.begin(plan).await;
        self.wait(self.until(plan.measured_from), |_| false).await;
        let start = look(&self.options.pids)?;
        self.cue(act.cues[0]);
        self.wait(self.until(plan.end), |_| false).await;
        self.cue(act.cues[1]);
        let now = self.company.now();
        let measured = now.min(plan.end).saturating_sub(plan.measured_from);
        if !self
            .wait(act.grace, |live| self.all_is_there(live, plan))
            .await
        {
            self.stop(act.grace, plan).await;
        }
        drop(pacers);
        Ok((Duration::from_micros(measured), start))
    }

    /// Nothing new happens in an interrupted run.
    fn cue(&self, stage: Option<Stage>) {
        if let Some(stage) = stage.filter(|_| !self.is_interrupted()) {
            self.stage.send_replace(stage);
        }
    }

    /// Wakes the senders when they are due, or once in a closed loop.
    async fn begin(&self, plan: Plan) -> Vec<Pacer> {
        let mut pacers = Vec::new();
        for choir in &self.cast.choirs {
            let plan = if choir.is_noisy { plan.beside() } else { plan };
            let wakers = choir.wakers();
            if let Some(turns) = choir.turns() {
                pacers.push(Pacer::start(self.company.epoch, plan, turns, wakers));
            } else {
                self.wait(self.until(plan.start), |_| false).await;
                for sender in &wakers {
                    sender.notify_one();
                }
            }
        }
        pacers
    }

    /// Whether everything that was due has been done and heard of.
    fn all_is_there(&self, live: &Live, plan: Plan) -> bool {
        let due = self.cast.choirs.iter().filter_map(|choir| {
            let plan = if choir.is_noisy { plan.beside() } else { plan };
            Some(choir.turns()?.total(plan))
        });
        // The last ones may be due and not yet sent.
        let due: u64 = due.sum();
        if live.in_flight() != 0 {
            return false;
        }
        if self.cast.presence.is_some() {
            let done = live.changes.get() + live.changes_skipped.get() + live.left.get();
            return done >= due && self.company.board.unknown_of().0 == 0;
        }
        if self.cast.page.is_some() {
            return live.pages_asked.get() >= due;
        }
        self.is_delivered(live) && live.sent.get() >= due && live.back.get() >= live.cut.get()
    }

    fn is_delivered(&self, live: &Live) -> bool {
        let others = u64::from(self.cast.room_size.max(1)) - 1;
        live.delivered.get() >= live.acked.get() * others
    }

    /// Nothing more is sent in an interrupted run, and what is under way may arrive.
    async fn stop(&self, grace: Duration, plan: Plan) {
        if !self.is_interrupted() {
            return;
        }
        let end = self.company.now().min(plan.end);
        self.stage.send_replace(Stage::Send(Plan { end, ..plan }));
        let is_over = |_: &Live| false;
        self.wait_in_any_case(RUMOUR, is_over).await;
        let is_quiet = |live: &Live| live.in_flight() == 0 && self.is_delivered(live);
        self.wait_in_any_case(grace.min(LAST_GRACE), is_quiet).await;
    }

    /// Every connect has its own time-out.
    async fn all_came(&self, asked: u32) {
        let came = |live: &Live| live.ready.get() + live.failed.get() >= u64::from(asked);
        self.wait(Duration::MAX, came).await;
    }

    fn must_be_in(&self) -> Result<(), Failure> {
        let figures = self.company.ledger.sum().map_err(Failure::Internal)?;
        let failed = self.company.live.failed.get();
        if failed == 0 || self.is_interrupted() {
            return Ok(());
        }
        Err(Failure::Connects {
            failed,
            asked: self.cast.members,
            reasons: words(&figures.counts(Counts::Failed)),
        })
    }

    /// Waits for rooms or subscriptions, unless one was refused.
    async fn must_be_seated(&self, seated: impl Fn(&Live) -> bool) -> Result<(), Failure> {
        let is_decided = |live: &Live| seated(live) || live.refusals.get() > 0;
        self.wait(self.options.patience, is_decided).await;
        let live = &self.company.live;
        if seated(live) || self.is_interrupted() {
            return Ok(());
        }
        Err(Failure::Rooms {
            seated: live.seated.get(),
            asked: self.seats(),
            patience: self.options.patience,
            reasons: self.reasons()?,
        })
    }

    fn reasons(&self) -> Result<String, Failure> {
        let figures = self.company.ledger.sum().map_err(Failure::Internal)?;
        let reasons = [Counts::Refused, Counts::Ended].map(|what| words(&figures.counts(what)));
        Ok(reasons.join(" ").trim().to_owned())
    }
}

fn words(counts: &BTreeMap<String, u64>) -> String {
    let words = counts
        .iter()
        .map(|(name, count)| format!("{name} ({count})"));
    words.collect::<Vec<_>>().join(", ")
}
