//! `500ms`, `30s`, `5m`, `1h`, `7d`; a bare `0` needs no unit.

use std::time::Duration;

use super::{Value, expected};

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Ten years: anything longer is a slip of the pen.
const GREATEST: Duration = Duration::from_hours(3_650 * 24);

/// Milliseconds in one of `unit`.
pub(super) fn unit_millis(unit: &str) -> Option<u64> {
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, millis)| *millis)
}

/// The shortest exact way to write it. A single day stays `24h`, as people say it.
pub(super) fn format(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let exact = |(name, unit): &(&str, u64)| {
        let fits = millis >= *unit && millis % unit == 0;
        (fits && !(*name == "d" && millis == *unit)).then(|| format!("{}{name}", millis / unit))
    };
    UNITS
        .iter()
        .rev()
        .find_map(exact)
        .unwrap_or_else(|| "0s".to_owned())
}

impl Value for Duration {
    const KIND: &'static str = "duration";

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || "must be a duration like 500ms, 30s, 5m, 1h or 7d".to_owned();
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = text.split_at(unit_at);
        let unit = unit_millis(unit).ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        count
            .checked_mul(unit)
            .map(Self::from_millis)
            .filter(|duration| *duration <= GREATEST)
            .ok_or_else(|| "must be at most 3650d".to_owned())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(0) => Ok(Self::ZERO),
            toml::Value::Integer(number) => Err(format!(
                "needs a unit: write \"{number}s\" if you mean seconds"
            )),
            other => Err(expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(format(*self)))
    }

    fn magnitude(&self) -> Option<u128> {
        Some(self.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500ms", 500)]
    #[case("30s", 30_000)]
    #[case("5m", 300_000)]
    #[case("1h", 3_600_000)]
    #[case("7d", 604_800_000)]
    #[case("0", 0)]
    #[case(" 2s ", 2_000)]
    fn a_duration_is_a_number_and_a_unit(#[case] text: &str, #[case] millis: u64) {
        assert_eq!(Duration::from_text(text), Ok(Duration::from_millis(millis)));
    }

    #[rstest]
    #[case("")]
    #[case("30")]
    #[case("s")]
    #[case("-1s")]
    #[case("1.5s")]
    #[case("1 s")]
    #[case("1h30m")]
    #[case("5min")]
    #[case("99999999999999999999s")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Duration::from_text(text).is_err());
    }

    #[test]
    fn ten_years_are_allowed_and_a_millisecond_more_is_not() {
        assert_eq!(Duration::from_text("3650d"), Ok(GREATEST));
        let over = format!("{}ms", GREATEST.as_millis() + 1);
        assert!(Duration::from_text(&over).is_err());
        assert!(Duration::from_text(&format!("{}d", u64::MAX)).is_err());
    }

    #[test]
    fn a_number_without_a_unit_is_answered_with_how_to_write_it() {
        let reason = Duration::from_toml(&toml::Value::Integer(30)).unwrap_err();
        assert!(reason.contains("\"30s\""), "{reason}");
    }

    proptest! {
        #[test]
        fn every_duration_survives_being_written_and_read(millis in 0..=3_650 * 86_400_000u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(Duration::from_text(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[0-9]{1,25}(ms|s|m|h|d)?") {
            let _ = Duration::from_text(&text);
        }
    }
}
