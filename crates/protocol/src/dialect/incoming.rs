//! From what a dialect's clients send to calls.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::source::Path;
use super::{Dialect, UNDERSTOOD_EVERYWHERE};
use crate::calls::{Call, ClientEvent};
use crate::error::{Detail, ErrorCode, ErrorObject};

/// One row: an event and the call that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incoming {
    pub(super) call: ClientEvent,
    pub(super) fields: BTreeMap<String, Field>,
    /// Native fields that always have these values.
    pub(super) with: Map<String, Value>,
    /// Native fields that have these values when a field of the dialect is not there.
    pub(super) without: BTreeMap<String, Map<String, Value>>,
}

/// What a field of the dialect is here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) to: Path,
    pub(super) kind: Kind,
    /// It has to be there although the native field need not.
    pub(super) required: bool,
}

/// What a field's value may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// What the native field may be.
    Native,
    /// A string. For fields of which the native call knows nothing, such as those of `metadata`.
    Text,
    /// One of these words, each of which means a native one.
    Words(BTreeMap<String, String>),
}

impl Dialect {
    /// The call that an event stands for; `None` for an event that the dialect does not know.
    pub fn call_of(&self, event: &str) -> Option<ClientEvent> {
        if UNDERSTOOD_EVERYWHERE.contains(&event) {
            return ClientEvent::from_name(event);
        }
        self.incoming.get(event).map(|row| row.call)
    }

    /// Reads the payload of an event. Everything that is wrong with it is in the error, under the
    /// dialect's names of the fields.
    pub fn decode(&self, event: &str, payload: &Value) -> Result<Call, Vec<Detail>> {
        match (self.incoming.get(event), self.call_of(event)) {
            (Some(row), _) => row.decode(payload),
            (None, Some(call)) => Call::decode(call, payload),
            (None, None) => Err(vec![Detail::new("", "is no event of this namespace")]),
        }
    }

    /// An error of a call, which names the fields of the dialect where it named native ones.
    pub fn in_words_of(&self, event: &str, error: ErrorObject) -> ErrorObject {
        let Some(row) = self.incoming.get(event) else {
            return error;
        };
        if error.code != ErrorCode::ValidationFailed {
            return error;
        }
        let details = error.details.into_iter().map(|detail| row.named(detail));
        let renamed = ErrorObject::validation(details.collect());
        ErrorObject {
            event: error.event,
            ..renamed
        }
    }
}

impl Incoming {
    fn decode(&self, payload: &Value) -> Result<Call, Vec<Detail>> {
        let Value::Object(payload) = payload else {
            return Call::decode(self.call, payload);
        };
        let (native, mut details) = self.translated(payload);
        match Call::decode(self.call, &Value::Object(native)) {
            Ok(call) if details.is_empty() => return Ok(call),
            Ok(_) => {}
            Err(more) => {
                let is_first = details.is_empty();
                for detail in more.into_iter().map(|detail| self.named(detail)) {
                    // What could not be put into native words is missing there, too.
                    let is_named = !detail.path.is_empty();
                    let is_news = details.iter().all(|known| known.path != detail.path);
                    if is_first || is_named && is_news {
                        details.push(detail);
                    }
                }
            }
        }
        Err(details)
    }

    /// The native payload, and what could not be put into native words.
    fn translated(&self, payload: &Map<String, Value>) -> (Map<String, Value>, Vec<Detail>) {
        let mut native = Map::new();
        let mut details = Vec::new();
        let given = |name: &String| payload.get(name).filter(|value| !value.is_null());
        // Whole objects first: what goes into one of them joins what is there.
        let mut fields: Vec<_> = self.fields.iter().collect();
        fields.sort_by_key(|(_, field)| field.to.parts().len());
        for (name, field) in fields {
            let Some(value) = given(name) else {
                if field.required {
                    details.push(Detail::new(name.clone(), "is required"));
                }
                continue;
            };
            match field.kind.read(value) {
                Ok(value) => put(&mut native, field.to.parts(), value),
                Err(reason) => details.push(Detail::new(name.clone(), reason)),
            }
        }
        for (name, constants) in &self.without {
            if given(name).is_none() {
                native.extend(constants.clone());
            }
        }
        native.extend(self.with.clone());
        (native, details)
    }

    /// A detail about a native field, as one about the dialect's.
    fn named(&self, detail: Detail) -> Detail {
        let end = detail.path.find(['.', '[']).unwrap_or(detail.path.len());
        let (native, rest) = detail.path.split_at(end);
        let is_whole = |field: &&Field| field.to.parts() == [native];
        let is_part = |field: &&Field| field.to.parts().first().is_some_and(|part| part == native);
        let find = |fits: &dyn Fn(&&Field) -> bool| {
            let mut fields = self.fields.iter();
            fields.find(|(_, field)| fits(field)).map(|(name, _)| name)
        };
        match find(&is_whole).or_else(|| find(&is_part)) {
            Some(name) => Detail::new(format!("{name}{rest}"), detail.message),
            None => Detail::new("", detail.message),
        }
    }
}

impl Kind {
    fn read(&self, value: &Value) -> Result<Value, String> {
        match self {
            Self::Native => Ok(value.clone()),
            Self::Text if value.is_string() => Ok(value.clone()),
            Self::Text => Err("must be a string".to_owned()),
            Self::Words(words) => {
                let native = value.as_str().and_then(|word| words.get(word));
                native.map(|word| word.as_str().into()).ok_or_else(|| {
                    let words: Vec<&str> = words.keys().map(String::as_str).collect();
                    format!("must be {}", words.join(" or "))
                })
            }
        }
    }
}

/// Puts a value at a place. Where an object would have to be and something else is, that stays: it is
/// found to be wrong.
fn put(object: &mut Map<String, Value>, parts: &[String], value: Value) {
    match parts {
        [] => {}
        [name] => {
            object.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = object
                .entry(name.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
