//! People who speak different dialects, on two nodes.

mod nobody;

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_protocol::Dialect;
use switchboard_testkit::client::{Connector, Event, Refused, SocketClient};

use crate::support::{Client, Cluster, Node, ORGANIZATION, Setup};

const HOUR: Duration = Duration::from_hours(1);
/// How long something is listened for that must not come.
const QUIET: Duration = Duration::from_millis(300);
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A socket in a namespace of its own.
struct Speaker(SocketClient);

impl Deref for Speaker {
    type Target = SocketClient;

    fn deref(&self) -> &SocketClient {
        &self.0
    }
}

impl DerefMut for Speaker {
    fn deref_mut(&mut self) -> &mut SocketClient {
        &mut self.0
    }
}

impl Speaker {
    async fn of(node: &Node, namespace: &str, user: &str) -> Self {
        let token = node.token(user, ORGANIZATION, HOUR);
        Self::with(node, namespace, json!({"token": token}))
            .await
            .unwrap()
    }

    async fn with(node: &Node, namespace: &str, auth: Value) -> Result<Self, Refused> {
        let connector = Connector::to(&node.url).namespace(namespace).auth(auth);
        connector.connect().await.map(Self)
    }

    /// A call that must succeed; its `data`.
    async fn ok(&self, event: &str, payload: Value) -> Value {
        let answer = self.call(event, payload).await;
        assert_eq!(answer["ok"], true, "{event}: {answer}");
        answer["data"].clone()
    }

    /// A call that must fail; its error object.
    async fn refused(&self, event: &str, payload: Value) -> Value {
        let answer = self.call(event, payload).await;
        assert_eq!(answer["ok"], false, "{event}: {answer}");
        answer["error"].clone()
    }

    /// The payload of the next event, which has this name.
    async fn hears(&mut self, name: &str) -> Value {
        let event = self.next_event(PATIENCE).await.unwrap();
        assert_eq!(event.name, name, "{event:?}");
        event.payload().clone()
    }

    /// The payload of the next event of this name.
    async fn waits_for(&mut self, name: &str) -> Value {
        self.wait_for(name).await.payload().clone()
    }

