//! What one value may be: each reader reads it, and says in a JSON Schema what it takes.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

use crate::content;
use crate::ids::{
    ConversationId, InvalidName, MAX_NAME, MessageId, NAME_PATTERN, OrganizationId, QueuedEventId,
    UserId,
};
use crate::timestamp::Timestamp;

/// Largest `metadata` object, in bytes of JSON.
pub const MAX_METADATA: usize = 4096;

/// What reading one value gives: it, or what is wrong with it.
pub type Read<T> = Result<T, String>;

/// Reads one value.
pub trait Reader {
    /// What it becomes.
    type Value;

    /// The value, or what is wrong with it.
    fn read(&self, value: &Value) -> Read<Self::Value>;

    /// What it takes, as JSON Schema 2020-12. May take less than it says (a limit in bytes has no
    /// words there), never more.
    fn schema(&self) -> Schema;
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
#[derive(Clone, Copy, Debug)]
pub struct AnyText;

impl Reader for AnyText {
    type Value = String;

    fn read(&self, value: &Value) -> Read<String> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| "must be a string".to_owned())
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// A string of 1 to so many characters.
#[derive(Clone, Copy, Debug)]
pub struct Text(pub usize);

impl Reader for Text {
    type Value = String;

    fn read(&self, value: &Value) -> Read<String> {
        let (text, most) = (text(value)?, self.0);
        match text.chars().count() {
            0 => Err("must not be empty".to_owned()),
            count if count > most => Err(format!(
                "has {count} characters; at most {most} are allowed"
            )),
            _ => Ok(text.to_owned()),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": self.0})
    }
}

/// A string of 1 to so many characters that others are shown: freed from control characters, outer
/// white space and markup, as messages are.
#[derive(Clone, Copy, Debug)]
pub struct ShownText(pub usize);

impl Reader for ShownText {
    type Value = String;

    fn read(&self, value: &Value) -> Read<String> {
        match content::plain(&Text(self.0).read(value)?) {
            nothing if nothing.is_empty() => {
                Err("must not be white space or markup alone".to_owned())
            }
            plain => Ok(plain),
        }
    }

    fn schema(&self) -> Schema {
        Text(self.0).schema()
    }
}

/// A [`ShownText`] in whose place an empty one clears what was there.
#[derive(Clone, Copy, Debug)]
pub struct ClearableText(pub usize);

impl Reader for ClearableText {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Read<Option<String>> {
        match value.as_str() {
            Some("") => Ok(None),
            _ => ShownText(self.0).read(value).map(Some),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "maxLength": self.0})
    }
}

/// A closed set of words.
pub trait WordOf: Copy + 'static {
    /// Every word of the set.
    const WORDS: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;
}

/// One of some words.
#[derive(Clone, Copy, Debug)]
pub struct Word<T: 'static>(&'static [T]);

impl<T: WordOf> Word<T> {
    /// Any of the set.
    pub const ANY: Self = Self(T::WORDS);

    /// Any of these.
    pub const fn of(words: &'static [T]) -> Self {
        Self(words)
    }

    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|word| word.word()).collect()
    }
}

impl<T: WordOf> Reader for Word<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Read<T> {
        let text = value.as_str();
        let found = text.and_then(|text| self.0.iter().find(|word| word.word() == text));
        found.copied().ok_or_else(|| {
            let words = self.words();
            match words.split_last() {
                Some((last, [])) => format!("must be {last}"),
                Some((last, rest)) => format!("must be {} or {last}", rest.join(", ")),
                None => "must not be given".to_owned(),
            }
        })
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "enum": self.words()})
    }
}

/// A whole number between two, both included.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    least: i64,
    most: i64,
}

impl Number {
    /// Of `least` or more.
    pub const fn from(least: i64) -> Self {
        Self::between(least, i64::MAX)
    }

    /// From `least` to `most`.
    pub const fn between(least: i64, most: i64) -> Self {
        Self { least, most }
    }
}

impl Reader for Number {
    type Value = i64;

