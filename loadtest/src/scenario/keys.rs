//! Single keys of a scenario: how they are read, and their limits.

use super::Error;

/// Durations as `500ms`, `10s`, `5m`, `2h`.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::scenario) fn serialize<S: Serializer>(
        duration: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{}ms", duration.as_millis()))
    }

    pub(in crate::scenario) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).ok_or_else(|| {
            let message = format!("{text:?} is no duration such as \"500ms\", \"10s\" or \"5m\"");
            serde::de::Error::custom(message)
        })
    }

    pub(in crate::scenario) fn parse(text: &str) -> Option<Duration> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        number.checked_mul(millis).map(Duration::from_millis)
    }
}

/// What a key may be. The limits keep a slip of the pen from taking a machine down.
pub(super) mod check {
    use std::time::Duration;

    use crate::scenario::Pace;

    const LARGEST_ROOM: u32 = 100_000;
    pub(in crate::scenario) const MOST_CONNECTIONS: u32 = 1_000_000;
    const LONGEST: Duration = Duration::from_hours(24);

    pub(in crate::scenario) fn within<T: Copy + PartialOrd + std::fmt::Display>(
        key: &str,
        value: T,
        (least, most): (T, T),
    ) -> Result<(), String> {
        if value >= least && value <= most {
            return Ok(());
        }
        Err(format!("`{key}` is {value}, and must be {least} to {most}"))
    }

    pub(in crate::scenario) fn connections(value: u32) -> Result<(), String> {
        within("connections", value, (1, MOST_CONNECTIONS))
    }

    pub(in crate::scenario) fn rooms(rooms: u32, size: u32) -> Result<(), String> {
        within("room_size", size, (2, LARGEST_ROOM))?;
        rooms_called("rooms", rooms, size)
    }

    pub(in crate::scenario) fn rooms_called(
        key: &str,
        rooms: u32,
        size: u32,
    ) -> Result<(), String> {
        within(key, rooms, (1, MOST_CONNECTIONS / size))
    }

    pub(in crate::scenario) fn rate(key: &str, value: f64) -> Result<(), String> {
        within(key, value, (0.01, 1_000_000.0))
    }

    pub(in crate::scenario) fn pace(pace: Pace) -> Result<(), String> {
        match pace {
            Pace::Open(value) => rate("pace.open", value),
            Pace::Closed(value) => within("pace.closed", value, (1, 1000)),
        }
    }

    pub(in crate::scenario) fn content(bytes: u32) -> Result<(), String> {
        within("content_bytes", bytes, (1, 5000))
    }

    pub(in crate::scenario) fn share(key: &str, value: f64) -> Result<(), String> {
        within(key, value, (0.0, 1.0))
    }

    pub(in crate::scenario) fn time(key: &str, value: Duration) -> Result<(), String> {
        if value <= LONGEST {
            return Ok(());
        }
        Err(format!("`{key}` is {value:?}, and must be at most 24h"))
    }

    pub(in crate::scenario) fn times(
        warmup: Duration,
        duration: Duration,
        grace: Duration,
    ) -> Result<(), String> {
        time("warmup", warmup)?;
        time("duration", duration)?;
        time("grace", grace)?;
        some_time("duration", duration)
    }

    pub(in crate::scenario) fn some_time(key: &str, value: Duration) -> Result<(), String> {
        if value.is_zero() {
            return Err(format!("`{key}` must not be 0"));
        }
        time(key, value)
    }
}

/// Takes `kind` out of a text: its value, and the text with the line blank, so that places in it stay.
pub(super) fn kind(text: &str) -> Result<(String, String), String> {
    let table: toml::Table =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let Some(kind) = table.get("kind") else {
        return Err(format!("the key `kind` is missing: {}", super::KINDS));
    };
    let kind = kind.as_str().ok_or("`kind` must be text")?.to_owned();
    let is_kind = |line: &str| {
        let rest = line.trim_start().strip_prefix("kind");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let lines = text
        .lines()
        .map(|line| if is_kind(line) { "" } else { line });
    Ok((kind, lines.collect::<Vec<_>>().join("\n")))
}

/// The text with keys in it replaced or added.
pub(super) fn replace(text: String, overrides: &[String], file: &str) -> Result<String, Error> {
    if overrides.is_empty() {
        return Ok(text);
    }
    let malformed = |error: String| Error::Malformed {
        file: file.to_owned(),
        error,
    };
    let mut table: toml::Table =
        toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    for pair in overrides {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Error::Override(pair.clone()))?;
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
        let value = parsed.ok().and_then(|mut table| table.remove("value"));
        let text = || toml::Value::String(pair[key.len() + 1..].to_owned());
        table.insert(key.trim().to_owned(), value.unwrap_or_else(text));
    }
    toml::to_string(&table).map_err(|error| malformed(error.to_string()))
}
