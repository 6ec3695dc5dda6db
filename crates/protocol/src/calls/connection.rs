//! Payloads of `connection:*`, `queue:*` and `auth:*`.

use schemars::{Schema, json_schema};
use serde_json::Value;

use super::{Call, ConversationId, Decoded, Fields, Id, Number, Text};
use crate::fields::{Read, Reader};

/// Longest session token.
const MAX_TOKEN: usize = 200;
/// Most conversations whose positions one call may name.
pub(super) const MAX_POSITIONS: usize = 1_000;
/// Most events that one call may acknowledge.
pub(super) const MAX_ACKED: usize = 500;
/// Longest token, in characters: as much as a header may hold.
const MAX_JWT: usize = 16_384;

/// `connection:recover`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoverSession {
    pub token: String,
    /// What the caller has of some conversations: everything up to this `rev`.
    pub positions: Vec<(ConversationId, i64)>,
}

pub(super) fn create_session(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::CreateSession))
}

pub(super) fn recover(mut fields: Fields<'_>) -> Decoded {
    let token = fields.required(&["sessionToken"], &Text(MAX_TOKEN));
    let positions = fields.optional(&["positions"], &Positions);
    let positions = positions.unwrap_or_default();
    fields.done(|| {
        let token = token?;
        Some(Call::RecoverSession(RecoverSession { token, positions }))
    })
}

pub(super) fn session_info(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::SessionInfo))
}

pub(super) fn stats(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::RecoveryStats))
}

pub(super) fn queue_ack(mut fields: Fields<'_>) -> Decoded {
    let events = fields.required_list(&["eventIds"], (1, MAX_ACKED), &Id::QUEUED);
    fields.done(|| events.map(Call::AckQueue))
}

pub(super) fn refresh(mut fields: Fields<'_>) -> Decoded {
    let token = fields.required(&["token"], &Text(MAX_JWT));
    fields.done(|| Some(Call::RefreshAuth { token: token? }))
}

/// Revs by conversation.
struct Positions;

impl Reader for Positions {
    type Value = Vec<(ConversationId, i64)>;

    fn read(&self, value: &Value) -> Read<Self::Value> {
        let object = value
            .as_object()
            .ok_or("must be an object of revs by conversationId")?;
        if object.len() > MAX_POSITIONS {
            let count = object.len();
            return Err(format!(
                "has {count} entries; at most {MAX_POSITIONS} are allowed"
            ));
        }
        let position = |(id, rev): (&String, &Value)| {
            let of = |message: String| format!("{id} {message}");
            let conversation = Id::CONVERSATION.read(&Value::from(id.as_str()));
            let rev = Number::from(0).read(rev);
            Ok((conversation.map_err(of)?, rev.map_err(of)?))
        };
        object.iter().map(position).collect()
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": {"format": "uuid"},
            "additionalProperties": Number::from(0).schema(),
            "maxProperties": MAX_POSITIONS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::ClientEvent;
    use serde_json::json;

    fn decode(payload: &Value) -> Decoded {
        Call::decode(ClientEvent::ConnectionRecover, payload)
    }

    #[test]
    fn positions_are_revs_by_conversation() {
        let id = "01939c1e-0000-7000-8000-000000000001";
        let call = decode(&json!({"sessionToken": "t", "positions": {id: 7}}));
        let Ok(Call::RecoverSession(RecoverSession { positions, .. })) = call else {
            panic!("{call:?}");
        };
        assert_eq!(
            (positions[0].0.to_string().as_str(), positions[0].1),
            (id, 7)
        );
        for bad in [
            json!([]),
            json!({"x": 1}),
            json!({id: -1}),
            json!({id: "1"}),
        ] {
            let payload = json!({"sessionToken": "t", "positions": bad});
            assert_eq!(decode(&payload).unwrap_err()[0].path, "positions", "{bad}");
        }
        assert_eq!(decode(&json!({})).unwrap_err()[0].path, "sessionToken");
    }

    #[test]
    fn so_many_positions_and_not_one_more() {
        let many = |count: usize| {
            let ids = (0..count).map(|n| (format!("01939c1e-0000-7000-8000-{n:012}"), json!(1)));
            let positions = Value::Object(ids.collect());
            decode(&json!({"sessionToken": "t", "positions": positions}))
        };
        assert!(many(MAX_POSITIONS).is_ok());
        assert_eq!(many(MAX_POSITIONS + 1).unwrap_err()[0].path, "positions");
    }
}
