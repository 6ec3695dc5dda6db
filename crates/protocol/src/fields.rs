//! Reading a payload field by field, so that the caller hears of every mistake at once.
//!
//! serde would stop at the first one; a front-end developer wants the list.

use serde_json::{Map, Value};

use crate::error::Detail;
use crate::ids::{ConversationId, MessageId, UserId};

/// Largest `metadata` object, in bytes of JSON.
pub const MAX_METADATA: usize = 4096;

/// Names under which a conversation's id is accepted.
pub const CONVERSATION: &[&str] = &["conversationId", "chatId", "roomId"];
/// Names under which a message's content is accepted.
pub const CONTENT: &[&str] = &["content", "text", "message"];

/// A reader of one payload; unknown fields are ignored, `null` is the same as absent.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    details: Vec<Detail>,
}

/// What reading one value gives: it, or what is wrong with it.
pub type Read<T> = Result<T, String>;

impl<'a> Fields<'a> {
    /// Reads `payload`, which must be an object.
    pub fn of(payload: &'a Value) -> Result<Self, Vec<Detail>> {
        match payload {
            Value::Object(object) => Ok(Self {
                object,
                details: Vec::new(),
            }),
            _ => Err(vec![Detail::new("", "the payload must be one JSON object")]),
        }
    }

    fn find(&self, names: &[&'a str]) -> Option<(&'a str, &'a Value)> {
        names.iter().find_map(|name| match self.object.get(*name) {
            None | Some(Value::Null) => None,
            Some(value) => Some((*name, value)),
        })
    }

    /// Whether the field is there, and not `null`.
    pub fn has(&self, name: &'a str) -> bool {
        self.find(&[name]).is_some()
    }

    /// Whether the field is there, even as `null`: where `null` clears something.
    pub fn is_given(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// A field that must be there under one of `names`.
    pub fn required<T>(
        &mut self,
        names: &[&'a str],
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        if self.find(names).is_none() {
            self.wrong(names.first().copied().unwrap_or_default(), "is required");
            return None;
        }
        self.optional(names, read)
    }

    /// A field that may be there; `None` when it is absent (or wrong: then `done` fails).
    pub fn optional<T>(
        &mut self,
        names: &[&'a str],
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        let (name, value) = self.find(names)?;
        match read(value) {
            Ok(read) => Some(read),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// An optional list, each element read by `read`; mistakes are reported as `name[index]`.
    pub fn list<T>(
        &mut self,
        name: &'a str,
        most: usize,
        read: impl Fn(&Value) -> Read<T>,
    ) -> Option<Vec<T>> {
        let (_, value) = self.find(&[name])?;
        let Value::Array(items) = value else {
            self.wrong(name, "must be an array");
            return None;
        };
        if items.len() > most {
            self.wrong(
                name,
                format!("has {} elements; at most {most} are allowed", items.len()),
            );
            return None;
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match read(item) {
                Ok(read) => list.push(read),
                Err(message) => self.wrong(format!("{name}[{index}]"), message),
            }
        }
        (list.len() == items.len()).then_some(list)
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

fn text(value: &Value) -> Read<&str> {
    let text = value.as_str().ok_or("must be a string")?;
    // PostgreSQL cannot hold U+0000, and nobody means it.
    if text.contains('\0') {
        Err("must not contain U+0000".to_owned())
    } else {
        Ok(text)
    }
}

/// A string of any length and with any characters: message content, whose limits an operator sets
/// and whose control characters are removed.
pub fn any_text(value: &Value) -> Read<String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "must be a string".to_owned())
}

/// A string of 1 to `most` characters.
pub fn short_text(most: usize) -> impl Fn(&Value) -> Read<String> {
    move |value| {
        let text = text(value)?;
        match text.chars().count() {
            0 => Err("must not be empty".to_owned()),
            count if count > most => Err(format!(
                "has {count} characters; at most {most} are allowed"
            )),
            _ => Ok(text.to_owned()),
        }
    }
}

/// One of a closed set of words.
pub fn word<T: Copy>(
    from_word: impl Fn(&str) -> Option<T>,
    words: &'static str,
) -> impl Fn(&Value) -> Read<T> {
    move |value| {
        text(value)
            .ok()
            .and_then(&from_word)
            .ok_or_else(|| format!("must be {words}"))
    }
}

/// A whole number between `least` and `most`, both included.
pub fn number(least: i64, most: i64) -> impl Fn(&Value) -> Read<i64> {
    move |value| match value.as_i64() {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        Some(_) if most == i64::MAX => Err(format!("must be {least} or more")),
        Some(_) => Err(format!("must be between {least} and {most}")),
        None => Err("must be a whole number".to_owned()),
    }
}

/// `true` or `false`.
pub fn boolean(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| "must be true or false".to_owned())
}

/// A conversation's id.
pub fn conversation_id(value: &Value) -> Read<ConversationId> {
    text(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "must be a UUID".to_owned())
}

/// A message's id.
pub fn message_id(value: &Value) -> Read<MessageId> {
    text(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "must be a UUID".to_owned())
}

/// A user's id.
pub fn user_id(value: &Value) -> Read<UserId> {
    UserId::new(text(value)?).map_err(|error| error.to_string())
}

/// A JSON object of at most 4 KiB.
pub fn metadata(value: &Value) -> Read<Map<String, Value>> {
    let Value::Object(object) = value else {
        return Err("must be a JSON object".to_owned());
    };
    let json = value.to_string();
    if json.len() > MAX_METADATA {
        return Err(format!(
            "is {} bytes of JSON; at most {MAX_METADATA} are allowed",
            json.len()
        ));
    }
    if json.contains("\\u0000") && contains_nul(value) {
        return Err("must not contain U+0000".to_owned());
    }
    Ok(object.clone())
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || contains_nul(value)),
        _ => false,
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
        fields.required(&["a"], any_text);
        fields.required(&["b"], any_text);
        fields.required(&["c"], any_text);
        let details = fields.done(|| Some(())).unwrap_err();
        let paths: Vec<_> = details.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "c"]);
    }

    #[test]
    fn a_mistake_in_a_list_names_its_place() {
        let payload = json!({"ids": ["ok", 7, ""]});
        let mut fields = Fields::of(&payload).unwrap();
        assert!(fields.list("ids", 3, user_id).is_none());
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
                .list("ids", 3, user_id)
                .is_some()
        );
        assert!(
            Fields::of(&payload)
                .unwrap()
                .list("ids", 2, user_id)
                .is_none()
        );
    }

    #[test]
    fn metadata_is_at_most_4_kib_of_json() {
        let of = |length: usize| json!({"k": "x".repeat(length)});
        let overhead = of(0).to_string().len();
        assert!(metadata(&of(MAX_METADATA - overhead)).is_ok());
        assert!(metadata(&of(MAX_METADATA - overhead + 1)).is_err());
        assert!(metadata(&json!({"k": ["\0"]})).is_err());
        assert!(metadata(&json!({"k": "\\u0000"})).is_ok());
    }

    #[test]
    fn a_number_keeps_to_its_limits() {
        assert!(number(1, 100)(&json!(1)).is_ok());
        assert!(number(1, 100)(&json!(100)).is_ok());
        for bad in [json!(0), json!(101), json!("5"), json!(1.5)] {
            assert!(number(1, 100)(&bad).is_err(), "{bad} was accepted");
        }
    }
}
