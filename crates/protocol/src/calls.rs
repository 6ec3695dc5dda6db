//! The client events: what their payloads mean, and what their answers hold.

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::answers;
use crate::error::Detail;
use crate::fields::{CONTENT, CONVERSATION, Fields, Id, Number, Shape, ShownText, Text};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::objects::{Context, ConversationStatus, Kind, MessageType, PresenceStatus};

mod connection;
mod conversation;
mod message;
mod monitoring;
mod presence;
mod rooms;

pub use connection::RecoverSession;
pub use conversation::{
    ChangeMembers, CreateConversation, ListConversations, Sync, UpdateConversation,
};
pub use message::{EditMessage, History, React, Search, SendMessage, Thread, Watermark, Window};
pub use monitoring::MonitoringEvents;
pub use presence::{ChoosePresence, OnlineUsers, PresenceHistory};

macro_rules! client_events {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal $(| $alias:literal)*
        => $decode:path => $answer:ty;)*) => {
        /// An event that clients may send.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ClientEvent { $($(#[doc = $doc])* $variant,)* }

        impl ClientEvent {
            /// Every event there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the wire, which is also its rate-limit bucket and metric label.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The other names under which it is accepted.
            pub const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*],)* }
            }

            /// What it does, for people.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),*).trim(),)* }
            }

            /// The event of a name or alias; `None` for one that nobody knows.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name $(| $alias)* => Some(Self::$variant),)* _ => None }
            }

            /// What its payload may hold.
            pub fn payload(self) -> Shape {
                match self { $(Self::$variant => Fields::describe($decode),)* }
            }

            /// The JSON Schema of `data` in its answer.
            pub fn answer(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $(Self::$variant => generator.subschema_for::<$answer>(),)* }
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
    /// Makes a conversation; its creator is its owner. A direct one between the same two users about the
    /// same context, or the same creator's `clientConversationId`, gives the one that is there.
    ConversationCreate = "conversation:create" => conversation::create => answers::CreatedConversation;
    /// Changes title or metadata; for owners and admins.
    ConversationUpdate = "conversation:update" => conversation::update => answers::OneConversation;
    /// Follows a conversation that the user is a member of: its live events come from here on.
    ConversationJoin = "conversation:join" | "join:chat" => conversation::join => answers::JoinedConversation;
    /// Stops the live events of a conversation on this socket; the membership stays.
    ConversationLeave = "conversation:leave" | "leave:chat" => conversation::leave => answers::Nothing;
    /// The user's conversations, newest activity first.
    ConversationList = "conversation:list" | "room:list" => conversation::list => answers::Conversations;
    /// A conversation and its members.
    ConversationGet = "conversation:get" | "room:info" => conversation::get => answers::ConversationDetails;
    /// Every message and membership that changed after a `rev`, as it is now, ascending by `rev`. The
    /// answer's `rev` is how far the page is complete: the next `afterRev`.
    ConversationSync = "conversation:sync" => conversation::sync => answers::Changes;
    /// Makes users members; for owners and admins. Their sockets follow the conversation at once.
    ConversationAddMembers = "conversation:add-members" => conversation::add_members => answers::MembersChanged;
    /// Ends memberships; for owners and admins. The users' sockets leave the room on every node.
    ConversationRemoveMember = "conversation:remove-member" => conversation::remove_member => answers::MembersChanged;
    /// Gives members another role; for owners and admins.
    ConversationSetRole = "conversation:set-role" => conversation::set_role => answers::MembersChanged;
    /// Gives up one's own membership of a group. An owner's place goes to the oldest admin, else to the
    /// oldest member; the last one out archives it.
    ConversationExit = "conversation:exit" => conversation::exit => answers::Exited;
    /// Archives a conversation: nothing can be sent to it then. For any member of a direct one, owners and
    /// admins of a group.
    ConversationArchive = "conversation:archive" => conversation::archive => answers::OneConversation;
    /// Opens an archived conversation again, for whoever could archive it.
    ConversationReopen = "conversation:reopen" => conversation::reopen => answers::OneConversation;
    /// Which members are there, over all nodes.
    RoomOnline = "room:online" => rooms::online => answers::RoomOnline;
    /// Follows several conversations; what cannot be followed is in `failed`.
    RoomSubscribeMultiple = "room:subscribe-multiple" => rooms::subscribe => answers::Subscribed;
    /// Stops following several conversations.
    RoomUnsubscribeMultiple = "room:unsubscribe-multiple" => rooms::unsubscribe => answers::Unsubscribed;
    /// What this socket follows, or whether it follows these.
    RoomSubscriptionStatus = "room:subscription-status" => rooms::status => answers::Subscriptions;
    /// The same with what the conversations are.
    RoomSubscriptionDetails = "room:subscription-details" => rooms::details => answers::SubscriptionDetails;
    /// Sends a message. The answer comes once it is stored; the same `clientMessageId` of the same sender in
    /// the same conversation is stored once, for ever.
    MessageSend = "message:send" => message::send => answers::SentMessage;
    /// Changes one's own message within the edit window. A stale `expectedVersion` is `CONFLICT`.
    MessageEdit = "message:edit" => message::edit => answers::OneMessage;
    /// Makes a message a tombstone; for its sender, owners and admins.
    MessageDelete = "message:delete" => message::delete => answers::OneMessage;
    /// Puts an emoji on a message; doing so again changes nothing.
    MessageReact = "message:react" => message::react => answers::OneMessage;
    /// Takes one's emoji off a message.
    MessageUnreact = "message:unreact" => message::unreact => answers::OneMessage;
    /// Says how far messages reached a device. Only moves forward.
    MessageDelivered = "message:delivered" => message::delivered => answers::DeliveredUpTo;
    /// Says how far messages were read, and so delivered. Only moves forward.
    MessageRead = "message:read" => message::read => answers::ReadUpTo;
    /// Says that the user types or stopped. Lasts for 5 s unless repeated.
    MessageTyping = "message:typing" => message::typing => answers::Nothing;
    /// Who types in a conversation.
    MessageTypingUsers = "message:typing-users" => message::typing_users => answers::TypingUsers;
    /// Messages in ascending `seq`: the newest, or those before or after one.
    MessageHistory = "message:history" => message::history => answers::Messages;
    /// A thread: its root and the replies, oldest first.
    MessageThread = "message:thread" => message::thread => answers::Thread;
    /// Full-text search in the conversations that the user is in, best first.
    MessageSearch = "message:search" => message::search => answers::SearchResults;
    /// Whom a message has reached, and who has read it.
    MessageDeliveryStatus = "message:delivery-status" => message::delivery_status => answers::DeliveryStatus;
    /// How much was sent, delivered, read, edited and deleted: of the user, or of a conversation.
    MessageStats = "message:stats" => message::stats => answers::MessageStats;
    /// What the user wants to appear as, on all devices, until changed; `auto` is back to what the devices say.
    PresenceUpdate = "presence:update" | "presence:update-status" => presence::update => answers::OnePresence;
    /// What the user does; any activity but `idle` ends being idle.
    PresenceActivity = "presence:activity" => presence::activity => answers::Nothing;
    /// How present a user is.
    PresenceUserStatus = "presence:user-status" => presence::user_status => answers::OnePresence;
    /// How present users are; one round trip, whatever the count.
    PresenceBulk = "presence:bulk" => presence::bulk => answers::Presences;
    /// Who is there, of the own organization or of a conversation.
    PresenceOnlineUsers = "presence:online-users" => presence::online_users => answers::OnlineUsers;
    /// From here on this socket gets `presence:changed` of these users.
    PresenceSubscribe = "presence:subscribe" => presence::subscribe => answers::Presences;
    /// Ends that.
    PresenceUnsubscribe = "presence:unsubscribe" => presence::unsubscribe => answers::Presences;
    /// When a user was there: one's own, or for operators anybody's.
    PresenceHistory = "presence:history" => presence::history => answers::PresenceHistory;
    /// How many of the own organization are there.
    PresenceStats = "presence:stats" => presence::stats => answers::PresenceStats;
    /// The secret with which another connection can take this session over.
    ConnectionCreateSession = "connection:create-session" => connection::create_session => answers::CreatedSession;
    /// Takes over what a former session followed, and what it missed. A token works once.
    ConnectionRecover = "connection:recover" => connection::recover => answers::RecoveredSession;
    /// What is known of this connection.
    ConnectionSessionInfo = "connection:session-info" => connection::session_info => answers::SessionInfo;
    /// How often clients asked to be recovered, and what it came to.
    ConnectionStats = "connection:stats" => connection::stats => answers::RecoveryStats;
    /// Says that events of `queue:events` have arrived; they are sent again until then.
    QueueAck = "queue:ack" => connection::queue_ack => answers::QueueAcked;
    /// Exchanges the token of this connection for a newer one of the same user.
    AuthRefresh = "auth:refresh" => connection::refresh => answers::Refreshed;
    /// Figures of the whole cluster; role `operator`.
    MonitoringMetrics = "monitoring:metrics" => monitoring::nothing_metrics => answers::MonitoringMetrics;
    /// The newest connection events; role `operator`.
    MonitoringEvents = "monitoring:events" => monitoring::events => answers::MonitoringEvents;
    /// Connections by address and user agent; role `operator`.
    MonitoringStats = "monitoring:stats" => monitoring::nothing_stats => answers::MonitoringStats;
    /// How the cluster is, with recommendations; role `operator`.
    MonitoringHealth = "monitoring:health" => monitoring::nothing_health => answers::MonitoringHealth;
}

