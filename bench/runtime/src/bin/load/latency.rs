//! A histogram of nanoseconds with buckets that are never wider than 1/32 of their value.

use serde_json::{Value, json};

const STEPS: u32 = 5; // 2^5 buckets for each power of two
const BUCKETS: usize = (64 - STEPS as usize + 1) << STEPS;

/// Latencies of many deliveries.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
            max: 0,
        }
    }
}

impl Latency {
    /// Counts one delivery that took `nanos`.
    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        self.buckets[bucket_of(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// How many were counted.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in nanoseconds.
    pub(crate) const fn max(&self) -> u64 {
        self.max
    }

    /// Nanoseconds that `share` of all took at most; 0 without any.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return highest_of(index).min(self.max);
            }
        }
        0
    }

    /// `p50_ms`, `p99_ms`, `max_ms` and `count`.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "count": self.count,
            "p50_ms": millis(self.quantile(0.5)),
            "p99_ms": millis(self.quantile(0.99)),
            "max_ms": millis(self.max),
        })
    }
}

/// Milliseconds with three decimals.
pub(crate) fn millis(nanos: u64) -> f64 {
    (nanos as f64 / 1e3).round() / 1e3
}

#[inline]
const fn bucket_of(nanos: u64) -> usize {
    if nanos < 1 << STEPS {
        return nanos as usize;
    }
    let power = nanos.ilog2() - STEPS;
    ((power as usize + 1) << STEPS) + ((nanos >> power) as usize - (1 << STEPS))
}

const fn highest_of(index: usize) -> u64 {
    if index < 1 << STEPS {
        return index as u64;
    }
    let power = (index >> STEPS) - 1;
    let lowest = ((index & ((1 << STEPS) - 1)) + (1 << STEPS)) as u64;
    ((lowest + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_every_value_in_a_bucket_that_ends_at_most_a_32nd_above_it() {
        for shift in 0..60 {
            for value in [1_u64 << shift, (1 << shift) + 1, (1 << shift) * 2 - 1] {
                let highest = highest_of(bucket_of(value));
                assert!(highest >= value, "{value} is above its bucket");
                assert!(highest - value <= value / 32, "{value} is in a wide bucket");
            }
        }
    }

    #[test]
    fn finds_the_quantiles_of_a_thousand_values() {
        let mut latency = Latency::default();
        for value in 1..=1000 {
            latency.record(value * 1000);
        }
        let near = |share, expected: f64| {
            let found = latency.quantile(share) as f64;
            assert!((found / expected - 1.0).abs() < 0.04, "{found}");
        };
        near(0.5, 500_000.0);
        near(0.99, 990_000.0);
        assert_eq!(latency.quantile(1.0), 1_000_000);
        assert_eq!(Latency::default().quantile(0.99), 0);
    }
}
