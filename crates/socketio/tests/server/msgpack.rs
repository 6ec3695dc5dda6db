//! Clients with socket.io-msgpack-parser beside those without.

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard_socketio::{Packet, attachment};

use crate::support::{Lab, Raw, decode, encode, soon};

/// A client that speaks nothing else.
struct Client(Raw);

impl Client {
    async fn joined(lab: &Lab, packet: &Value) -> (Self, Value) {
        let mut client = Self(lab.raw("EIO=4", &[]).await);
        client.send(packet).await;
        let answer = client.recv().await;
        (client, answer)
    }

    async fn send(&mut self, packet: &Value) {
        self.0.send_binary(&encode(packet)).await;
    }

    async fn recv(&mut self) -> Value {
        decode(&self.0.binary().await)
    }
}

fn early() -> Value {
    json!({"type": 2, "data": ["early", 1], "nsp": "/"})
}

#[tokio::test]
async fn answers_in_the_form_in_which_it_was_asked() {
    let lab = Lab::start().await;
    let connect = json!({"type": 0, "nsp": "/", "data": {"token": "t"}});
    let (mut client, answer) = Client::joined(&lab, &connect).await;
    assert_eq!(answer["type"], 0);
    assert_eq!(answer["nsp"], "/");
    assert_eq!(answer["data"]["sid"].as_str().map(str::len), Some(20));
    assert_eq!(client.recv().await, early());
    let content = json!({"$bytes": "abc"});
    let data = json!(["mirror", content, {"deep": [1.5, null, "\u{20ac}"]}]);
    client
        .send(&json!({"type": 2, "nsp": "/", "id": 7, "data": data}))
        .await;
    let data = json!([content, {"deep": [1.5, null, "\u{20ac}"]}]);
    assert_eq!(
        client.recv().await,
        json!({"type": 3, "nsp": "/", "id": 7, "data": data})
    );
    client.send(&json!({"type": 1, "nsp": "/"})).await;
    lab.next_end().await;
}

#[tokio::test]
async fn refuses_in_the_same_form() {
    let lab = Lab::start().await;
    let connect = json!({"type": 0, "nsp": "/chat", "data": {"refuse": {"code": 7}}});
    let (mut client, answer) = Client::joined(&lab, &connect).await;
    let error = json!({"message": "FORBIDDEN", "data": {"code": 7}});
    assert_eq!(answer, json!({"type": 4, "nsp": "/chat", "data": error}));
    client.send(&json!({"type": 0, "nsp": "/nowhere"})).await;
    let error = json!({"message": "Invalid namespace"});
    assert_eq!(
        client.recv().await,
        json!({"type": 4, "nsp": "/nowhere", "data": error})
    );
}

#[tokio::test]
async fn sends_one_broadcast_to_clients_of_every_kind() {
    let lab = Lab::start().await;
    let (mut msgpack, _) = Client::joined(&lab, &json!({"type": 0, "nsp": "/"})).await;
    msgpack.recv().await;
    let mut text = lab.raw("EIO=4", &[]).await;
    text.join().await;
    let mut old = lab.raw("EIO=3", &[]).await;
    assert_eq!(old.text().await, "40");
    old.text().await;
    let session = lab.polling_session().await;
    let content = vec![Bytes::from_static(b"abc")];
    let args = (attachment(0), "x");
    let packet = Packet::event_with_attachments("/", "both", &args, content).unwrap();
    assert_eq!(lab.io.broadcast("/", "early", &packet, None).await, 4);
    let data = json!(["both", {"$bytes": "abc"}, "x"]);
    let expected = json!({"type": 2, "nsp": "/", "data": data});
    assert_eq!(msgpack.recv().await, expected);
    let head = r#"451-["both",{"_placeholder":true,"num":0},"x"]"#;
    for (client, content) in [(&mut text, &b"abc"[..]), (&mut old, b"\x04abc")] {
        assert_eq!(client.text().await, head);
        assert_eq!(client.binary().await, content);
    }
    let (_, body) = lab.http("GET", &session, "").await;
    assert_eq!(body, format!("{head}\u{1e}bYWJj"));
}

#[tokio::test]
async fn asks_and_disconnects_in_the_same_form() {
    let lab = Lab::start().await;
    let (mut client, _) = Client::joined(&lab, &json!({"type": 0, "nsp": "/"})).await;
    client.recv().await;
    let socket = lab.io.sockets().pop().unwrap();
    let packet = Packet::event("/", "ask", &"x").unwrap();
    let asking = socket.emit_with_ack(&packet, crate::support::PATIENCE);
    let answering = async {
        let question = json!({"type": 2, "nsp": "/", "id": 0, "data": ["ask", "x"]});
        assert_eq!(client.recv().await, question);
        let data = json!([{"$bytes": "abc"}, 1]);
        client
            .send(&json!({"type": 3, "nsp": "/", "id": 0, "data": data}))
            .await;
    };
    let (answer, ()) = soon(async { tokio::join!(asking, answering) }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.args, [attachment(0), json!(1)]);
    assert_eq!(answer.attachments, [Bytes::from_static(b"abc")]);
    socket.disconnect();
    assert_eq!(client.recv().await, json!({"type": 1, "nsp": "/"}));
}
