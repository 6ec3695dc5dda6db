//! From what happened to what a dialect's clients are told.

use serde_json::{Map, Value};

use super::Dialect;
use super::source::{Form, Path, Scene, Source, filled};
use crate::calls::ClientEvent;
use crate::error::{Current, ErrorObject};

/// One row: what becomes of a native event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    pub(super) event: String,
    /// A list in the payload: the row is for each of its elements.
    pub(super) each: Option<Path>,
    /// It is told only when the values at these places are among these words.
    pub(super) when: Vec<(Path, Vec<String>)>,
    /// The user whose sockets alone are told.
    pub(super) only: Option<Path>,
    /// The user whose sockets are not told.
    pub(super) but: Option<Path>,
    /// Whether also the socket is told whose call it was, beside its ack.
    pub(super) caller: bool,
    pub(super) payload: Payload,
}

/// What goes with an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    Fields(Form),
    Whole(Source),
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearers {
    /// Every socket that the native event is for.
    All,
    /// Of these the sockets of one user.
    Only(String),
    /// Of these the sockets of all other users.
    But(String),
}

impl Hearers {
    /// Whether the sockets of a user are among them. A socket that is nobody's yet is only when all
    /// are.
    pub fn include(&self, user: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Only(one) => user == Some(one),
            Self::But(one) => user.is_some_and(|user| user != one),
        }
    }
}

/// What a dialect's clients are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'a> {
    /// Name of the event.
    pub event: &'a str,
    /// What goes with it.
    pub payload: Value,
    /// Which sockets of the namespace it is for.
    pub hearers: Hearers,
}

impl Dialect {
    /// What is told of a native event with this payload; nothing when there is no row for it.
    pub fn tell(&self, native: &str, data: &Value) -> Vec<Told<'_>> {
        self.rows(native).flat_map(|row| row.told(data)).collect()
    }

    /// What the socket is told whose call was answered with `data`, beside its ack.
    pub fn tell_caller(&self, call: ClientEvent, data: &Value) -> Vec<Told<'_>> {
        let Some(native) = change_of(call) else {
            return Vec::new();
        };
        self.rows(native)
            .filter(|row| row.caller)
            .flat_map(|row| row.told(data))
            .collect()
    }

    fn rows(&self, native: &str) -> impl Iterator<Item = &Outgoing> {
        self.outgoing.get(native).into_iter().flatten()
    }

    /// The data of an answer in the dialect's words.
    pub fn answer(&self, mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            self.put_into_words(fields);
        }
        data
    }

    fn put_into_words(&self, fields: &mut Map<String, Value>) {
        for (name, form) in &self.answers {
            if let Some(value) = fields.get_mut(name)
                && value.is_object()
            {
                let scene = Scene {
                    data: value,
                    item: None,
                };
                *value = filled(form, scene);
            }
        }
    }

    /// An error as it is in the envelope of an ack: what it holds of objects in the dialect's words.
    pub fn error(&self, error: &ErrorObject) -> Value {
        let mut value = serde_json::to_value(error).unwrap_or_default();
        if matches!(error.current, Some(Current::Message(_)))
            && let Some(current) = value.get_mut("current").and_then(Value::as_object_mut)
        {
            self.put_into_words(current);
        }
        value
    }
}

impl Outgoing {
    fn told(&self, data: &Value) -> Vec<Told<'_>> {
        let Some(each) = &self.each else {
            return self
                .told_of(Scene { data, item: None })
                .into_iter()
                .collect();
        };
        let items = each
            .find(Scene { data, item: None })
            .and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|item| {
                self.told_of(Scene {
                    data,
                    item: Some(item),
                })
            })
            .collect()
    }

    fn told_of(&self, scene: Scene<'_>) -> Option<Told<'_>> {
        let holds = |(path, words): &(Path, Vec<String>)| {
            let found = path.find(scene).and_then(Value::as_str);
            found.is_some_and(|found| words.iter().any(|word| word == found))
        };
        if !self.when.iter().all(holds) {
            return None;
        }
        let user = |path: &Path| path.find(scene).and_then(Value::as_str).map(str::to_owned);
        let hearers = match (&self.only, &self.but) {
            (Some(path), _) => Hearers::Only(user(path)?),
            (None, Some(path)) => Hearers::But(user(path)?),
            (None, None) => Hearers::All,
        };
        let payload = match &self.payload {
            Payload::Fields(form) => filled(form, scene),
            Payload::Whole(source) => source.value(scene),
        };
        Some(Told {
            event: &self.event,
            payload,
            hearers,
        })
    }
}

/// The event by which the others hear of a call, whose payload the answer holds too.
fn change_of(call: ClientEvent) -> Option<&'static str> {
    match call {
        ClientEvent::MessageSend => Some("message:new"),
        ClientEvent::MessageEdit => Some("message:edited"),
        ClientEvent::MessageDelete => Some("message:deleted"),
        _ => None,
    }
}
