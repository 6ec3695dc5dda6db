//! Payloads of `presence:*`.

use super::{
    CONVERSATION, Call, ConversationId, Decoded, Fields, Id, PresenceStatus, UserId, cursor, limit,
};
use crate::fields::{ClearableText, Moment, Name, Word};
use crate::objects::{Activity, PresenceChoice};
use crate::timestamp::Timestamp;

/// Longest custom status, in characters.
pub(super) const MAX_CUSTOM_STATUS: usize = 140;
/// Most users that one call may name.
pub(super) const MAX_USERS: usize = 500;

/// Longest time that one call may ask about, in milliseconds.
const MAX_SPAN: i64 = 31 * 24 * 60 * 60 * 1000;

/// `presence:update`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoosePresence {
    /// What to appear as; `None` is `auto`: what the devices say.
    pub status: Option<PresenceStatus>,
    /// `None` leaves it as it is, `Some(None)` clears it.
    pub custom_status: Option<Option<String>>,
}

/// `presence:online-users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlineUsers {
    /// Only its members.
    pub conversation: Option<ConversationId>,
    pub cursor: Option<String>,
    pub limit: i64,
}

/// `presence:history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceHistory {
    pub user: UserId,
    pub from: Timestamp,
    pub to: Timestamp,
}

pub(super) fn update(mut fields: Fields<'_>) -> Decoded {
    let status = fields.required(&["status"], &Word::<PresenceChoice>::ANY);
    let text = fields.optional(&["customStatus"], &ClearableText(MAX_CUSTOM_STATUS));
    let has_text = fields.is_given("customStatus");
    fields.done(|| {
        Some(Call::ChoosePresence(ChoosePresence {
            status: status?.status(),
            // An explicit null or empty string clears it.
            custom_status: has_text.then(|| text.flatten()),
        }))
    })
}

pub(super) fn activity(mut fields: Fields<'_>) -> Decoded {
    let activity = fields.required(&["activityType"], &Word::<Activity>::ANY);
    let conversation = fields.optional(CONVERSATION, &Id::CONVERSATION);
    fields.done(|| {
        Some(Call::Activity {
            activity: activity?,
            conversation,
        })
    })
}

pub(super) fn user_status(mut fields: Fields<'_>) -> Decoded {
    let user = fields.required(&["userId"], &Name::USER);
    fields.done(|| Some(Call::UserStatus { user: user? }))
}

fn of_users(mut fields: Fields<'_>, call: impl FnOnce(Vec<UserId>) -> Call) -> Decoded {
    let users = fields.required_list(&["userIds"], (1, MAX_USERS), &Name::USER);
    fields.done(|| users.map(call))
}

pub(super) fn bulk(fields: Fields<'_>) -> Decoded {
    of_users(fields, Call::PresenceOf)
}

pub(super) fn subscribe(fields: Fields<'_>) -> Decoded {
    of_users(fields, Call::SubscribePresence)
}

pub(super) fn unsubscribe(fields: Fields<'_>) -> Decoded {
    of_users(fields, Call::UnsubscribePresence)
}

pub(super) fn online_users(mut fields: Fields<'_>) -> Decoded {
    let conversation = fields.optional(CONVERSATION, &Id::CONVERSATION);
    let cursor = cursor(&mut fields);
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::OnlineUsers(OnlineUsers {
            conversation,
            cursor,
            limit,
        }))
    })
}

pub(super) fn history(mut fields: Fields<'_>) -> Decoded {
    let user = fields.required(&["userId"], &Name::USER);
    let from = fields.required(&["from"], &Moment);
    let to = fields.required(&["to"], &Moment);
    let span = from
        .zip(to)
        .map(|(from, to): (Timestamp, Timestamp)| to.as_millis() - from.as_millis());
    match span {
        Some(span) if span < 0 => fields.wrong("to", "must not be before from"),
        Some(span) if span > MAX_SPAN => fields.wrong("to", "must be at most 31 days after from"),
        _ => {}
    }
    fields.done(|| {
        Some(Call::PresenceHistory(PresenceHistory {
            user: user?,
            from: from?,
            to: to?,
        }))
    })
}

pub(super) fn stats(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::PresenceStats))
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

    #[test]
    fn so_many_users_at_a_time_and_not_one_more() {
        let decode = |count: usize| {
            let payload = json!({"userIds": vec!["ann"; count]});
            Call::decode(ClientEvent::PresenceBulk, &payload)
        };
        assert!(decode(0).is_err());
        assert!(decode(MAX_USERS).is_ok());
        assert!(decode(MAX_USERS + 1).is_err());
    }

    #[test]
    fn a_history_does_not_end_before_it_begins() {
        let decode = |to: &str| {
            let payload = json!({"userId": "ann", "from": "2026-01-02T00:00:00Z", "to": to});
            Call::decode(ClientEvent::PresenceHistory, &payload)
        };
        assert!(decode("2026-01-02T00:00:00.000Z").is_ok());
        assert_eq!(decode("2026-01-01T23:59:59Z").unwrap_err()[0].path, "to");
        assert_eq!(decode("yesterday").unwrap_err()[0].path, "to");
    }

    #[test]
    fn a_history_is_of_at_most_31_days() {
        let decode = |to: &str| {
            let payload = json!({"userId": "ann", "from": "2026-01-01T00:00:00Z", "to": to});
            Call::decode(ClientEvent::PresenceHistory, &payload)
        };
        assert!(decode("2026-02-01T00:00:00.000Z").is_ok());
        assert_eq!(
            decode("2026-02-01T00:00:00.001Z").unwrap_err()[0].path,
            "to"
        );
    }
}
