//! A part of a whole.

use super::{Value, expected};

/// A number from 0 to 1, both among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(f64);

// It is never NaN.
impl Eq for Ratio {}

impl Ratio {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Value for Ratio {
    const KIND: &'static str = "number from 0 to 1";

    fn from_text(text: &str) -> Result<Self, String> {
        let number = text.trim().parse().ok();
        let fits = number.filter(|number| (0.0..=1.0).contains(number));
        fits.map(|number: f64| Self(number.abs()))
            .ok_or_else(|| "must be a number from 0 to 1".to_owned())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Float(number) => Self::from_text(&number.to_string()),
            toml::Value::Integer(number) => Self::from_text(&number.to_string()),
            other => Err(expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::Float(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Some(0.0))]
    #[case("1", Some(1.0))]
    #[case("1.0", Some(1.0))]
    #[case(" 0.25 ", Some(0.25))]
    #[case("1e-3", Some(0.001))]
    #[case("-0", Some(0.0))]
    #[case("1.0000001", None)]
    #[case("-0.0000001", None)]
    #[case("2", None)]
    #[case("NaN", None)]
    #[case("inf", None)]
    #[case("1%", None)]
    #[case("", None)]
    fn a_ratio_is_from_0_to_1(#[case] text: &str, #[case] number: Option<f64>) {
        assert_eq!(Ratio::from_text(text).ok().map(Ratio::get), number);
    }

    #[test]
    fn a_file_may_have_it_with_a_point_or_without() {
        let read = |value| Ratio::from_toml(&value).map(Ratio::get);
        assert_eq!(read(toml::Value::Integer(1)), Ok(1.0));
        assert_eq!(read(toml::Value::Float(0.5)), Ok(0.5));
        assert!(read(toml::Value::Integer(2)).is_err());
        assert!(read(toml::Value::Float(1.000_000_1)).is_err());
        assert!(read(toml::Value::String("0.5".to_owned())).is_err());
    }

    proptest! {
        #[test]
        fn every_ratio_survives_being_written_and_read(text in "\\PC*|[01]?\\.?[0-9]{0,9}(e-[0-9])?") {
            if let Ok(ratio) = Ratio::from_text(&text) {
                prop_assert_eq!(Ratio::from_toml(&ratio.to_toml().unwrap()), Ok(ratio));
            }
        }
    }
}