    fn read(&self, value: &Value) -> Read<i64> {
        let Self { least, most } = *self;
        match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(_) if most == i64::MAX => Err(format!("must be {least} or more")),
            Some(_) => Err(format!("must be between {least} and {most}")),
            None => Err("must be a whole number".to_owned()),
        }
    }

    fn schema(&self) -> Schema {
        let mut schema = json_schema!({"type": "integer", "minimum": self.least});
        if self.most != i64::MAX {
            schema.insert("maximum".to_owned(), self.most.into());
        }
        schema
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Boolean;

impl Reader for Boolean {
    type Value = bool;

    fn read(&self, value: &Value) -> Read<bool> {
        let read = value.as_bool();
        read.ok_or_else(|| "must be true or false".to_owned())
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "boolean"})
    }
}

/// Of a UUID with its hyphens.
const UUID_LENGTH: usize = 36;

/// An id that the gateway gave: a UUID.
#[derive(Clone, Copy)]
pub struct Id<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id")
    }
}

impl Id<ConversationId> {
    /// A conversation's.
    pub const CONVERSATION: Self = Self(PhantomData);
}

impl Id<MessageId> {
    /// A message's.
    pub const MESSAGE: Self = Self(PhantomData);
}

impl Id<QueuedEventId> {
    /// Of an event in the offline queue.
    pub const QUEUED: Self = Self(PhantomData);
}

impl<T: FromStr> Reader for Id<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Read<T> {
        // The forms without hyphens, in braces and so on are nobody's ids.
        let text = value.as_str().filter(|text| text.len() == UUID_LENGTH);
        let read = text.and_then(|text| text.parse().ok());
        read.ok_or_else(|| "must be a UUID".to_owned())
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "format": "uuid"})
    }
}

/// An id that the token's issuer gave.
#[derive(Clone, Copy)]
pub struct Name<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name")
    }
}

impl Name<UserId> {
    /// A user's.
    pub const USER: Self = Self(PhantomData);
}

impl Name<OrganizationId> {
    /// An organization's.
    pub const ORGANIZATION: Self = Self(PhantomData);
}

impl<T: FromStr<Err = InvalidName>> Reader for Name<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Read<T> {
        let text = text(value)?;
        text.parse().map_err(|error: InvalidName| error.to_string())
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "type": "string", "pattern": NAME_PATTERN, "minLength": 1, "maxLength": MAX_NAME
        })
    }
}

/// A moment: RFC 3339, in any zone.
#[derive(Clone, Copy, Debug)]
pub struct Moment;

impl Reader for Moment {
    type Value = Timestamp;

    fn read(&self, value: &Value) -> Read<Timestamp> {
        let read = serde_json::from_value(value.clone());
        read.map_err(|_| "must be a time such as 2026-01-31T12:00:00.000Z".to_owned())
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A JSON object of at most 4 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Metadata;

impl Reader for Metadata {
    type Value = Map<String, Value>;

    fn read(&self, value: &Value) -> Read<Map<String, Value>> {
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

    fn schema(&self) -> Schema {
        json_schema!({"type": "object"})
    }
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
    fn metadata_is_at_most_4_kib_of_json() {
        let of = |length: usize| json!({"k": "x".repeat(length)});
        let overhead = of(0).to_string().len();
        assert!(Metadata.read(&of(MAX_METADATA - overhead)).is_ok());
        assert!(Metadata.read(&of(MAX_METADATA - overhead + 1)).is_err());
        assert!(Metadata.read(&json!({"k": ["\0"]})).is_err());
        assert!(Metadata.read(&json!({"k": "\\u0000"})).is_ok());
    }

    #[test]
    fn a_number_keeps_to_its_limits() {
        let number = Number::between(1, 100);
        assert!(number.read(&json!(1)).is_ok());
        assert!(number.read(&json!(100)).is_ok());
        for bad in [json!(0), json!(101), json!("5"), json!(1.5)] {
            assert!(number.read(&bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_wrong_word_is_told_the_right_ones() {
        use crate::objects::Role;
        let role = Word::of(&[Role::Admin, Role::Member]);
        assert_eq!(role.read(&json!("admin")), Ok(Role::Admin));
        assert_eq!(
            role.read(&json!("owner")),
            Err("must be admin or member".to_owned())
        );
        assert!(Word::<Role>::ANY.read(&json!("owner")).is_ok());
    }
}
