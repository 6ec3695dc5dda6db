//! When sends are due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Times are in microseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// When the first send is due.
    pub(crate) start: u64,
    /// Sends that are due before this are not measured.
    pub(crate) measured_from: u64,
    /// When a noisy organization begins; `end` without one.
    pub(crate) beside_from: u64,
    /// Nothing is due from here on.
    pub(crate) end: u64,
}

impl Plan {
    /// Of a run that begins at `start`.
    pub(crate) fn of(start: u64, warmup: Duration, duration: Duration) -> Self {
        let measured_from = start + warmup.as_micros() as u64;
        let end = measured_from + duration.as_micros() as u64;
        Self {
            start,
            measured_from,
            beside_from: end,
            end,
        }
    }

    /// For the noisy one.
    pub(crate) fn beside(self) -> Self {
        Self {
            start: self.beside_from,
            measured_from: self.beside_from,
            ..self
        }
    }
}

/// An even pace over all senders, who take turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turns {
    /// Sends a second, over all senders.
    pub(crate) rate: f64,
    pub(crate) senders: u32,
}

impl Turns {
    /// When the `number`th send (from 0) of a sender is due; `None` if the run is over by then.
    pub(crate) fn due(self, plan: Plan, sender: u32, number: u32) -> Option<u64> {
        self.turn(
            plan,
            u64::from(number) * u64::from(self.senders) + u64::from(sender),
        )
    }

    /// How many sends are due before the run is over.
    pub(crate) fn total(self, plan: Plan) -> u64 {
        let micros = plan.end.saturating_sub(plan.start);
        let mut total = (micros as f64 * self.rate / 1e6).ceil() as u64;
        // Rounding may have gone the other way there than in `turn`.
        while total > 0 && self.turn(plan, total - 1).is_none() {
            total -= 1;
        }
        while self.turn(plan, total).is_some() {
            total += 1;
        }
        total
    }

    fn turn(self, plan: Plan, turn: u64) -> Option<u64> {
        let due = plan.start + (turn as f64 * 1e6 / self.rate) as u64;
        (due < plan.end).then_some(due)
    }
}

/// Wakes senders when they are due. It is a thread, because the runtime's timers are good to a
/// millisecond, which is more than many deliveries take. Who is woken late sends at once all that is due.
/// At more than a thousand sends a second those of a millisecond are woken together: a sleep for each
/// would take a tenth of what the tool needs.
#[derive(Debug)]
pub(crate) struct Pacer {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

/// How often a pacer wakes up at most.
const REST: Duration = Duration::from_millis(1);
/// How long a pacer may sleep before it looks whether it is to stop.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

impl Pacer {
    pub(crate) fn start(
        epoch: Instant,
        plan: Plan,
        turns: Turns,
        senders: Vec<Arc<Notify>>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || {
            let mut woke = epoch;
            for turn in 0.. {
                let Some(due) = turns.turn(plan, turn) else {
                    return;
                };
                let due = epoch + Duration::from_micros(due);
                if due > Instant::now() {
                    let until = due.max(woke + REST);
                    while let Some(rest) = until.checked_duration_since(Instant::now()) {
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                        thread::sleep(rest.min(LONGEST_SLEEP));
                    }
                    woke = Instant::now();
                }
                senders[turn as usize % senders.len()].notify_one();
            }
        };
        Self {
            stop,
            thread: Some(thread::spawn(work)),
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        start: 1_000_000,
        measured_from: 1_000_000,
        beside_from: 2_000_000,
        end: 2_000_000,
    };

    #[test]
    fn senders_take_turns_at_an_even_pace() {
        let turns = Turns {
            rate: 100.0,
            senders: 4,
        };
        let dues: Vec<_> = (0..4).map(|sender| turns.due(PLAN, sender, 0)).collect();
        assert_eq!(dues, [1_000_000, 1_010_000, 1_020_000, 1_030_000].map(Some));
        assert_eq!(turns.due(PLAN, 0, 1), Some(1_040_000));
    }

    #[test]
    fn a_run_has_as_many_sends_as_its_rate_says() {
        let turns = Turns {
            rate: 50.0,
            senders: 3,
        };
        let sends = |sender| {
            (0..100)
                .filter(|n| turns.due(PLAN, sender, *n).is_some())
                .count()
        };
        assert_eq!((0..3).map(sends).sum::<usize>(), 50);
        assert_eq!(turns.total(PLAN), 50);
    }

    #[test]
    fn a_pacer_wakes_each_sender_and_stops_when_dropped() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let senders = vec![Arc::new(Notify::new()), Arc::new(Notify::new())];
        let turns = Turns {
            rate: 1.0,
            senders: 2,
        };
        // The second one is due a second after the first; by then the pacer is gone.
        let plan = Plan {
            start: 0,
            measured_from: 0,
            beside_from: u64::MAX,
            end: u64::MAX,
        };
        let pacer = Pacer::start(Instant::now(), plan, turns, senders.clone());
        runtime.block_on(senders[0].notified());
        drop(pacer);
    }
}
