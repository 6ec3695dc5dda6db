//! Payloads of `presence:*`.

use super::{Call, Decoded, Fields, PresenceStatus, fields};

/// Longest custom status, in characters.
pub(super) const MAX_CUSTOM_STATUS: usize = 140;

/// `presence:update`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoosePresence {
    /// What to appear as; `None` is `auto`: what the devices say.
    pub status: Option<PresenceStatus>,
    /// `None` leaves it as it is, `Some(None)` clears it.
    pub custom_status: Option<Option<String>>,
}

pub(super) fn update(mut fields: Fields<'_>) -> Decoded {
    let words = "online, away, busy, offline or auto";
    let status = fields.required(&["status"], fields::word(choice, words));
    let text = fields.optional(&["customStatus"], |value| match value.as_str() {
        Some("") => Ok(None),
        _ => fields::short_text(MAX_CUSTOM_STATUS)(value).map(Some),
    });
    // An explicit null or empty string clears it.
    let custom_status = if fields.is_given("customStatus") {
        Some(text.flatten())
    } else {
        None
    };
    fields.done(|| {
        Some(Call::ChoosePresence(ChoosePresence {
            status: status?,
            custom_status,
        }))
    })
}

#[expect(
    clippy::option_option,
    reason = "a word that is unknown, the word auto, or a status"
)]
fn choice(word: &str) -> Option<Option<PresenceStatus>> {
    if word == "auto" {
        Some(None)
    } else {
        PresenceStatus::from_word(word).map(Some)
    }
}

pub(super) fn user_status(mut fields: Fields<'_>) -> Decoded {
    let user = fields.required(&["userId"], fields::user_id);
    fields.done(|| Some(Call::UserStatus { user: user? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::ClientEvent;
    use serde_json::json;

    fn custom(text: &str) -> Decoded {
        let payload = json!({"status": "auto", "customStatus": text});
        Call::decode(ClientEvent::PresenceUpdate, &payload)
    }

    #[test]
    fn a_custom_status_has_at_most_140_characters() {
        assert!(custom(&"ü".repeat(140)).is_ok());
        assert!(custom(&"ü".repeat(141)).is_err());
    }

    #[test]
    fn an_empty_custom_status_clears_it() {
        let cleared = ChoosePresence {
            status: None,
            custom_status: Some(None),
        };
        assert_eq!(custom(""), Ok(Call::ChoosePresence(cleared)));
    }
}
