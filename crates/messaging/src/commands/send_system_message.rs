//! A message of the service, to a conversation of its organization: no call of clients, but of
//! whatever speaks for the service. It need not be a member.

use serde_json::{Map, Value};
use switchboard_protocol::{ConversationId, ErrorObject, MessageId, MessageType};

use super::send_message::outcome;
use super::stored_content;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::NewMessage;

/// What the service says.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemMessage {
    pub conversation: ConversationId,
    /// As sent: cleaned and measured as everybody's.
    pub content: String,
    pub metadata: Map<String, Value>,
    /// As in `message:send`: the same from the same service user stores once.
    pub client_message_id: Option<String>,
}

impl Messaging {
    /// Stores a message of type `system` whose sender is the caller. Whether the caller may speak for
    /// the service is its door's to know. The answer is the one of `message:send`; its events are to be
    /// given to [`publish`](Self::publish). An archived conversation is `CONFLICT`.
    pub async fn send_system_message(
        &self,
        caller: &Caller,
        input: SystemMessage,
    ) -> Result<Outcome, ErrorObject> {
        let new = NewMessage {
            id: MessageId(self.ids.next()),
            conversation: input.conversation,
            sender: caller.viewer().clone(),
            socket: caller.socket.clone(),
            kind: MessageType::System,
            content: stored_content(&input.content, &self.rules.get())?,
            reply_to: None,
            metadata: input.metadata,
            client_message_id: input.client_message_id,
            at: self.clock.now(),
        };
        outcome(caller, self.store.append(new).await?)
    }
}