    /// What comes within a while.
    async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next_event(QUIET).await {
            events.push(event);
        }
        events
    }

    async fn hears_nothing_of(&mut self, name: &str) {
        let heard = self.rest().await;
        assert!(heard.iter().all(|event| event.name != name), "{heard:?}");
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Carol, who speaks natively, alice on `/messaging`, bob on `/chat`, and the group they are in.
async fn three(cluster: &Cluster) -> (Client, Speaker, Speaker, String) {
    let native = cluster.node(1).connect("carol").await;
    let alice = Speaker::of(cluster.node(1), "/messaging", "alice").await;
    let bob = Speaker::of(cluster.node(2), "/chat", "bob").await;
    let room = native.group(&["alice", "bob"]).await;
    // They are let into the room by the event of which they are not told.
    let call = json!({"conversationId": room});
    alice.ok("join_conversation", call).await;
    bob.ok("joinRoom", json!({"roomId": room})).await;
    (native, alice, bob, room)
}

const MESSAGE: [&str; 10] = [
    "content",
    "conversationId",
    "createdAt",
    "deliveredAt",
    "id",
    "imageUrl",
    "messageType",
    "metadata",
    "readAt",
    "senderId",
];

#[tokio::test]
async fn people_of_three_dialects_talk_to_each_other_on_two_nodes() {
    let cluster = Cluster::of(2).await;
    let (mut native, mut alice, mut bob, room) = three(&cluster).await;
    let user = alice.waits_for("authenticated").await;
    assert_eq!(user, json!({"userId": "alice"}));
    let sent = json!({
        "conversationId": room, "content": "from alice", "messageType": "IMAGE",
        "imageUrl": "https://example.com/a.png", "metadata": {"a": 1}, "tempId": "t1",
    });
    let answer = alice.ok("send_message", sent).await;
    let message = &answer["message"];
    assert_eq!(keys(message), MESSAGE);
    assert_eq!(message["messageType"], "IMAGE");
    assert_eq!(message["metadata"], json!({"a": 1}));
    let told = alice.waits_for("message_sent").await;
    assert_eq!(told, json!({"message": message, "tempId": "t1"}));
    let heard = bob.waits_for("receiveMessage").await;
    let expected = json!({
        "id": message["id"], "roomId": room, "authorId": "alice", "content": "from alice",
        "createdAt": message["createdAt"], "seq": 1,
    });
    assert_eq!(heard, expected);
    let heard = native.wait_for("message:new").await.payload()["message"].clone();
    assert_eq!(
        (&heard["type"], &heard["clientMessageId"]),
        (&json!("image"), &json!("t1"))
    );

    let reply = json!({"roomId": room, "content": "from bob"});
    let answer = bob.ok("sendMessage", reply).await;
    assert_eq!(keys(&answer["message"]), keys(&expected));
    let heard = alice.waits_for("message_received").await;
    assert_eq!(keys(&heard), ["message"]);
    assert_eq!(heard["message"]["content"], "from bob");
    assert_eq!(heard["message"]["messageType"], "TEXT");
    native.wait_for("message:new").await;

    native.say(&room, "from carol").await;
    assert_eq!(
        bob.waits_for("receiveMessage").await["content"],
        "from carol"
    );
    let heard = alice.waits_for("message_received").await;
    assert_eq!(heard["message"]["content"], "from carol");
}

#[tokio::test]
async fn changes_and_typing_are_told_where_there_is_a_word_for_them() {
    let cluster = Cluster::of(2).await;
    let (native, mut alice, mut bob, room) = three(&cluster).await;
    let own = native.say(&room, "from carol").await;
    let edit = json!({"messageId": own["id"], "content": "better"});
    native.ok("message:edit", edit).await;
    let edited = bob.waits_for("messageUpdated").await;
    assert_eq!(
        (&edited["id"], &edited["content"]),
        (&own["id"], &json!("better"))
    );
    native
        .ok("message:delete", json!({"messageId": own["id"]}))
        .await;
    let deleted = bob.waits_for("messageDeleted").await;
    assert_eq!(deleted, json!({"id": own["id"], "roomId": room}));

    let here = json!({"conversationId": room});
    alice.ok("typing_start", here.clone()).await;
    let typing = bob.waits_for("userTyping").await;
    assert_eq!(
        typing,
        json!({"roomId": room, "userId": "alice", "isTyping": true})
    );
    bob.ok("typing", json!({"roomId": room, "isTyping": true}))
        .await;
    let typing = alice.waits_for("user_typing").await;
    assert_eq!(
        typing,
        json!({"conversationId": room, "userId": "bob", "isTyping": true})
    );
    alice.waits_for("message_received").await;
    alice.ok("leave_conversation", here).await;
    native.say(&room, "not for alice").await;
    bob.waits_for("receiveMessage").await;
    alice.hears_nothing_of("message_received").await;
}

#[tokio::test]
async fn a_sender_gets_two_ticks_for_each_message_and_the_reader_marks_all_at_once() {
    let cluster = Cluster::of(2).await;
    let mut watch = cluster.node(1).connect("carol").await;
    let room = watch.group(&["alice", "bob"]).await;
    let mut alice = Speaker::of(cluster.node(1), "/messaging", "alice").await;
    let mut tablet = Speaker::of(cluster.node(2), "/messaging", "alice").await;
    let mut bob = Speaker::of(cluster.node(2), "/messaging", "bob").await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        let sent = json!({"conversationId": room, "content": format!("{number}")});
        ids.push(alice.ok("send_message", sent).await["message"]["id"].clone());
    }
    for id in &ids {
        assert_eq!(
            bob.waits_for("message_received").await["message"]["id"],
            *id
        );
        assert_eq!(tablet.waits_for("message_sent").await["message"]["id"], *id);
    }
    // One tick after the other, in their order; who else they are delivered to makes no difference.
    for sender in [&mut alice, &mut tablet] {
        for id in &ids {
            let delivered = sender.waits_for("message_delivered").await;
            assert_eq!(
                keys(&delivered),
                ["conversationId", "deliveredAt", "messageId", "userId"]
            );
            assert_eq!(
                (&delivered["messageId"], &delivered["userId"]),
                (id, &json!("bob"))
            );
        }
    }
    loop {
        let native = watch.wait_for("message:delivered").await;
        if native.payload()["upToSeq"] == 5 {
            break;
        }
    }
    let data = bob.ok("mark_read", json!({"conversationId": room})).await;
    assert_eq!(data, json!({"readSeq": 5, "unreadCount": 0}));
    let read = alice.waits_for("message_read").await;
    assert_eq!(
        (&read["messageId"], &read["userId"]),
        (&ids[4], &json!("bob"))
    );
    assert_eq!(
        keys(&read),
        ["conversationId", "messageId", "readAt", "userId"]
    );
    for (who, name) in [
        (&mut tablet, "message_received"),
        (&mut bob, "message_delivered"),
    ] {
        who.hears_nothing_of(name).await;
    }
}

