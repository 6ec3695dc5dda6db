//! Keys with which backends are the service of an organization.

use std::fmt;

use super::{OrgId, Secret, Value};
use crate::key::Secrecy;

/// `organization=key` each, separated by commas or lines.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeys(Vec<(OrgId, Secret<String>)>);

impl ApiKeys {
    /// Each organization with a key of its.
    pub fn iter(&self) -> impl Iterator<Item = &(OrgId, Secret<String>)> {
        self.0.iter()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKeys").field(&self.0.len()).finish()
    }
}

/// The reasons repeat nothing of what was given: it is secret.
fn read(place: usize, text: &str) -> Result<(OrgId, Secret<String>), String> {
    let wrong = || format!("key {} must be organization=key", place + 1);
    // No organization's id has `=` in it, and keys may end in some.
    let (organization, key) = text.trim().split_once('=').ok_or_else(wrong)?;
    let organization = OrgId::from_text(organization).map_err(|_| wrong())?;
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "key {} must be printable ASCII characters without spaces",
            place + 1
        ));
    }
    Ok((organization, Secret::new(key.to_owned())))
}

fn all<'a>(texts: impl Iterator<Item = &'a str>) -> Result<ApiKeys, String> {
    let keys = texts.enumerate().map(|(place, text)| read(place, text));
    keys.collect::<Result<_, _>>().map(ApiKeys)
}

impl Value for ApiKeys {
    const KIND: &'static str = "list of secrets";
    const SECRECY: Secrecy = Secrecy::Whole;

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('[') {
            let read = serde_json::from_str::<Vec<String>>(text);
            let texts = read.map_err(|_| "is not a JSON list of strings".to_owned())?;
            return all(texts.iter().map(String::as_str));
        }
        let lines = text.split([',', '\n']).map(str::trim);
        all(lines.filter(|line| !line.is_empty()))
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Array(items) => {
                let texts = items.iter().map(toml::Value::as_str);
                let texts: Option<Vec<_>> = texts.collect();
                all(texts.ok_or("must be a list of strings")?.into_iter())
            }
            toml::Value::String(text) => Self::from_text(text),
            other => Err(super::expected::<Self>(other)),
        }
    }

    fn unset() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        let line = |(organization, key): &(OrgId, Secret<String>)| {
            format!("{organization}={}", key.expose())
        };
        let lines = self.0.iter().map(|key| toml::Value::String(line(key)));
        (!self.0.is_empty()).then(|| toml::Value::Array(lines.collect()))
    }

    fn shown(&self) -> Option<toml::Value> {
        let line = |(organization, _): &(OrgId, Secret<String>)| format!("{organization}=***");
        let lines = self.0.iter().map(|key| toml::Value::String(line(key)));
        (!self.0.is_empty()).then(|| toml::Value::Array(lines.collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let keys = ApiKeys::from_text(text).unwrap();
        keys.iter()
            .map(|(organization, key)| (organization.to_string(), key.expose().clone()))
            .collect()
    }

    #[test]
    fn keys_come_as_a_list_or_a_line_each_and_may_end_in_equals_signs() {
        let two = vec![
            ("acme".to_owned(), "k1==".to_owned()),
            ("globex".to_owned(), "k2".to_owned()),
        ];
        assert_eq!(read("acme=k1==, globex=k2"), two);
        assert_eq!(read("acme=k1==\nglobex=k2\n"), two);
        assert_eq!(read(r#"["acme=k1==", "globex=k2"]"#), two);
        assert_eq!(read(""), []);
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said_without_it() {
        for bad in [
            "hunter2",
            "=hunter2",
            "a b=hunter2",
            "acme=hun ter2",
            "acme=",
        ] {
            let reason = ApiKeys::from_text(bad).unwrap_err();
            assert!(
                reason.starts_with("key 1") && !reason.contains("ter2"),
                "{reason}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_key_is_ever_shown(key in "[a-zA-Z0-9]{8,64}") {
            let keys = ApiKeys::from_text(&format!("acme={key}")).unwrap();
            let told = format!("{keys:?} {:?}", keys.shown());
            prop_assert!(!told.contains(&key), "{}", told);
            let again = keys.to_toml().map(|toml| ApiKeys::from_toml(&toml));
            prop_assert_eq!(again, Some(Ok(keys)));
        }
    }
}
