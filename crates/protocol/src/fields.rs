//! Reading a payload field by field, so that the caller hears of every mistake at once, and
//! describing it: what a decoder would read is what its schema says.
//!
//! serde would stop at the first mistake; a front-end developer wants the list.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::error::Detail;

mod readers;
mod shape;

pub use readers::{
    AnyText, Boolean, ClearableText, Id, MAX_METADATA, Metadata, Moment, Name, Number, Read,
    Reader, ShownText, Text, Word, WordOf,
};
pub use shape::{Field, Rule, Shape};

/// Names under which a conversation's id is accepted.
pub const CONVERSATION: &[&str] = &["conversationId", "chatId", "roomId"];
/// Names under which a message's content is accepted.
pub const CONTENT: &[&str] = &["content", "text", "message"];

/// A reader of one payload; unknown fields are ignored, `null` is the same as absent.
#[derive(Debug)]
pub struct Fields<'a> {
    source: Source<'a>,
    details: Vec<Detail>,
}

#[derive(Debug)]
enum Source<'a> {
    /// There is a payload.
    Payload(&'a Map<String, Value>),
    /// There is none: what would be read is noted.
    Described(&'a RefCell<Shape>),
}

impl<'a> Fields<'a> {
    /// Reads `payload`, which must be an object.
    pub fn of(payload: &'a Value) -> Result<Self, Vec<Detail>> {
        match payload {
            Value::Object(object) => Ok(Self {
                source: Source::Payload(object),
                details: Vec::new(),
            }),
            _ => Err(vec![Detail::new("", "the payload must be one JSON object")]),
        }
    }

    /// What `decode` would read.
    pub fn describe<T>(decode: impl FnOnce(Fields<'_>) -> Result<T, Vec<Detail>>) -> Shape {
        let shape = RefCell::default();
        // Of nothing it can make nothing; it is its questions that count.
        let _ = decode(Fields {
            source: Source::Described(&shape),
            details: Vec::new(),
        });
        shape.into_inner()
    }

    fn find(&self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        let Source::Payload(object) = self.source else {
            return None;
        };
        names.iter().find_map(|name| match object.get(*name) {
            None | Some(Value::Null) => None,
            Some(value) => Some((*name, value)),
        })
    }

    /// Whether the field is there, even as `null`: where `null` clears something.
    pub fn is_given(&self, name: &str) -> bool {
        matches!(self.source, Source::Payload(object) if object.contains_key(name))
    }

    fn note(&self, field: impl FnOnce() -> Field) {
        if let Source::Described(shape) = self.source {
            shape.borrow_mut().fields.push(field());
        }
    }

    /// A field that must be there under one of `names`.
    pub fn required<R: Reader>(
        &mut self,
        names: &'static [&'static str],
        reader: &R,
    ) -> Option<R::Value> {
        self.note(|| Field::new(names, true, reader.schema()));
        if self.find(names).is_none() {
            self.wrong(names.first().copied().unwrap_or_default(), "is required");
            return None;
        }
        self.read(names, reader)
    }

    /// A field that may be there; `None` when it is absent (or wrong: then `done` fails).
    pub fn optional<R: Reader>(
        &mut self,
        names: &'static [&'static str],
        reader: &R,
    ) -> Option<R::Value> {
        self.note(|| Field::new(names, false, reader.schema()));
        self.read(names, reader)
    }

    fn read<R: Reader>(&mut self, names: &[&'static str], reader: &R) -> Option<R::Value> {
        let (name, value) = self.find(names)?;
        match reader.read(value) {
            Ok(read) => Some(read),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// A list that must be there; see [`list`](Self::list).
    pub fn required_list<R: Reader>(
        &mut self,
        names: &'static [&'static str],
        (least, most): (usize, usize),
        reader: &R,
    ) -> Option<Vec<R::Value>> {
        self.note(|| Field::list(names, true, (least, most), &reader.schema()));
        let Some((name, _)) = self.find(names) else {
            self.wrong(names.first().copied().unwrap_or_default(), "is required");
            return None;
        };
        let list = self.read_list(names, most, reader)?;
        if list.len() < least {
            self.wrong(name, "must not be empty");
        }
        Some(list)
    }

    /// An optional list that is not empty when it is there; see [`list`](Self::list).
    pub fn some_of<R: Reader>(
        &mut self,
        names: &'static [&'static str],
        most: usize,
        reader: &R,
    ) -> Option<Vec<R::Value>> {
        self.note(|| Field::list(names, false, (1, most), &reader.schema()));
        let list = self.read_list(names, most, reader)?;
        if list.is_empty()
            && let Some((name, _)) = self.find(names)
        {
            self.wrong(name, "must not be empty");
        }
        Some(list)
    }

    /// An object that must be there, with fields of its own; mistakes in it are reported as
    /// `name.field`.
    pub fn nested<T>(
        &mut self,
        names: &'static [&'static str],
        decode: impl Fn(Fields<'_>) -> Result<T, Vec<Detail>>,
    ) -> Option<T> {
        self.note(|| Field::new(names, true, Fields::describe(&decode).schema()));
        let Some((name, value)) = self.find(names) else {
            self.wrong(names.first().copied().unwrap_or_default(), "is required");
            return None;
        };
        let Value::Object(_) = value else {
            self.wrong(name, "must be an object");
            return None;
        };
        match Fields::of(value).and_then(decode) {
            Ok(read) => Some(read),
            Err(details) => {
                for Detail { path, message } in details {
                    let path = match path.as_str() {
                        "" => name.to_owned(),
                        path => format!("{name}.{path}"),
                    };
                    self.wrong(path, message);
                }
                None
            }
        }
    }

    /// An optional list, each element read by `reader`; mistakes are reported as `name[index]`.
    pub fn list<R: Reader>(
        &mut self,
        names: &'static [&'static str],
        most: usize,
        reader: &R,
    ) -> Option<Vec<R::Value>> {
        self.note(|| Field::list(names, false, (0, most), &reader.schema()));
        self.read_list(names, most, reader)
    }

    fn read_list<R: Reader>(
        &mut self,
        names: &[&'static str],
        most: usize,
        reader: &R,
    ) -> Option<Vec<R::Value>> {
        let (name, value) = self.find(names)?;
        let Value::Array(items) = value else {
            self.wrong(name, "must be an array");
            return None;
        };
        if items.len() > most {
            let count = items.len();
            self.wrong(
                name,
                format!("has {count} elements; at most {most} are allowed"),
            );
            return None;
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match reader.read(item) {
                Ok(read) => list.push(read),
                Err(message) => self.wrong(format!("{name}[{index}]"), message),
            }
        }
        (list.len() == items.len()).then_some(list)
    }

    /// Says that two fields exclude each other.
    pub fn not_both(&mut self, first: &'static str, second: &'static str) {
        self.rule(Rule::NotBoth(first, second));
        if self.find(&[first]).is_some() && self.find(&[second]).is_some() {
            self.wrong(second, format!("cannot be combined with {first}"));
        }
    }

    /// Says that the payload needs all fields of one of these sets, each field under one of its
    /// names.
    pub fn any_of(&mut self, sets: &'static [&'static [&'static [&'static str]]]) {
        self.rule(Rule::AnyOf(sets));
        let has = |fields: &&[&[&'static str]]| fields.iter().all(|f| self.find(f).is_some());
        if !sets.iter().any(has) {
            let set = |fields: &&[&[&'static str]]| {
                let names: Vec<_> = fields.iter().filter_map(|f| f.first().copied()).collect();
                names.join(" with ")
            };
            let wanted: Vec<_> = sets.iter().map(set).collect();
            self.wrong("", format!("needs {}", wanted.join(", or ")));
        }
    }

    fn rule(&self, rule: Rule) {
        if let Source::Described(shape) = self.source {
            shape.borrow_mut().rules.push(rule);
        }
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.details.push(Detail::new(path, message));
    }

    /// The finished value, unless anything was wrong.
    ///
    /// `build` gets its fields by `?`: they are all there when no mistake was noted.
    pub fn done<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Vec<Detail>> {
        if !self.details.is_empty() {
            return Err(self.details);
        }
        build().ok_or_else(|| vec![Detail::new("", "the payload is not valid")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mistake_is_listed() {
        let payload = json!({"a": 1, "c": null});
        let mut fields = Fields::of(&payload).unwrap();
        fields.required(&["a"], &AnyText);
        fields.required(&["b"], &AnyText);
        fields.required(&["c"], &AnyText);
        let details = fields.done(|| Some(())).unwrap_err();
        let paths: Vec<_> = details.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "c"]);
    }

    #[test]
    fn a_mistake_in_a_list_names_its_place() {
        let payload = json!({"ids": ["ok", 7, ""]});
        let mut fields = Fields::of(&payload).unwrap();
        assert!(fields.list(&["ids"], 3, &Name::USER).is_none());
        let details = fields.done(|| Some(())).unwrap_err();
        assert_eq!(details[0].path, "ids[1]");
        assert_eq!(details[1].path, "ids[2]");
    }

    #[test]
    fn a_list_over_its_limit_is_refused_and_one_at_it_is_not() {
        let payload = json!({"ids": ["a", "b", "c"]});
        assert!(
            Fields::of(&payload)
                .unwrap()
                .list(&["ids"], 3, &Name::USER)
                .is_some()
        );
        assert!(
            Fields::of(&payload)
                .unwrap()
                .list(&["ids"], 2, &Name::USER)
                .is_none()
        );
    }

    #[test]
    fn what_excludes_each_other_and_what_belongs_together_is_said() {
        let read = |payload: Value| {
            let mut fields = Fields::of(&payload).unwrap();
            fields.not_both("a", "b");
            fields.any_of(&[&[&["a"]], &[&["b", "bee"], &["c"]]]);
            fields.done(|| Some(())).map_err(|details| details.len())
        };
        assert_eq!(read(json!({"a": 1})), Ok(()));
        assert_eq!(read(json!({"bee": 1, "c": 1})), Ok(()));
        assert_eq!(read(json!({"a": 1, "b": 1})), Err(1));
        assert_eq!(read(json!({"b": 1})), Err(1));
        assert_eq!(read(json!({})), Err(1));
    }

    #[test]
    fn a_decoder_tells_what_it_would_read() {
        let shape = Fields::describe(|mut fields| {
            let text = fields.required(CONTENT, &AnyText);
            let ids = fields.list(&["ids"], 3, &Name::USER);
            fields.not_both("content", "ids");
            fields.done(|| Some((text?, ids?)))
        });
        let seen: Vec<_> = shape
            .fields
            .iter()
            .map(|f| (f.names[0], f.required))
            .collect();
        assert_eq!(seen, [("content", true), ("ids", false)]);
        assert_eq!(shape.rules, [Rule::NotBoth("content", "ids")]);
    }
}
