//! One clock for all heartbeats: what is due is kept by tick, not by timer.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::{sync::Notify, time::Instant};

use crate::{ids::EngineId, lock};

/// A tick number; see [`Wheel::tick_at`].
pub(crate) type Tick = u64;

/// What a session is reminded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A ping is due, or its answer overdue.
    Heartbeat,
    /// The session should have joined a namespace.
    Idle,
}

/// Alarms in the order in which they are due. It holds ids only, so it keeps nothing alive.
#[derive(Debug)]
pub(crate) struct Wheel {
    start: Instant,
    tick: Duration,
    due: Mutex<BTreeMap<Tick, Vec<(EngineId, Alarm)>>>,
    earlier: Notify,
}

impl Wheel {
    /// A wheel that is exact to a hundredth of `shortest`, between 1 ms and 100 ms.
    pub(crate) fn new(shortest: Duration) -> Self {
        let tick = (shortest / 100).clamp(Duration::from_millis(1), Duration::from_millis(100));
        Self {
            start: Instant::now(),
            tick,
            due: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    /// The last tick that is not after `time`. An alarm set for it rings up to one tick early: a
    /// peer that has just had its whole time to answer finds itself timed out, not the next.
    pub(crate) fn tick_at(&self, time: Instant) -> Tick {
        let since = time.saturating_duration_since(self.start);
        (since.as_nanos() / self.tick.as_nanos()) as Tick
    }

    /// `tick_at` now and `time`.
    pub(crate) fn tick_in(&self, time: Duration) -> Tick {
        self.tick_at(Instant::now() + time)
    }

    /// How many ticks `time` is.
    pub(crate) fn ticks(&self, time: Duration) -> Tick {
        (time.as_nanos() / self.tick.as_nanos()).max(1) as Tick
    }

    pub(crate) fn set(&self, tick: Tick, id: EngineId, alarm: Alarm) {
        let is_first = {
            let mut due = lock(&self.due);
            let is_first = due.first_key_value().is_none_or(|(first, _)| tick < *first);
            due.entry(tick).or_default().push((id, alarm));
            is_first
        };
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Waits for the next alarms and returns them.
    pub(crate) async fn next(&self) -> (Tick, Vec<(EngineId, Alarm)>) {
        loop {
            let first = lock(&self.due).first_key_value().map(|(tick, _)| *tick);
            let Some(tick) = first else {
                self.earlier.notified().await;
                continue;
            };
            let since = self.tick.as_nanos() as u64 * tick;
            let time = self.start + Duration::from_nanos(since);
            tokio::select! {
                () = tokio::time::sleep_until(time) => {
                    if let Some(due) = lock(&self.due).remove(&tick) {
                        return (tick, due);
                    }
                }
                () = self.earlier.notified() => {}
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.due).values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> EngineId {
        EngineId::random("")
    }

    #[tokio::test(start_paused = true)]
    async fn rings_in_order_and_not_before_the_tick() {
        let wheel = Wheel::new(Duration::from_secs(20));
        let (soon, late) = (id(), id());
        wheel.set(wheel.tick_in(Duration::from_secs(9)), late, Alarm::Idle);
        wheel.set(
            wheel.tick_in(Duration::from_secs(3)),
            soon,
            Alarm::Heartbeat,
        );
        let begin = Instant::now();
        assert_eq!(wheel.next().await.1, [(soon, Alarm::Heartbeat)]);
        assert!(begin.elapsed() >= Duration::from_millis(2_900));
        assert_eq!(wheel.next().await.1, [(late, Alarm::Idle)]);
        assert!(begin.elapsed() <= Duration::from_millis(9_010));
        assert_eq!(wheel.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_for_an_alarm_that_is_set_before_the_one_it_waits_for() {
        let wheel = Wheel::new(Duration::from_secs(20));
        let (soon, late) = (id(), id());
        wheel.set(wheel.tick_in(Duration::from_mins(1)), late, Alarm::Idle);
        let (rung, ()) = tokio::join!(wheel.next(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            wheel.set(wheel.tick_in(Duration::from_secs(1)), soon, Alarm::Idle);
        });
        assert_eq!(rung.1, [(soon, Alarm::Idle)]);
    }

    #[test]
    fn ticks_often_enough_for_short_heartbeats_and_not_more_than_needed_for_long_ones() {
        assert_eq!(
            Wheel::new(Duration::from_millis(200)).tick,
            Duration::from_millis(2)
        );
        assert_eq!(
            Wheel::new(Duration::from_secs(20)).tick,
            Duration::from_millis(100)
        );
        assert_eq!(Wheel::new(Duration::ZERO).tick, Duration::from_millis(1));
    }
}
