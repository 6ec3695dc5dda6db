//! How our values are written in each database: ids are `uuid` in PostgreSQL and text in SQLite,
//! times are `timestamptz` and milliseconds.

use serde_json::{Map, Value};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Postgres, Sqlite, Type};
use switchboard_protocol::{
    ConversationId, MessageId, OrganizationId, QueuedEventId, Timestamp, UserId,
};
use time::OffsetDateTime;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// An id, read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) Uuid);

/// A moment, read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// A moment as PostgreSQL takes it.
pub(crate) fn moment(at: Timestamp) -> Result<OffsetDateTime, time::error::ComponentRange> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_millis()) * 1_000_000)
}

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl Decode<'_, Postgres> for Id {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self)
    }
}

impl Type<Sqlite> for Id {
    fn type_info() -> SqliteTypeInfo {
        <Hyphenated as Type<Sqlite>>::type_info()
    }
}

impl Decode<'_, Sqlite> for Id {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        <Hyphenated as Decode<Sqlite>>::decode(value).map(|id| Self(id.into_uuid()))
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let moment = <OffsetDateTime as Decode<Postgres>>::decode(value)?;
        let millis = moment.unix_timestamp_nanos() / 1_000_000;
        Ok(Self(Timestamp::from_millis(i64::try_from(millis)?)))
    }
}

impl Type<Sqlite> for Moment {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl Decode<'_, Sqlite> for Moment {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let millis = <i64 as Decode<Sqlite>>::decode(value)?;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

/// A parameter of a statement; lists are arrays in PostgreSQL and JSON in SQLite.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Id(Option<Uuid>),
    Text(Option<String>),
    Int(i64),
    Time(Option<Timestamp>),
    Object(Map<String, Value>),
    Json(Value),
    Ids(Vec<Uuid>),
    Texts(Vec<String>),
}

/// The parameters of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::values::Arg::from($value)),*] };
}
pub(crate) use args;

macro_rules! arg_from {
    ($($type:ty => |$value:ident| $arg:expr;)*) => {
        $(impl From<$type> for Arg { fn from($value: $type) -> Self { $arg } })*
    };
}

arg_from! {
    ConversationId => |id| Self::Id(Some(id.0));
    MessageId => |id| Self::Id(Some(id.0));
    QueuedEventId => |id| Self::Id(Some(id.0));
    Uuid => |id| Self::Id(Some(id));
    Option<MessageId> => |id| Self::Id(id.map(|id| id.0));
    &OrganizationId => |name| Self::Text(Some(name.as_str().to_owned()));
    &UserId => |name| Self::Text(Some(name.as_str().to_owned()));
    &str => |text| Self::Text(Some(text.to_owned()));
    Option<&str> => |text| Self::Text(text.map(str::to_owned));
    i64 => |number| Self::Int(number);
    Timestamp => |at| Self::Time(Some(at));
    Option<Timestamp> => |at| Self::Time(at);
    &Map<String, Value> => |object| Self::Object(object.clone());
    &[ConversationId] => |ids| Self::Ids(ids.iter().map(|id| id.0).collect());
    &[MessageId] => |ids| Self::Ids(ids.iter().map(|id| id.0).collect());
    &[QueuedEventId] => |ids| Self::Ids(ids.iter().map(|id| id.0).collect());
    Option<ConversationId> => |id| Self::Id(id.map(|id| id.0));
    Value => |value| Self::Json(value);
    Vec<String> => |texts| Self::Texts(texts);
    &[UserId] => |names| Self::Texts(names.iter().map(|name| name.as_str().to_owned()).collect());
}
