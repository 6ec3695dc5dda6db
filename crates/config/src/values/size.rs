//! `100KiB`, `1MiB`, `1MB`, or plain bytes.

use std::fmt;

use super::{Value, expected};

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// The largest size that can be written: one tebibyte.
const GREATEST: u64 = 1 << 40;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// How many bytes. At most 2⁴⁰, and on a 32-bit machine at most what fits.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        // The largest unit that divides it: 100 KiB, not 102400 B.
        match UNITS.iter().rev().find(fits) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => f.write_str("0B"),
        }
    }
}

impl Value for Size {
    const KIND: &'static str = "size";

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || "must be a size like 65536, 100KiB, 1MiB or 1MB".to_owned();
        let unit_at = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (count, unit) = text.split_at(unit_at);
        let unit = if unit.is_empty() { "B" } else { unit };
        let (_, unit) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        count
            .checked_mul(*unit)
            .filter(|bytes| *bytes <= GREATEST)
            .map(Self)
            .ok_or_else(|| "must be at most 1024GiB".to_owned())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(bytes) => Self::from_text(&bytes.to_string()),
            other => Err(expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }

    fn magnitude(&self) -> Option<u128> {
        Some(u128::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("100KiB", 102_400)]
    #[case("1MiB", 1_048_576)]
    #[case("1MB", 1_000_000)]
    #[case("3GB", 3_000_000_000)]
    #[case("17", 17)]
    #[case("17B", 17)]
    #[case("0", 0)]
    fn a_size_is_a_number_and_perhaps_a_unit(#[case] text: &str, #[case] bytes: usize) {
        assert_eq!(Size::from_text(text).map(Size::bytes), Ok(bytes));
    }

    #[rstest]
    #[case("")]
    #[case("KiB")]
    #[case("-1")]
    #[case("1.5MiB")]
    #[case("1 MiB")]
    #[case("1mib")]
    #[case("99999999999999999999")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Size::from_text(text).is_err());
    }

    #[test]
    fn a_tebibyte_is_allowed_and_a_byte_more_is_not() {
        assert_eq!(Size::from_text("1024GiB"), Ok(Size(GREATEST)));
        assert!(Size::from_text(&(GREATEST + 1).to_string()).is_err());
        assert!(Size::from_text(&format!("{}GiB", u64::MAX)).is_err());
    }

    #[test]
    fn a_size_is_written_in_the_largest_unit_that_divides_it() {
        assert_eq!(Size(102_400).to_string(), "100KiB");
        assert_eq!(Size(1_000_000).to_string(), "1MB");
        assert_eq!(Size(1_001).to_string(), "1001B");
    }

    proptest! {
        #[test]
        fn every_size_survives_being_written_and_read(bytes in 0..=GREATEST) {
            prop_assert_eq!(Size::from_text(&Size(bytes).to_string()), Ok(Size(bytes)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[0-9]{1,25}[KMG]?i?B?") {
            let _ = Size::from_text(&text);
        }
    }
}
