//! Agreeing on permessage-deflate (RFC 7692 §5 and §7.1).

use std::mem;

const NAME: &str = "permessage-deflate";

/// What is accepted, always.
const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The same for an offer that names a window for the server: then the answer has to name one too
/// (RFC 7692 §7.1.2.1).
const ACCEPTED_WITH_WINDOW: &str = "permessage-deflate; server_no_context_takeover; \
     client_no_context_takeover; server_max_window_bits=15";

/// What an offer may contain (RFC 7692 §7.1), each at most once.
const PARAMETERS: [&str; 4] = [
    "server_max_window_bits",
    "client_max_window_bits",
    "server_no_context_takeover",
    "client_no_context_takeover",
];

/// Answer to the first acceptable offer in the values of `Sec-WebSocket-Extensions`: the value of
/// the same header. `None`: no compression.
pub(super) fn negotiate<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    values.find_map(|value| split_unquoted(value, ',').find_map(accept))
}

/// Parts of a header's value; separators inside quoted strings do not count.
fn split_unquoted(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' if quoted => escaped = true,
            _ => {}
        }
        c == separator && !quoted
    })
}

/// The answer to one offer. `None`: it is of another extension, or cannot be accepted.
fn accept(offer: &str) -> Option<&'static str> {
    let mut parts = split_unquoted(offer, ';').map(str::trim);
    if parts.next()? != NAME {
        return None;
    }
    let mut seen = [false; PARAMETERS.len()];
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start()))),
            None => (part, None),
        };
        let place = PARAMETERS.iter().position(|known| *known == name)?;
        let duplicate = mem::replace(&mut seen[place], true);
        if duplicate || !is_supported(name, value) {
            return None;
        }
    }
    let [server_max_window_bits, ..] = seen;
    Some(if server_max_window_bits {
        ACCEPTED_WITH_WINDOW
    } else {
        ACCEPTED
    })
}

/// A value may be written as a quoted string (RFC 6455 §9.1). None of ours needs escapes.
fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// Whether a known parameter has a value that it may have, and asks for what can be done.
fn is_supported(name: &str, value: Option<&str>) -> bool {
    match name {
        // One compressed form is sent to everybody, and is made with the full window.
        "server_max_window_bits" => value == Some("15"),
        // A hint that the client can be told to use less, which it is not.
        "client_max_window_bits" => value.is_none_or(is_window_bits),
        _ => value.is_none(),
    }
}

/// 8 to 15, without leading zeros (RFC 7692 §7.1.2).
fn is_window_bits(value: &str) -> bool {
    matches!(value, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}
