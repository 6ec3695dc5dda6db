//! Payloads of `room:*`.

use super::{CONVERSATION, Call, ConversationId, Decoded, Fields, Id};

/// Most conversations that one call may name.
pub(super) const MAX_ROOMS: usize = 100;

const CONVERSATIONS: &[&str] = &["conversationIds", "chatIds", "roomIds"];

pub(super) fn online(mut fields: Fields<'_>) -> Decoded {
    let conversation = fields.required(CONVERSATION, &Id::CONVERSATION);
    fields.done(|| {
        Some(Call::RoomOnline {
            conversation: conversation?,
        })
    })
}

fn several(mut fields: Fields<'_>, call: impl FnOnce(Vec<ConversationId>) -> Call) -> Decoded {
    let ids = fields.required_list(CONVERSATIONS, (1, MAX_ROOMS), &Id::CONVERSATION);
    fields.done(|| ids.map(call))
}

pub(super) fn subscribe(fields: Fields<'_>) -> Decoded {
    several(fields, Call::Subscribe)
}

pub(super) fn unsubscribe(fields: Fields<'_>) -> Decoded {
    several(fields, Call::Unsubscribe)
}

pub(super) fn status(mut fields: Fields<'_>) -> Decoded {
    let ids = fields.list(CONVERSATIONS, MAX_ROOMS, &Id::CONVERSATION);
    fields.done(|| Some(Call::SubscriptionStatus(ids)))
}

pub(super) fn details(mut fields: Fields<'_>) -> Decoded {
    let ids = fields.list(CONVERSATIONS, MAX_ROOMS, &Id::CONVERSATION);
    fields.done(|| Some(Call::SubscriptionDetails(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::ClientEvent;
    use serde_json::json;

    #[test]
    fn so_many_rooms_at_a_time_and_not_one_more() {
        let decode = |count: usize| {
            let ids = vec!["01939c1e-0000-7000-8000-000000000001"; count];
            let payload = json!({"conversationIds": ids});
            Call::decode(ClientEvent::RoomSubscribeMultiple, &payload)
        };
        assert!(decode(0).is_err());
        assert!(decode(MAX_ROOMS).is_ok());
        assert_eq!(
            decode(MAX_ROOMS + 1).unwrap_err()[0].path,
            "conversationIds"
        );
    }
}
