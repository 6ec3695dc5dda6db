//! How fast connections are closed.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Whoever comes later than this to a close makes up for it slowly: a server that stood still shall
/// not send everybody away at once.
const LATE: Duration = Duration::from_millis(100);

/// How fast [`Io::drain`](crate::Io::drain) closes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Spread evenly over this time.
    Over(Duration),
    /// So many a second; 0 is taken for 1.
    PerSecond(u32),
}

/// When one connection after the other is closed.
pub(crate) struct Closes {
    /// When all have to be closed.
    end: Option<Instant>,
    left: u32,
    due: Instant,
    step: Duration,
}

impl Closes {
    /// The first of `count` is due now.
    pub(crate) fn begin(pace: Pace, count: u32) -> Self {
        let now = Instant::now();
        let (end, step) = match pace {
            Pace::Over(time) => (Some(now + time), time / count.max(1)),
            Pace::PerSecond(rate) => (None, Duration::from_secs(1) / rate.max(1)),
        };
        Self {
            end,
            left: count,
            due: now,
            step,
        }
    }

    /// The time from the beginning until this one is due, if nothing comes between.
    pub(crate) fn until(&self, index: u32) -> Duration {
        self.step * index
    }

    /// Returns when the next one is due.
    pub(crate) async fn next(&mut self) {
        sleep_until(self.due).await;
        let now = Instant::now();
        if now.duration_since(self.due) > LATE {
            self.due = now;
            if let Some(end) = self.end {
                self.step = end.saturating_duration_since(now) / self.left.max(1);
            }
        }
        self.due += self.step;
        self.left = self.left.saturating_sub(1);
    }
}