/// A client event whose payload has been understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    CreateConversation(CreateConversation),
    UpdateConversation(UpdateConversation),
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
    AddMembers(ChangeMembers),
    RemoveMembers(ChangeMembers),
    SetRole(ChangeMembers),
    ExitConversation {
        conversation: ConversationId,
    },
    ArchiveConversation {
        conversation: ConversationId,
    },
    ReopenConversation {
        conversation: ConversationId,
    },
    RoomOnline {
        conversation: ConversationId,
    },
    Subscribe(Vec<ConversationId>),
    Unsubscribe(Vec<ConversationId>),
    /// `None`: whatever the socket follows.
    SubscriptionStatus(Option<Vec<ConversationId>>),
    /// As `SubscriptionStatus`.
    SubscriptionDetails(Option<Vec<ConversationId>>),
    SendMessage(SendMessage),
    EditMessage(EditMessage),
    DeleteMessage {
        message: MessageId,
    },
    React(React),
    Unreact(React),
    MarkDelivered(Watermark),
    MarkRead(Watermark),
    Typing {
        conversation: ConversationId,
        is_typing: bool,
    },
    TypingUsers {
        conversation: ConversationId,
    },
    History(History),
    Thread(Thread),
    Search(Search),
    DeliveryStatus {
        message: MessageId,
    },
    MessageStats {
        conversation: Option<ConversationId>,
    },
    ChoosePresence(ChoosePresence),
    Activity {
        activity: crate::objects::Activity,
        conversation: Option<ConversationId>,
    },
    UserStatus {
        user: UserId,
    },
    PresenceOf(Vec<UserId>),
    OnlineUsers(OnlineUsers),
    SubscribePresence(Vec<UserId>),
    UnsubscribePresence(Vec<UserId>),
    PresenceHistory(PresenceHistory),
    PresenceStats,
    CreateSession,
    RecoverSession(RecoverSession),
    SessionInfo,
    RecoveryStats,
    AckQueue(Vec<crate::ids::QueuedEventId>),
    RefreshAuth {
        token: String,
    },
    MonitoringMetrics,
    MonitoringEvents(MonitoringEvents),
    MonitoringStats,
    MonitoringHealth,
}

