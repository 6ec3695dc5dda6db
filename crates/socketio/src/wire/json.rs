//! JSON as JavaScript writes it.

use serde_json::Value;

use super::DecodeError;

/// Reads one JSON value. serde_json bounds how deep it may be nested (128).
///
/// JavaScript writes half of a surrogate pair (text that was cut in the middle of an emoji) as a
/// lone `\ud83d`, which JSON allows and Rust's strings do not: it becomes U+FFFD, as in a
/// `TextEncoder`.
pub(super) fn parse(json: &str) -> Result<Value, DecodeError> {
    serde_json::from_str(json)
        .or_else(|error| match whole_surrogates(json) {
            Some(mended) => serde_json::from_str(&mended),
            None => Err(error),
        })
        // Not the error itself: it may quote what it read.
        .map_err(|error| DecodeError::Json {
            column: error.column(),
        })
}

/// The text with lone surrogates replaced; `None` when it has none.
fn whole_surrogates(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut mended = false;
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, lone) = escape(rest);
        if lone {
            out.push_str("\\ufffd");
            mended = true;
        } else {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    mended.then_some(out)
}

/// Bytes of the escape at the start of `text`, and whether it is a lone surrogate.
fn escape(text: &str) -> (usize, bool) {
    match surrogate(text) {
        Some(0xD800..=0xDBFF) => match text.get(6..).and_then(surrogate) {
            Some(0xDC00..=0xDFFF) => (12, false),
            _ => (6, true),
        },
        Some(_) => (6, true),
        // The backslash and what it escapes.
        None => (
            1 + text[1..].chars().next().map_or(0, char::len_utf8),
            false,
        ),
    }
}

/// The surrogate that a `\uXXXX` at the start of `text` stands for, if it is one.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_an_emoji_is_read_as_the_replacement_character() {
        assert_eq!(parse(r#""\ud83d""#), Ok(json!("\u{fffd}")));
        assert_eq!(
            parse(r#""\ude00 \ud83d\ud83d\ude00x""#),
            Ok(json!("\u{fffd} \u{fffd}😀x"))
        );
        assert_eq!(parse(r#"{"\uDFFF":1}"#), Ok(json!({"\u{fffd}": 1})));
    }

    #[test]
    fn escaped_backslashes_are_no_surrogates() {
        assert_eq!(parse(r#""\\ud83d\n""#), Ok(json!("\\ud83d\n")));
        assert_eq!(parse(r#""\\\ud83d""#), Ok(json!("\\\u{fffd}")));
    }

    #[test]
    fn broken_escapes_stay_errors() {
        for broken in [
            r#""\ud83d"#,
            r#""\ud8"#,
            r#""\ud83d\"#,
            r#""\ud83d\é""#,
            "\\",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn errors_do_not_quote_the_text() {
        let error = parse(r#"["secret", secret]"#).unwrap_err();
        assert_eq!(error, DecodeError::Json { column: 12 });
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_megabyte_of_lone_surrogates_is_mended_in_linear_time() {
        let text = format!("\"{}\"", "\\ud83d".repeat(200_000));
        assert_eq!(parse(&text), Ok(json!("\u{fffd}".repeat(200_000))));
    }
}
