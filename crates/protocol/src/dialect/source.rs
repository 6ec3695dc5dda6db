//! Where the values come from that a dialect's clients are told.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// The first part of a path into the element that a row is repeated for.
const ITEM: &str = "item";

/// A place in a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// `message.id`; `None` when a part is empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        parts
            .iter()
            .all(|part| !part.is_empty())
            .then_some(Self(parts))
    }

    /// Whether it begins at the element that a row is repeated for.
    pub(super) fn is_of_item(&self) -> bool {
        self.0.first().is_some_and(|part| part == ITEM)
    }

    /// The parts, at least one.
    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    /// What is there.
    pub(super) fn find<'a>(&self, scene: Scene<'a>) -> Option<&'a Value> {
        let (root, rest) = match (scene.item, self.0.split_first()) {
            (Some(item), Some((first, rest))) if first == ITEM => (item, rest),
            _ => (scene.data, self.0.as_slice()),
        };
        rest.iter().try_fold(root, |value, part| value.get(part))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// What there is to tell of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    /// The native payload, or the object that a form is for.
    pub(super) data: &'a Value,
    /// The element of it that a row is repeated for.
    pub(super) item: Option<&'a Value>,
}

/// The fields of an object, and where their values come from.
pub(super) type Form = Vec<(String, Source)>;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// Always the same.
    Constant(Value),
    /// What is at a place, in some shape; `null` when nothing is.
    Found(Path, Shape),
}

/// What becomes of a value that was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// It stays as it is.
    Same,
    /// A native word becomes the dialect's; one that is not listed stays.
    Words(BTreeMap<String, String>),
    /// An object without some of its fields.
    Without(Vec<String>),
    /// An object in the dialect's form.
    Form(Form),
}

impl Source {
    pub(super) fn value(&self, scene: Scene<'_>) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Found(path, shape) => path
                .find(scene)
                .map_or(Value::Null, |value| shape.of(value)),
        }
    }
}

impl Shape {
    fn of(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Words(words), Value::String(word)) => words
                .get(word)
                .map_or_else(|| value.clone(), |word| word.as_str().into()),
            (Self::Without(left_out), Value::Object(object)) => {
                let kept = object.iter().filter(|(name, _)| !left_out.contains(name));
                let kept: Map<_, _> = kept
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                kept.into()
            }
            (Self::Form(form), Value::Object(_)) => filled(
                form,
                Scene {
                    data: value,
                    item: None,
                },
            ),
            _ => value.clone(),
        }
    }
}

/// The object of a form.
pub(super) fn filled(form: &Form, scene: Scene<'_>) -> Value {
    let fields = form
        .iter()
        .map(|(name, source)| (name.clone(), source.value(scene)));
    Value::Object(fields.collect())
}
