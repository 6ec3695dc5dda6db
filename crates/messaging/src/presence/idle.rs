//! Devices at which nobody does anything are away. One look over all of them every few seconds: a
//! client's call costs no more than noting the time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use switchboard_protocol::Timestamp;
use switchboard_protocol::objects::Activity;
use tokio::time::MissedTickBehavior;

use super::{LocalDevice, PresenceService};

/// Devices whose idleness is told of at the same time.
const AT_ONCE: usize = 32;

impl PresenceService {
    /// A device's client did something, whatever it was.
    pub async fn is_active(&self, device: &LocalDevice) {
        if device.is_back(self.inner.clock.now()) {
            self.tell(device, None, None).await;
        }
    }

    /// A device's client says what its user does.
    pub async fn activity(&self, device: &LocalDevice, activity: Activity) {
        match activity {
            Activity::Idle => {
                device.rest();
                self.tell(device, None, None).await;
            }
            Activity::Typing | Activity::Reading | Activity::Active => {
                self.is_active(device).await;
            }
        }
    }

    /// Finds idle devices, over and over.
    pub(super) async fn look_for_idle_devices(self) {
        let idle_after = self.inner.times.idle_after;
        if idle_after.is_zero() {
            return;
        }
        let every = (idle_after / 20).clamp(Duration::from_millis(100), Duration::from_secs(5));
        let mut rounds = tokio::time::interval(every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.inner.stop.clone();
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let now = self.inner.clock.now().as_millis();
            let idle_after = i64::try_from(idle_after.as_millis()).unwrap_or(i64::MAX);
            let then = Timestamp::from_millis(now.saturating_sub(idle_after));
            let telling = self.tell_of_all(self.inner.local.newly_idle(then));
            if stop.run_until_cancelled(telling).await.is_none() {
                return;
            }
        }
    }

    /// Their own sockets hear of it, too: no ack of theirs tells it.
    async fn tell_of_all(&self, idle: Vec<Arc<LocalDevice>>) {
        futures_util::stream::iter(idle)
            .for_each_concurrent(AT_ONCE, |device| async move {
                self.tell(&device, None, None).await;
            })
            .await;
    }
}
