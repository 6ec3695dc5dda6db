//! The arithmetic of a token bucket, in whole numbers, so that no fraction of a token is ever lost
//! or made: a token is worth as many credits as `per` has microseconds, and every microsecond
//! brings `burst` credits. `redis/take.lua` computes the same. Lua's numbers are exact up to 2^53,
//! which is 100,000 tokens a day; of larger buckets it may lose fractions of a microsecond.

use std::time::Duration;

use switchboard_messaging::Rate;
use switchboard_messaging::hub::Admission;

/// Clocks of threads and of machines differ by less; a clock that goes back further was set back.
const SET_BACK: u64 = 1_000_000;

/// What is kept of a bucket. Times are microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    credit: u128,
    at: u64,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn full(rate: Rate, now: u64) -> Self {
        let credit = full_credit(rate);
        Self { credit, at: now }
    }

    /// Takes a token, if there is one. Time that runs backwards brings nothing, and nobody waits until
    /// a clock that was set back has caught up.
    pub(crate) fn take(&mut self, rate: Rate, now: u64) -> Admission {
        if self.at.saturating_sub(now) > SET_BACK {
            self.at = now;
        }
        let elapsed = u128::from(now.saturating_sub(self.at));
        let gained = elapsed * u128::from(rate.burst);
        self.credit = (self.credit + gained).min(full_credit(rate));
        self.at = self.at.max(now);
        let token = token_credit(rate);
        if self.credit >= token {
            self.credit -= token;
            return Admission::Admitted;
        }
        let missing = (token - self.credit).div_ceil(u128::from(rate.burst));
        Admission::RefusedFor(Duration::from_micros(
            u64::try_from(missing).unwrap_or(u64::MAX),
        ))
    }

    /// When it is full again, and need not be remembered.
    pub(crate) fn full_at(&self, rate: Rate) -> u64 {
        let missing = full_credit(rate).saturating_sub(self.credit);
        let wait = missing.div_ceil(u128::from(rate.burst.max(1)));
        self.at
            .saturating_add(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

fn token_credit(rate: Rate) -> u128 {
    rate.per.as_micros()
}

fn full_credit(rate: Rate) -> u128 {
    token_credit(rate) * u128::from(rate.burst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEVEN_A_SECOND: Rate = Rate::new(7, Duration::from_secs(1));

    #[test]
    fn a_full_bucket_gives_its_burst_and_no_more() {
        let mut bucket = Bucket::full(SEVEN_A_SECOND, 0);
        for _ in 0..7 {
            assert_eq!(bucket.take(SEVEN_A_SECOND, 0), Admission::Admitted);
        }
        assert_eq!(
            bucket.take(SEVEN_A_SECOND, 0),
            Admission::RefusedFor(Duration::from_micros(142_858))
        );
    }

    #[test]
    fn the_retry_time_is_exact_to_the_microsecond() {
        let mut bucket = Bucket::full(SEVEN_A_SECOND, 0);
        while bucket.take(SEVEN_A_SECOND, 0) == Admission::Admitted {}
        assert_ne!(bucket.take(SEVEN_A_SECOND, 142_857), Admission::Admitted);
        assert_eq!(bucket.take(SEVEN_A_SECOND, 142_858), Admission::Admitted);
    }

    #[test]
    fn time_that_runs_backwards_brings_nothing() {
        let rate = Rate::new(1, Duration::from_secs(1));
        let mut bucket = Bucket::full(rate, 5_000_000);
        assert_eq!(bucket.take(rate, 5_000_000), Admission::Admitted);
        assert_ne!(bucket.take(rate, 4_000_000), Admission::Admitted);
        assert_ne!(bucket.take(rate, 5_999_999), Admission::Admitted);
        assert_eq!(bucket.take(rate, 6_000_000), Admission::Admitted);
    }

    #[test]
    fn a_clock_that_was_set_back_brings_nothing_and_keeps_nobody_waiting() {
        let rate = Rate::new(1, Duration::from_secs(1));
        let mut bucket = Bucket::full(rate, 5_000_000);
        assert_eq!(bucket.take(rate, 5_000_000), Admission::Admitted);
        assert_ne!(bucket.take(rate, 3_999_999), Admission::Admitted);
        assert_ne!(bucket.take(rate, 4_999_998), Admission::Admitted);
        assert_eq!(bucket.take(rate, 4_999_999), Admission::Admitted);
    }

    proptest! {
        /// The naive model counts the credit of every single millisecond.
        #[test]
        fn takes_what_a_model_that_ticks_every_millisecond_takes(
            burst in 1_u32..20,
            per_ms in 1_u64..400,
            waits in prop::collection::vec(0_u64..120, 1..60),
        ) {
            let rate = Rate::new(burst, Duration::from_millis(per_ms));
            let mut bucket = Bucket::full(rate, 0);
            let token = per_ms;
            let full = token * u64::from(burst);
            let (mut now, mut credit) = (0, full);
            for wait in waits {
                for _ in 0..wait {
                    credit = (credit + u64::from(burst)).min(full);
                }
                now += wait;
                let admitted = credit >= token;
                if admitted {
                    credit -= token;
                }
                let taken = bucket.take(rate, now * 1_000) == Admission::Admitted;
                prop_assert_eq!(taken, admitted);
            }
        }

        #[test]
        fn admits_after_the_time_that_it_named_and_not_before(
            burst in 1_u32..1_000,
            per_ms in 1_u64..4_000_000,
        ) {
            let rate = Rate::new(burst, Duration::from_millis(per_ms));
            let mut bucket = Bucket::full(rate, 0);
            let mut last = bucket.take(rate, 0);
            while last == Admission::Admitted {
                last = bucket.take(rate, 0);
            }
            let Admission::RefusedFor(wait) = last else { unreachable!() };
            let wait = u64::try_from(wait.as_micros()).unwrap();
            prop_assert!(bucket.take(rate, wait - 1) != Admission::Admitted);
            prop_assert_eq!(bucket.take(rate, wait), Admission::Admitted);
            prop_assert!(bucket.full_at(rate) > wait);
        }
    }
}
