//! Places in lists, for the next page: opaque to clients.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_protocol::{ErrorObject, Timestamp};

/// A place as clients see it.
pub(crate) fn write(place: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(place.to_string())
}

/// The place that a client gave back.
pub(crate) fn read<T>(
    cursor: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ErrorObject> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(parse)
        .ok_or_else(|| ErrorObject::invalid("cursor", "is not one that this server gave"))
}

/// The place of something that has a time and, where times are equal, an id.
pub(crate) fn write_timed(at: Timestamp, id: impl Display) -> String {
    write(format_args!("{}/{id}", at.as_millis()))
}

/// The place that [`write_timed`] gave.
pub(crate) fn read_timed<I: FromStr>(cursor: &str) -> Result<(Timestamp, I), ErrorObject> {
    read(cursor, |text| {
        let (millis, id) = text.split_once('/')?;
        let millis: i64 = millis.parse().ok()?;
        let at = (0..=MAX_MILLIS)
            .contains(&millis)
            .then(|| Timestamp::from_millis(millis))?;
        Some((at, id.parse().ok()?))
    })
}

/// The end of the year 9999: beyond this, no database can hold it as a time.
const MAX_MILLIS: i64 = 253_402_300_799_999;

/// Cuts what was read with one more than `limit` asked for; that one tells whether there is another
/// page. Gives the place of the last, if so.
pub(crate) fn cut<T>(
    found: &mut Vec<T>,
    limit: i64,
    place: impl FnOnce(&T) -> String,
) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| has_more).map(place)
}

/// Holds that whatever text comes as a cursor is refused, and nothing worse.
#[cfg(test)]
macro_rules! hostile_cursors_are_refused {
    ($place:path) => {
        proptest::proptest! {
            #[test]
            fn a_cursor_that_was_not_given_is_refused_and_nothing_worse(text in ".{0,64}") {
                let _ = $place(&text);
                let _ = $place(&crate::cursor::write(&text));
            }
        }
    };
}

#[cfg(test)]
pub(crate) use hostile_cursors_are_refused;

#[cfg(test)]
mod tests {
    use super::*;

    hostile_cursors_are_refused!(read_timed::<i64>);

    #[test]
    fn a_cursor_beyond_all_times_is_refused() {
        let of = |millis: i64| read_timed::<i64>(&write(format_args!("{millis}/1")));
        assert!(of(MAX_MILLIS).is_ok());
        assert!(of(MAX_MILLIS + 1).is_err());
        assert!(of(-1).is_err());
    }

    #[test]
    fn a_page_has_a_next_one_only_if_there_is_one_more() {
        for (there, next) in [(0, None), (2, None), (3, Some("2"))] {
            let mut found: Vec<i64> = (1..=there).collect();
            let cursor = cut(&mut found, 2, ToString::to_string);
            assert_eq!(cursor.as_deref(), next);
            assert_eq!(found.len() as i64, there.min(2));
        }
    }
}
