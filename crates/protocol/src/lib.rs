//! What goes over the wire: client events and their payloads, server events, objects, and the one
//! table of error codes. No I/O, no policy: limits that an operator can set live in `messaging`.

pub mod answers;
pub mod calls;
pub mod content;
pub mod dialect;
pub mod documents;
pub mod envelope;
pub mod error;
pub mod fields;
pub mod ids;
pub mod objects;
pub mod server_events;
pub mod service;
pub mod timestamp;

pub use calls::{Call, ClientEvent};
pub use dialect::Dialect;
pub use error::{Current, Detail, ErrorCode, ErrorObject};
pub use ids::{ConversationId, MessageId, OrganizationId, QueuedEventId, UserId};
pub use objects::{
    Context, Conversation, ConversationStatus, ConversationView, Kind, Member, Message,
    MessageType, Presence, PresenceStatus, Reaction, Receipt, Role,
};
pub use server_events::{DeliveryClass, ServerEvent};
pub use timestamp::Timestamp;
