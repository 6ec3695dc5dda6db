//! A connected socket that knows what belongs to the order of a conversation.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_testkit::client::{Event, SocketClient};

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A socket after its `session:ready`.
pub(crate) struct Client {
    socket: SocketClient,
    /// Payload of `session:ready`.
    pub(crate) ready: Value,
}

impl Deref for Client {
    type Target = SocketClient;

    fn deref(&self) -> &SocketClient {
        &self.socket
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut SocketClient {
        &mut self.socket
    }
}

impl Client {
    pub(crate) async fn begin(mut socket: SocketClient) -> Self {
        let ready = socket.wait_for("session:ready").await.payload().clone();
        Self { socket, ready }
    }

    pub(crate) fn into_inner(self) -> SocketClient {
        self.socket
    }

    /// A call that must succeed; its `data`.
    pub(crate) async fn ok(&self, event: &str, payload: Value) -> Value {
        let answer = self.call(event, payload).await;
        assert_eq!(answer["ok"], true, "{event}: {answer}");
        answer["data"].clone()
    }

    /// A call that must fail; its error object.
    pub(crate) async fn refused(&self, event: &str, payload: Value) -> Value {
        let answer = self.call(event, payload).await;
        assert_eq!(answer["ok"], false, "{event}: {answer}");
        assert!(answer.get("data").is_none(), "{answer}");
        answer["error"].clone()
    }

    /// Makes a group conversation; its id.
    pub(crate) async fn group(&self, others: &[&str]) -> String {
        let payload = json!({"kind": "group", "participantIds": others});
        let data = self.ok("conversation:create", payload).await;
        data["conversation"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message; the stored one.
    pub(crate) async fn say(&self, conversation: &str, content: &str) -> Value {
        let payload = json!({"conversationId": conversation, "content": content});
        self.ok("message:send", payload).await["message"].clone()
    }

    pub(crate) async fn join(&self, conversation: &str) -> Value {
        self.ok("conversation:join", json!({"conversationId": conversation}))
            .await
    }

    pub(crate) async fn leave(&self, conversation: &str) {
        self.ok(
            "conversation:leave",
            json!({"conversationId": conversation}),
        )
        .await;
    }

    /// Makes somebody a member; the `rev` of it.
    pub(crate) async fn add(&self, conversation: &str, user: &str) -> i64 {
        let payload = json!({"conversationId": conversation, "userId": user});
        let data = self.ok("conversation:add-members", payload).await;
        data["rev"].as_i64().unwrap()
    }

    /// Takes somebody out; the `rev` of it.
    pub(crate) async fn remove(&self, conversation: &str, user: &str) -> i64 {
        let payload = json!({"conversationId": conversation, "userId": user});
        let data = self.ok("conversation:remove-member", payload).await;
        data["rev"].as_i64().unwrap()
    }

    /// The `rev`s of the next sequenced events up to and with `last`, as they come.
    pub(crate) async fn revs_until(&mut self, last: i64) -> Vec<i64> {
        let mut revs = Vec::new();
        while revs.last() != Some(&last) {
            let Some(event) = self.next_event(PATIENCE).await else {
                panic!("rev {last} did not come; these did: {revs:?}")
            };
            revs.extend(is_sequenced(&event).then(|| rev_of(&event)));
        }
        revs
    }

    /// The `rev`s of the sequenced events that the server had sent when it answered this.
    pub(crate) async fn revs_so_far(&mut self) -> Vec<i64> {
        // Its ack comes after whatever was sent before.
        self.call("presence:user-status", json!({"userId": "nobody"}))
            .await;
        let mut revs = Vec::new();
        while let Some(event) = self.next_event(Duration::ZERO).await {
            revs.extend(is_sequenced(&event).then(|| rev_of(&event)));
        }
        revs
    }

    /// Nothing called `name` comes within `time`.
    pub(crate) async fn hears_nothing_of(&mut self, name: &str, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, self.next_event(time)).await {
            assert_ne!(event.name, name, "{event:?}");
        }
    }
}

/// Belongs to a conversation's order.
pub(crate) fn is_sequenced(event: &Event) -> bool {
    let names = ["message:new", "message:edited", "message:deleted"];
    names.contains(&event.name.as_str()) || event.name.starts_with("conversation:")
}

/// The `rev` of a sequenced event.
pub(crate) fn rev_of(event: &Event) -> i64 {
    let payload = event.payload();
    let object = payload
        .get("message")
        .or_else(|| payload.get("conversation"));
    // A change of a membership has it beside the member.
    object.unwrap_or(payload)["rev"].as_i64().unwrap()
}
