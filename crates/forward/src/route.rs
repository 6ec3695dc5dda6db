//! Which node a session is on, as its id says.

use std::fmt;

const LENGTH: usize = 6;
/// Characters of a session's id.
const SESSION_LENGTH: usize = 20;
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What the ids of a node's sessions begin with: 6 characters of base64url, new with each start. So
/// a session of a node that was started again is unknown, and not another's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route([u8; LENGTH]);

impl Route {
    /// A route of 36 of these bits.
    pub fn of_random(bits: u64) -> Self {
        let mut route = [0; LENGTH];
        for (index, character) in route.iter_mut().enumerate() {
            *character = BASE64URL[(bits >> (6 * index)) as usize % BASE64URL.len()];
        }
        Self(route)
    }

    /// A route as a node told it. `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        is_base64url(text)
            .then(|| text.as_bytes().try_into().ok())
            .flatten()
            .map(Self)
    }

    /// The route in a session's id. `None` if it is no such id.
    pub fn of_session(id: &str) -> Option<Self> {
        if id.len() != SESSION_LENGTH || !is_base64url(id) {
            return None;
        }
        Self::parse(&id[..LENGTH])
    }

    /// The 6 characters.
    pub fn as_str(&self) -> &str {
        // Only base64url gets in.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| BASE64URL.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_session_is_on_the_node_whose_route_its_id_begins_with() {
        let route = Route::of_session("node-1abcdefghijklmn");
        assert_eq!(route, Route::parse("node-1"));
        assert!(route.is_some());
    }

    #[test]
    fn what_is_no_session_id_has_no_route() {
        let bad = [
            "",
            "node-1",
            "node-1abcdefghijklm",
            "node-1abcdefghijklmno",
            "node+1abcdefghijklmn",
            "n\u{f6}de-1abcdefghijklm",
        ];
        for bad in bad {
            assert_eq!(Route::of_session(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_random_route_can_be_told_and_read(bits: u64) {
            let route = Route::of_random(bits);
            prop_assert_eq!(Route::parse(route.as_str()), Some(route));
            let session = format!("{}abcdefghijklmn", route.as_str());
            prop_assert_eq!(Route::of_session(&session), Some(route));
        }

        #[test]
        fn different_bits_make_different_routes(one in 0u64..1 << 36, other in 0u64..1 << 36) {
            prop_assert_eq!(one == other, Route::of_random(one) == Route::of_random(other));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[\\PC]{20}") {
            let _ = Route::of_session(&text);
            let _ = Route::parse(&text);
        }
    }
}
