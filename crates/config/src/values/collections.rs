//! Lists, and rates by event.

use std::collections::BTreeMap;

use super::{Rate, Value, expected};

/// As text: JSON (`["a","b"]`) or comma-separated (`a, b`).
impl<T: Value> Value for Vec<T> {
    const KIND: &'static str = T::LIST_KIND;
    const CHOICES: &'static [&'static str] = T::CHOICES;

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('[') {
            return Self::from_toml(&from_json(text)?);
        }
        text.split(',')
            .map(|item| T::from_text(item).map_err(|e| in_item(item, &e)))
            .collect()
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Array(items) => items
                .iter()
                .map(|item| T::from_toml(item).map_err(|e| in_item(&item.to_string(), &e)))
                .collect(),
            toml::Value::String(text) => Self::from_text(text),
            other => Err(expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::Array(
            self.iter().filter_map(T::to_toml).collect(),
        ))
    }

    fn magnitude(&self) -> Option<u128> {
        Some(self.len() as u128)
    }
}

/// As text: a JSON object.
impl Value for BTreeMap<String, Rate> {
    const KIND: &'static str = "table of rates";
    const TABLE: bool = true;

    fn from_text(text: &str) -> Result<Self, String> {
        match from_json(text.trim())? {
            table @ toml::Value::Table(_) => Self::from_toml(&table),
            _ => Err("must be a JSON object like {\"message:send\":\"100/1m\"}".to_owned()),
        }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| expected::<Self>(value))?;
        let entry = |(event, rate): (&String, &toml::Value)| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
            if !(1..=64).contains(&event.len()) || !event.bytes().all(fits) {
                return Err(format!("`{event}` is not the name of an event"));
            }
            let rate = Rate::from_toml(rate).map_err(|reason| in_item(event, &reason))?;
            Ok((event.clone(), rate))
        };
        table.iter().map(entry).collect()
    }

    fn to_toml(&self) -> Option<toml::Value> {
        let entries = self
            .iter()
            .map(|(event, rate)| (event.clone(), rate.to_string().into()));
        Some(toml::Value::Table(entries.collect()))
    }
}

fn in_item(item: &str, reason: &str) -> String {
    format!("`{}`: {reason}", item.trim())
}

fn from_json(text: &str) -> Result<toml::Value, String> {
    serde_json::from_str::<toml::Value>(text).map_err(|error| format!("is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    type Rates = BTreeMap<String, Rate>;

    #[rstest]
    #[case("a,b")]
    #[case(" a , b ")]
    #[case(r#"["a","b"]"#)]
    fn a_list_is_json_or_separated_by_commas(#[case] text: &str) {
        assert_eq!(
            Vec::<String>::from_text(text),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[rstest]
    #[case("a,,b")]
    #[case("[\"a\"")]
    #[case("[1]")]
    #[case("[null]")]
    fn a_broken_list_is_refused(#[case] text: &str) {
        assert!(Vec::<String>::from_text(text).is_err());
    }

    #[test]
    fn an_empty_json_list_is_an_empty_list() {
        assert_eq!(Vec::<String>::from_text("[]"), Ok(vec![]));
    }

    #[test]
    fn rates_by_event_are_a_json_object() {
        let rates = Rates::from_text(r#"{"message:send":"100/1m"}"#).unwrap();
        assert_eq!(rates["message:send"].limit, 100);
        assert!(Rates::from_text("message:send=100/1m").is_err());
        assert!(Rates::from_text("[]").is_err());
    }

    #[test]
    fn a_wrong_rate_is_named_by_its_event() {
        let reason = Rates::from_text(r#"{"message:edit":"many"}"#).unwrap_err();
        assert!(reason.contains("`message:edit`"), "{reason}");
    }

    #[test]
    fn the_name_of_an_event_has_1_to_64_characters() {
        let with = |name: &str| Rates::from_text(&format!("{{\"{name}\":\"1/s\"}}"));
        assert!(with(&"e".repeat(64)).is_ok());
        assert!(with(&"e".repeat(65)).is_err());
        assert!(with("").is_err());
        assert!(with("message send").is_err());
    }

    proptest! {
        #[test]
        fn every_list_survives_being_written_and_read(
            items in prop::collection::vec("[a-z]([a-z ,\"\\\\]{0,8}[a-z])?", 0..5),
        ) {
            prop_assert_eq!(Vec::<String>::from_toml(&items.to_toml().unwrap()), Ok(items.clone()));
            let json = serde_json::to_string(&items).unwrap();
            prop_assert_eq!(Vec::<String>::from_text(&json), Ok(items));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC*|[\\[{][\\[\\]{}\",:a-z0-9]{0,20}") {
            let _ = (Vec::<String>::from_text(&text), Rates::from_text(&text));
        }
    }
}
