//! When to try again: as socket.io-client's `Backoff` (backo2) has it.

use std::time::Duration;

use rand::Rng;

/// Doubling delays with jitter.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    /// `randomizationFactor`: how far a delay may be from its middle, 0 to 1.
    jitter: f64,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new((min, max): (Duration, Duration), jitter: f64) -> Self {
        Self {
            min,
            max,
            jitter,
            attempts: 0,
        }
    }

    /// The delay before the next attempt.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        // The power is capped by `max` long before 2^30.
        let middle = self.min.as_secs_f64() * f64::from(1 << self.attempts.min(30));
        self.attempts = self.attempts.saturating_add(1);
        let deviation = rng.random_range(-self.jitter..=self.jitter) * middle;
        Duration::from_secs_f64((middle + deviation).min(self.max.as_secs_f64()))
    }

    /// A connection was opened, or has ended: the next delay is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const STOCK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(STOCK, 0.0);
        let delays: Vec<u64> = (0..5).map(|_| backoff.next(&mut rng).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.next(&mut rng).as_secs(), 1);
    }

    #[test]
    fn jitter_spreads_a_delay_around_its_middle_and_never_beyond_the_longest() {
        let mut rng = StdRng::seed_from_u64(2);
        let first: Vec<u128> = (0..1000)
            .map(|_| Backoff::new(STOCK, 0.5).next(&mut rng).as_millis())
            .collect();
        assert!(first.iter().all(|delay| (500..=1500).contains(delay)));
        assert!(first.iter().any(|delay| *delay < 700) && first.iter().any(|delay| *delay > 1300));
        let mut backoff = Backoff::new(STOCK, 0.5);
        assert!((0..100).all(|_| backoff.next(&mut rng) <= STOCK.1));
    }
}
