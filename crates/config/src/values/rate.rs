//! `100/1m`, `5/10s`, `60/h`: so many in such a time.

use std::fmt;
use std::time::Duration;

use super::Value;
use super::duration::{format, unit_millis};

const GREATEST_LIMIT: u32 = 1_000_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// So many calls in such a time; the whole of it may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many calls, 1 to 1,000,000.
    pub limit: u32,
    /// In how long, one second to seven days.
    pub per: Duration,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, format(self.per))
    }
}

impl Value for Rate {
    const KIND: &'static str = "rate";

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || "must be a rate like 100/1m, 5/10s or 60/h".to_owned();
        let (limit, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        if !limit.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let limit: u32 = limit.parse().map_err(|_| wrong())?;
        let per = match unit_millis(per) {
            Some(millis) => Duration::from_millis(millis),
            None => Duration::from_text(per).map_err(|_| wrong())?,
        };
        if !(1..=GREATEST_LIMIT).contains(&limit) {
            return Err(format!("must allow 1 to {GREATEST_LIMIT} calls"));
        }
        if !(SHORTEST..=LONGEST).contains(&per) {
            return Err("must be over 1s to 7d".to_owned());
        }
        Ok(Self { limit, per })
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }
}

/// A rate, or `0`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit(pub Option<Rate>);

impl Value for RateLimit {
    const KIND: &'static str = "rate, or 0";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "0" => Ok(Self(None)),
            rate => Ok(Self(Some(Rate::from_text(rate)?))),
        }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(0) => Ok(Self(None)),
            toml::Value::String(text) => Self::from_text(text),
            other => Err(super::expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        match self.0 {
            None => Some(toml::Value::Integer(0)),
            Some(rate) => rate.to_toml(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("100/1m", 100, 60)]
    #[case("5/10s", 5, 10)]
    #[case("60/h", 60, 3_600)]
    #[case("1000000/7d", 1_000_000, 604_800)]
    #[case("1/1s", 1, 1)]
    #[case("1/1000ms", 1, 1)]
    fn a_rate_is_a_count_and_a_time(#[case] text: &str, #[case] limit: u32, #[case] secs: u64) {
        assert_eq!(
            Rate::from_text(text),
            Ok(Rate {
                limit,
                per: Duration::from_secs(secs)
            })
        );
    }

    #[rstest]
    #[case::no_time("100")]
    #[case::no_count("/1m")]
    #[case::signed("+1/1m")]
    #[case::no_calls("0/1m")]
    #[case::too_many_calls("1000001/1m")]
    #[case::too_short("1/999ms")]
    #[case::too_long("1/604801s")]
    #[case::no_unit("1/60")]
    #[case::two_times("1/1m/1m")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Rate::from_text(text).is_err());
    }

    #[test]
    fn no_limit_is_written_as_0() {
        let rate = Rate::from_text("5/5m").unwrap();
        for (text, limit) in [("0", None), ("5/5m", Some(rate))] {
            let read = RateLimit::from_text(text).unwrap();
            assert_eq!(read, RateLimit(limit));
            let written = read.to_toml().unwrap();
            assert_eq!(RateLimit::from_toml(&written), Ok(read));
        }
        for bad in ["", "1", "0/1m", "none"] {
            assert!(RateLimit::from_text(bad).is_err(), "{bad}");
        }
        assert!(RateLimit::from_toml(&toml::Value::Integer(1)).is_err());
    }

    proptest! {
        #[test]
        fn every_rate_survives_being_written_and_read(
            limit in 1..=GREATEST_LIMIT,
            millis in 1_000..=7 * 86_400_000u64,
        ) {
            let rate = Rate { limit, per: Duration::from_millis(millis) };
            prop_assert_eq!(Rate::from_text(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[0-9]{0,12}/[0-9]{0,25}[smhd]?") {
            let _ = Rate::from_text(&text);
        }
    }
}
