//! Publishing at a fixed rate, and what comes of it.
//!
//! A payload is a JSON string that starts with when it was due (16 hexadecimal digits, nanoseconds) and its
//! number in its room (8). Latency is measured from when it was due, not from when it was sent: a server
//! that holds the publisher back, or a load generator that is late, does not look better for it.

use std::time::Duration;

use anyhow::Result;
use mio::{Interest, unix::SourceFd};
use rustix::{
    fd::{AsRawFd, OwnedFd},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use crate::{
    clock,
    fleet::{Fleet, WAKE},
    latency::Latency,
};

/// Bytes of a delivery before its payload: `42["message","`.
const HEAD: &[u8] = br#"42["message",""#;
const STAMP: usize = 16;
const NUMBER: usize = 8;
/// How long deliveries may take after the last was published.
const DRAIN: Duration = Duration::from_secs(3);

/// What is published, how often and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The rooms, in turn.
    pub(crate) rooms: &'a [String],
    /// Events a second, over all rooms.
    pub(crate) events_per_second: f64,
    /// Bytes of each payload, at least 24.
    pub(crate) payload: usize,
    /// How long.
    pub(crate) time: Duration,
    /// Stop as soon as one delivery took so many nanoseconds.
    pub(crate) give_up: u64,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Events published.
    pub(crate) published: u64,
    /// How long deliveries took; its count is that of the deliveries.
    pub(crate) latency: Latency,
    /// From the first event to the last delivery, in nanoseconds.
    pub(crate) nanos: u64,
    /// Whether it was given up.
    pub(crate) gave_up: bool,
}

/// When a delivery was due and its number in its room; `None` for other packets.
#[inline]
pub(crate) fn stamp_of(packet: &[u8]) -> Option<(u64, u32)> {
    let payload = packet.strip_prefix(HEAD)?;
    let (stamp, rest) = payload.split_at_checked(STAMP)?;
    let number = rest.get(..NUMBER)?;
    Some((hexadecimal(stamp), hexadecimal(number) as u32))
}

#[inline]
fn hexadecimal(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, &digit| {
        let digit = if digit <= b'9' {
            digit - b'0'
        } else {
            digit - b'a' + 10
        };
        value << 4 | u64::from(digit & 0xf)
    })
}

/// Publishes over connection `publisher` of `fleet` and reads all others. `heard` is given the connection
/// and the number of each delivery. Every room is `room_size` connections.
pub(crate) fn run(
    fleet: &mut Fleet,
    publisher: usize,
    plan: &Plan<'_>,
    room_size: usize,
    mut heard: impl FnMut(usize, u32),
) -> Result<Outcome> {
    let interval = (1e9 / plan.events_per_second) as u64;
    let timer = Timer::every(interval, fleet)?;
    let padding = "x".repeat(plan.payload.saturating_sub(STAMP + NUMBER));
    let mut outcome = Outcome::default();
    let start = clock::now();
    let end = start + plan.time.as_nanos() as u64;
    let mut due = start;
    let mut last = start;
    loop {
        let mut now = clock::now();
        while due <= now && due < end && !outcome.gave_up {
            let room = outcome.published as usize % plan.rooms.len();
            let number = outcome.published as usize / plan.rooms.len();
            let room = &plan.rooms[room];
            let packet = format!(r#"42["publish","{room}","{due:016x}{number:08x}{padding}"]"#);
            fleet.send(publisher, packet.as_bytes());
            outcome.published += 1;
            due += interval;
            now = clock::now();
        }
        let expected = outcome.published * room_size as u64;
        let over = due >= end || outcome.gave_up;
        let drained = outcome.latency.count() >= expected;
        if over && (drained || now > due.max(end) + DRAIN.as_nanos() as u64) {
            break;
        }
        timer.clear();
        let latency = &mut outcome.latency;
        fleet.turn(Duration::from_millis(20), |member, packet| {
            if let Some((stamp, number)) = stamp_of(packet) {
                last = clock::now();
                latency.record(last.saturating_sub(stamp));
                heard(member, number);
            }
        })?;
        if outcome.latency.max() > plan.give_up {
            outcome.gave_up = true;
            break;
        }
    }
    outcome.nanos = last - start;
    Ok(outcome)
}

/// Wakes a fleet's loop at an interval, more exactly than the milliseconds of epoll.
struct Timer(OwnedFd);

impl Timer {
    fn every(nanos: u64, fleet: &Fleet) -> Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let time = Timespec {
            tv_sec: (nanos / 1_000_000_000) as i64,
            tv_nsec: (nanos % 1_000_000_000) as i64,
        };
        let spec = Itimerspec {
            it_interval: time,
            it_value: time,
        };
        timerfd_settime(&fd, TimerfdTimerFlags::empty(), &spec)?;
        fleet.poll().registry().register(
            &mut SourceFd(&fd.as_raw_fd()),
            WAKE,
            Interest::READABLE,
        )?;
        Ok(Self(fd))
    }

    /// Takes note of what has expired, so that the next time is a new event.
    fn clear(&self) {
        // Would block when nothing has.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_stamp_and_number_of_a_delivery_and_of_nothing_else() {
        let packet = br#"42["message","00000000000000ff0000002axxxx"]"#;
        assert_eq!(stamp_of(packet), Some((255, 42)));
        assert_eq!(stamp_of(br#"42["message","00"]"#), None);
        assert_eq!(stamp_of(b"430[{}]"), None);
    }
}
