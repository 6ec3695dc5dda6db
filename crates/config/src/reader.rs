//! Fills a key from what was given, or from its default.

use std::collections::BTreeMap;

use crate::key::{DefaultValue, Key, Secrecy};
use crate::source::{Remark, Source};
use crate::values::{Secret, Value};

/// A value as it was written down.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Toml(toml::Value),
    Text(String),
}

/// A value as it was written down, and where.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) raw: Raw,
    pub(crate) source: Source,
}

/// What a key is worth in the end.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    /// `None` when it is not set. Kept whole to see whether a reload changes it.
    pub(crate) value: Secret<Option<toml::Value>>,
    /// The same, with nothing secret in it.
    pub(crate) shown: Option<toml::Value>,
    pub(crate) source: Source,
}

/// Everything that was given, and what has been made of it so far.
pub(crate) struct Reader {
    given: BTreeMap<String, Given>,
    pub(crate) mistakes: Vec<Remark>,
    pub(crate) effective: BTreeMap<&'static str, Effective>,
}

// By hand, because what was given may hold secrets.
impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("mistakes", &self.mistakes)
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(given: BTreeMap<String, Given>, mistakes: Vec<Remark>) -> Self {
        Self {
            given,
            mistakes,
            effective: BTreeMap::new(),
        }
    }

    /// The value of `key`: what was given, or its default. A mistake is noted and the default
    /// returned instead, so that the keys after it are examined too. `None` only if the default
    /// itself is wrong, which a test rules out.
    pub(crate) fn read<T: Value>(&mut self, key: &'static Key) -> Option<T> {
        let (value, source) = match self.take(key) {
            None => (self.default::<T>(key)?, Source::Default),
            Some(Given { raw, source }) => match parse::<T>(key, &raw) {
                Ok(value) => (value, source),
                Err(reason) => {
                    self.mistake(source, key.path, reason);
                    (self.default::<T>(key)?, Source::Default)
                }
            },
        };
        let effective = Effective {
            value: Secret::new(value.to_toml()),
            shown: value.shown(),
            source,
        };
        self.effective.insert(key.path, effective);
        Some(value)
    }

    /// What `path` is worth, as text. For defaults that follow a key which was read before them.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.effective.get(path)?.value.expose().as_ref()?.as_str()
    }

    /// What was given for `key`, here or in the file that `<key>_file` names.
    fn take(&mut self, key: &Key) -> Option<Given> {
        let direct = self.given.get(key.path).cloned();
        let file_path = format!("{}_file", key.path);
        let file = if key.secrecy == Secrecy::Public {
            None
        } else {
            self.given.get(&file_path).cloned()
        };
        let Some(file) = file else { return direct };
        if direct.is_some() {
            let reason = format!("also given by `{}`; set only one of them", key.path);
            self.mistake(file.source, &file_path, reason);
            return direct;
        }
        match read_secret_file(&file.raw) {
            Ok(text) => Some(Given {
                raw: Raw::Text(text),
                source: file.source,
            }),
            Err(reason) => {
                self.mistake(file.source, &file_path, reason);
                None
            }
        }
    }

    fn default<T: Value>(&mut self, key: &'static Key) -> Option<T> {
        let parsed = match key.default {
            DefaultValue::Unset => T::unset().ok_or_else(|| "there is none".to_owned()),
            DefaultValue::Text(text) => parse::<T>(key, &Raw::Text(text.to_owned())),
            DefaultValue::Derived(_, find) => parse::<T>(key, &Raw::Text(find(self).to_owned())),
        };
        match parsed {
            Ok(value) => Some(value),
            Err(reason) => {
                self.mistake(
                    Source::Default,
                    key.path,
                    format!("built-in default: {reason}"),
                );
                None
            }
        }
    }

    fn mistake(&mut self, source: Source, key: &str, reason: String) {
        self.mistakes.push(Remark {
            source,
            key: key.to_owned(),
            reason,
        });
    }
}

fn parse<T: Value>(key: &Key, raw: &Raw) -> Result<T, String> {
    let value = match raw {
        Raw::Toml(value) => T::from_toml(value),
        Raw::Text(text) => T::from_text(text),
    }?;
    if let Some((least, greatest)) = key.range {
        let bound = |text: &str| T::from_text(text).map(|bound| bound.magnitude());
        let size = value.magnitude();
        if size.is_some() && (size < bound(least)? || size > bound(greatest)?) {
            return Err(format!("must be between {least} and {greatest}"));
        }
    }
    Ok(value)
}

/// The content of the file, without the white space around it that editors and secret stores leave.
fn read_secret_file(raw: &Raw) -> Result<String, String> {
    let (Raw::Text(path) | Raw::Toml(toml::Value::String(path))) = raw else {
        return Err("expected the path of a file".to_owned());
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?;
    match text.trim() {
        "" => Err(format!("`{path}` is empty")),
        text => Ok(text.to_owned()),
    }
}