/// Default length of a page.
pub const DEFAULT_LIMIT: i64 = 50;
/// Greatest length of a page.
pub const MAX_LIMIT: i64 = 100;
/// Longest cursor, in characters.
const MAX_CURSOR: usize = 256;

type Decoded = Result<Call, Vec<Detail>>;

fn limit(fields: &mut Fields<'_>) -> i64 {
    fields
        .optional(&["limit"], &Number::between(1, MAX_LIMIT))
        .unwrap_or(DEFAULT_LIMIT)
}

/// Opaque: what an earlier page's `nextCursor` said.
fn cursor(fields: &mut Fields<'_>) -> Option<String> {
    fields.optional(&["cursor"], &Text(MAX_CURSOR))
}

fn conversation(fields: &mut Fields<'_>) -> Option<ConversationId> {
    fields.required(CONVERSATION, &Id::CONVERSATION)
}

fn message_id(fields: &mut Fields<'_>) -> Option<MessageId> {
    fields.required(&["messageId"], &Id::MESSAGE)
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_a_decoder_takes_its_schema_takes(payload in any_json()) {
            for event in ClientEvent::ALL {
                let schema = event.payload().schema();
                let valid = jsonschema::is_valid(schema.as_value(), &payload);
                prop_assert!(valid || Call::decode(*event, &payload).is_err(), "{event:?}: {payload}");
            }
        }
    }

    #[test]
    fn what_a_schema_asks_for_the_decoder_asks_for() {
        for event in ClientEvent::ALL {
            let shape = event.payload();
            let asks = shape.fields.iter().any(|field| field.required);
            let takes_nothing = jsonschema::is_valid(shape.schema().as_value(), &json!({}));
            assert!(!asks || !takes_nothing, "{event:?}");
            let decoded = Call::decode(*event, &json!({}));
            assert!(decoded.is_err() || takes_nothing, "{event:?}");
            assert!(!event.summary().is_empty(), "{event:?}");
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
