//! The client events and what their payloads mean.

use serde_json::Value;

use crate::error::Detail;
use crate::fields::{self, CONTENT, CONVERSATION, Fields};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::objects::{Context, ConversationStatus, Kind, MessageType, PresenceStatus};

mod connection;
mod conversation;
mod message;
mod presence;

pub use connection::RecoverSession;
pub use conversation::{CreateConversation, ListConversations, Sync};
pub use message::{EditMessage, History, SendMessage, Watermark, Window};
pub use presence::ChoosePresence;

macro_rules! client_events {
    ($($variant:ident = $name:literal $(| $alias:literal)* => $decode:path;)*) => {
        /// An event that clients may send.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ClientEvent { $(#[doc = $name] $variant,)* }

        impl ClientEvent {
            /// Every event there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the wire, which is also its rate-limit bucket and metric label.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event of a name or alias; `None` for one that nobody knows.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name $(| $alias)* => Some(Self::$variant),)* _ => None }
            }
        }

        impl Call {
            /// Reads the payload of `event`. Everything that is wrong with it is in the error.
            pub fn decode(event: ClientEvent, payload: &Value) -> Result<Self, Vec<Detail>> {
                match event { $(ClientEvent::$variant => $decode(Fields::of(payload)?),)* }
            }
        }
    };
}

client_events! {
    ConversationCreate = "conversation:create" => conversation::create;
    ConversationJoin = "conversation:join" | "join:chat" => conversation::join;
    ConversationLeave = "conversation:leave" | "leave:chat" => conversation::leave;
    ConversationList = "conversation:list" | "room:list" => conversation::list;
    ConversationGet = "conversation:get" | "room:info" => conversation::get;
    ConversationSync = "conversation:sync" => conversation::sync;
    MessageSend = "message:send" => message::send;
    MessageEdit = "message:edit" => message::edit;
    MessageDelete = "message:delete" => message::delete;
    MessageHistory = "message:history" => message::history;
    MessageDelivered = "message:delivered" => message::delivered;
    MessageRead = "message:read" => message::read;
    MessageTyping = "message:typing" => message::typing;
    PresenceUpdate = "presence:update" | "presence:update-status" => presence::update;
    PresenceUserStatus = "presence:user-status" => presence::user_status;
    ConnectionCreateSession = "connection:create-session" => connection::create_session;
    ConnectionRecover = "connection:recover" => connection::recover;
    ConnectionSessionInfo = "connection:session-info" => connection::session_info;
    ConnectionStats = "connection:stats" => connection::stats;
}

/// A client event whose payload has been understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    CreateConversation(CreateConversation),
    JoinConversation {
        conversation: ConversationId,
        after_rev: Option<i64>,
    },
    LeaveConversation {
        conversation: ConversationId,
    },
    ListConversations(ListConversations),
    GetConversation {
        conversation: ConversationId,
    },
    Sync(Sync),
    SendMessage(SendMessage),
    EditMessage(EditMessage),
    DeleteMessage {
        message: MessageId,
    },
    History(History),
    MarkDelivered(Watermark),
    MarkRead(Watermark),
    Typing {
        conversation: ConversationId,
        is_typing: bool,
    },
    ChoosePresence(ChoosePresence),
    UserStatus {
        user: UserId,
    },
    CreateSession,
    RecoverSession(RecoverSession),
    SessionInfo,
    RecoveryStats,
}

/// Default length of a page.
pub const DEFAULT_LIMIT: i64 = 50;
/// Greatest length of a page.
pub const MAX_LIMIT: i64 = 100;

type Decoded = Result<Call, Vec<Detail>>;

fn limit(fields: &mut Fields<'_>) -> i64 {
    fields
        .optional(&["limit"], fields::number(1, MAX_LIMIT))
        .unwrap_or(DEFAULT_LIMIT)
}

fn conversation(fields: &mut Fields<'_>) -> Option<ConversationId> {
    fields.required(CONVERSATION, fields::conversation_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        let names = prop_oneof![
            Just("conversationId".to_owned()),
            Just("content".to_owned()),
            Just("kind".to_owned()),
            Just("participantIds".to_owned()),
            Just("limit".to_owned()),
            Just("messageId".to_owned()),
            Just("status".to_owned()),
            Just("context".to_owned()),
            Just("upToSeq".to_owned()),
            ".*",
        ];
        leaf.prop_recursive(3, 32, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(names.clone(), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_understood_or_refused_with_details(payload in any_json()) {
            for event in ClientEvent::ALL {
                if let Err(details) = Call::decode(*event, &payload) {
                    prop_assert!(!details.is_empty());
                }
            }
        }
    }

    #[test]
    fn every_name_leads_back_to_its_event() {
        for event in ClientEvent::ALL {
            assert_eq!(ClientEvent::from_name(event.name()), Some(*event));
        }
        assert_eq!(
            ClientEvent::from_name("join:chat"),
            Some(ClientEvent::ConversationJoin)
        );
        assert_eq!(ClientEvent::from_name("no:such"), None);
    }

    #[test]
    fn a_page_is_at_most_100_long() {
        let with =
            |limit: i64| Call::decode(ClientEvent::ConversationList, &json!({"limit": limit}));
        assert!(with(100).is_ok());
        assert_eq!(with(101).unwrap_err()[0].path, "limit");
        assert_eq!(with(0).unwrap_err()[0].path, "limit");
    }

    #[test]
    fn aliases_of_fields_are_read() {
        let id = "01939c1e-0000-7000-8000-000000000001";
        let payload = json!({"chatId": id, "text": "hi"});
        let Ok(Call::SendMessage(send)) = Call::decode(ClientEvent::MessageSend, &payload) else {
            panic!("not understood");
        };
        assert_eq!(
            (
                send.conversation.to_string().as_str(),
                send.content.as_str()
            ),
            (id, "hi")
        );
    }
}