#[tokio::test]
async fn a_receipt_of_a_message_that_no_socket_here_has_seen_names_it() {
    let cluster = Cluster::of(1).await;
    let mut native = cluster.node(1).connect("carol").await;
    let room = native.group(&["alice"]).await;
    let ids: Vec<Value> = {
        let alice = cluster.node(1).connect("alice").await;
        let first = alice.say(&room, "one").await;
        let second = alice.say(&room, "two").await;
        vec![first["id"].clone(), second["id"].clone()]
    };
    let mut alice = Speaker::of(cluster.node(1), "/messaging", "alice").await;
    native.wait_for("message:new").await;
    native
        .ok(
            "message:delivered",
            json!({"conversationId": room, "upToSeq": 2}),
        )
        .await;
    assert_eq!(
        alice.waits_for("message_delivered").await["messageId"],
        ids[1]
    );
    native
        .ok("message:read", json!({"messageId": ids[0]}))
        .await;
    assert_eq!(alice.waits_for("message_read").await["messageId"], ids[0]);
}

#[tokio::test]
async fn mistakes_and_refusals_are_told_in_the_dialects_words() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let room = node.connect("carol").await.group(&["alice"]).await;
    let mut alice = Speaker::of(node, "/messaging", "alice").await;
    alice.hears("authenticated").await;
    let wrong = json!({"conversationId": room, "content": " ", "messageType": "text"});
    let error = alice.refused("send_message", wrong).await;
    assert_eq!(error["code"], "VALIDATION_FAILED");
    assert_eq!(error["event"], "send_message");
    let details = json!([{"path": "messageType", "message": "must be IMAGE or TEXT"}]);
    assert_eq!(error["details"], details);
    let told = alice.hears("error").await;
    assert_eq!(
        told,
        json!({"code": "VALIDATION_FAILED", "message": error["message"]})
    );
    let empty = json!({"conversationId": room, "content": " "});
    let error = alice.refused("send_message", empty).await;
    assert_eq!(error["details"][0]["path"], "content");
    // The native words are not understood, and neither is another dialect.
    for event in ["message:send", "sendMessage"] {
        let error = alice.refused(event, json!({})).await;
        assert_eq!(
            (&error["code"], &error["event"]),
            (&json!("NOT_FOUND"), &json!(event))
        );
    }
    let mallory = Speaker::of(node, "/chat", "mallory").await;
    let send = json!({"roomId": room, "content": "x"});
    assert_eq!(
        mallory.refused("sendMessage", send).await["code"],
        "FORBIDDEN"
    );
    let token = node.token("eve", "other", HOUR);
    let eve = Speaker::with(node, "/chat", json!({"token": token}))
        .await
        .unwrap();
    assert_eq!(
        eve.refused("joinRoom", json!({"roomId": room})).await["code"],
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn presence_is_told_in_each_dialect_and_set_from_one() {
    let cluster = Cluster::of(2).await;
    let native = cluster.node(1).connect("carol").await;
    native.group(&["alice", "bob"]).await;
    let mut alice = Speaker::of(cluster.node(1), "/messaging", "alice").await;
    let mut bob = Speaker::of(cluster.node(2), "/chat", "bob").await;
    let is_bob = |told: &Value| told["userId"] == "bob";
    let mut online = alice.waits_for("user_online").await;
    while !is_bob(&online) {
        online = alice.waits_for("user_online").await;
    }
    assert_eq!(online, json!({"userId": "bob"}));
    bob.ok("updateStatus", json!({"status": "offline"})).await;
    let mut offline = alice.waits_for("user_offline").await;
    while !is_bob(&offline) {
        offline = alice.waits_for("user_offline").await;
    }
    assert_eq!(keys(&offline), ["lastSeen", "userId"]);
    drop(native);
    let mut gone = bob.waits_for("userStatus").await;
    while gone["userId"] != "carol" || gone["status"] != "offline" {
        gone = bob.waits_for("userStatus").await;
    }
    assert_eq!(keys(&gone), ["lastSeen", "status", "userId"]);
}

#[tokio::test]
async fn whoever_comes_is_told_of_unread_messages_where_the_table_says_so() {
    let cluster = Cluster::of(1).await;
    let native = cluster.node(1).connect("carol").await;
    let room = native.group(&["alice"]).await;
    native.group(&["alice"]).await;
    for text in ["one", "two"] {
        native.say(&room, text).await;
    }
    let mut alice = Speaker::of(cluster.node(1), "/messaging", "alice").await;
    let expected = json!({"conversationId": room, "count": 2, "total": 2});
    assert_eq!(alice.waits_for("unread_count").await, expected);
    // She may be told once more, because it has just changed; of nothing unread she is not told.
    for event in alice.rest().await {
        let is_other = event.name == "unread_count" && *event.payload() != expected;
        assert!(!is_other, "{event:?}");
    }
}

#[tokio::test]
async fn a_fourth_dialect_is_a_table_and_nothing_else() {
    let table = r#"
        namespace = "/irc"
        [forms.line]
        who = "senderId"
        what = "content"
        [in.PRIVMSG]
        call = "message:send"
        fields = { to = "conversationId", text = "content" }
        [[out]]
        on = ["message:new"]
        event = "PRIVMSG"
        caller = true
        payload = { from = "message", form = "line" }
    "#;
    let mut dialects = Dialect::built_in().unwrap();
    dialects.push(Dialect::read(table).unwrap());
    let setup = Setup {
        dialects,
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let native = cluster.node(1).connect("carol").await;
    let room = native.group(&["alice", "bob"]).await;
    let mut irc = Speaker::of(cluster.node(1), "/irc", "alice").await;
    let mut chat = Speaker::of(cluster.node(2), "/chat", "bob").await;
    irc.ok("PRIVMSG", json!({"to": room, "text": "hi"})).await;
    assert_eq!(
        irc.hears("PRIVMSG").await,
        json!({"who": "alice", "what": "hi"})
    );
    assert_eq!(chat.waits_for("receiveMessage").await["content"], "hi");
    chat.ok("sendMessage", json!({"roomId": room, "content": "ho"}))
        .await;
    assert_eq!(
        irc.hears("PRIVMSG").await,
        json!({"who": "bob", "what": "ho"})
    );
    assert!(irc.rest().await.is_empty(), "it has no other rows");
    let refused = Speaker::with(cluster.node(1), "/xmpp", json!({}))
        .await
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("Invalid namespace"),
        "{refused}"
    );
}

#[tokio::test]
async fn every_message_comes_once_and_in_order_to_every_dialect() {
    const EACH: usize = 60;
    let cluster = Cluster::of(2).await;
    let one = cluster.node(1).connect("carol").await;
    let two = cluster.node(2).connect("dave").await;
    let room = one.group(&["dave", "alice", "bob"]).await;
    let mut listeners = Vec::new();
    for number in [1, 2] {
        for (namespace, user) in [("/chat", "bob"), ("/messaging", "alice")] {
            listeners.push(Speaker::of(cluster.node(number), namespace, user).await);
        }
    }
    let send = |client: &'static str| format!("{client} speaks");
    let (first, second) = (send("carol"), send("dave"));
    let talk = async |who: &Client, text: &str| {
        for _ in 0..EACH {
            who.say(&room, text).await;
        }
    };
    tokio::join!(talk(&one, &first), talk(&two, &second));
    for listener in &mut listeners {
        let mut ids: Vec<String> = Vec::new();
        while ids.len() < 2 * EACH {
            let event = listener.next_event(PATIENCE).await.unwrap();
            let message = match event.name.as_str() {
                "receiveMessage" => event.payload().clone(),
                "message_received" => event.payload()["message"].clone(),
                _ => continue,
            };
            if let Some(seq) = message["seq"].as_u64() {
                assert_eq!(seq as usize, ids.len() + 1);
            }
            ids.push(message["id"].as_str().unwrap().to_owned());
        }
        let payload = json!({"conversationId": room, "limit": 100});
        let last = one.ok("message:history", payload).await;
        let last = last["messages"].as_array().unwrap().iter();
        let last: Vec<_> = last
            .map(|message| message["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids[2 * EACH - 100..], last);
    }
}

#[tokio::test]
async fn a_session_goes_on_only_in_its_own_namespace() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let mut alice = Speaker::of(node, "/messaging", "alice").await;
    alice.hears("authenticated").await;
    for (namespace, goes_on) in [("/messaging", true), ("/chat", false)] {
        let token = node.token("alice", ORGANIZATION, HOUR);
        let auth = json!({"token": token, "pid": alice.pid(), "offset": alice.offset()});
        let other = Speaker::with(node, namespace, auth).await.unwrap();
        assert_eq!(other.sid() == alice.sid(), goes_on, "{namespace}");
        if goes_on {
            alice = other;
            alice.waits_for("authenticated").await;
        }
    }
}
