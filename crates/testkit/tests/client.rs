//! The client against a server that says exactly what the test tells it to.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use switchboard_testkit::client::{Connector, RawSocket, Refused, SocketClient};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// A server that waits for one client.
struct Script {
    listener: TcpListener,
}

impl Script {
    async fn listen() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (Self { listener }, url)
    }

    async fn accept(self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut peer = Peer {
            socket: accept_async(stream).await.unwrap(),
        };
        peer.says(r#"0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#)
            .await;
        peer
    }

    /// Accepts the client and lets it into the main namespace.
    async fn accept_connected(self) -> Peer {
        let mut peer = self.accept().await;
        assert_eq!(peer.hears().await, r#"40{"token":"t"}"#);
        peer.says(r#"40{"sid":"socket","pid":"private"}"#).await;
        peer
    }
}

struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    async fn says(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn hears(&mut self) -> String {
        self.socket
            .next()
            .await
            .unwrap()
            .unwrap()
            .into_text()
            .unwrap()
            .as_str()
            .to_owned()
    }
}

async fn connected() -> (SocketClient, Peer) {
    let (script, url) = Script::listen().await;
    let client = SocketClient::connect(&url, json!({"token": "t"}));
    let (client, peer) = tokio::join!(client, script.accept_connected());
    (client.unwrap(), peer)
}

#[tokio::test]
async fn a_client_knows_its_ids() {
    let (client, _peer) = connected().await;
    assert_eq!((client.sid(), client.pid()), ("socket", Some("private")));
}

#[tokio::test]
async fn a_call_gets_its_own_ack_whatever_the_order() {
    let (client, mut peer) = connected().await;
    let answers =
        async { tokio::join!(client.call("one", json!({})), client.call("two", json!(2))) };
    let server = async {
        assert_eq!(peer.hears().await, r#"420["one",{}]"#);
        assert_eq!(peer.hears().await, r#"421["two",2]"#);
        peer.says(r#"431["second"]"#).await;
        peer.says(r#"430["first"]"#).await;
    };
    let (answers, ()) = tokio::join!(answers, server);
    assert_eq!(answers, (json!("first"), json!("second")));
}

#[tokio::test]
async fn events_come_in_order_and_waiting_for_one_loses_no_other() {
    let (mut client, mut peer) = connected().await;
    for name in ["a", "b", "c"] {
        peer.says(&format!(r#"42["{name}",{{"n":1}},"offset-{name}"]"#))
            .await;
    }
    let event = client.wait_for("b").await;
    assert_eq!(
        (event.payload(), client.offset()),
        (&json!({"n": 1}), Some("offset-b"))
    );
    assert_eq!(
        client
            .next_event(Duration::from_secs(9))
            .await
            .unwrap()
            .name,
        "a"
    );
    assert_eq!(
        client
            .next_event(Duration::from_secs(9))
            .await
            .unwrap()
            .name,
        "c"
    );
    assert_eq!(client.next_event(Duration::from_millis(20)).await, None);
}

#[tokio::test]
async fn pings_and_asked_for_acks_are_answered() {
    let (mut client, mut peer) = connected().await;
    peer.says("2").await;
    assert_eq!(peer.hears().await, "3");
    peer.says(r#"429["are you there"]"#).await;
    let question = client.wait_for("are you there").await;
    client.answer(&question, json!("yes")).await;
    assert_eq!(peer.hears().await, r#"439["yes"]"#);
}

#[tokio::test]
async fn a_refused_connect_says_why() {
    let (script, url) = Script::listen().await;
    let client = Connector::to(&url)
        .namespace("/chat")
        .auth(json!({"token": "bad"}))
        .connect();
    let server = async {
        let mut peer = script.accept().await;
        assert_eq!(peer.hears().await, r#"40/chat,{"token":"bad"}"#);
        peer.says(r#"44/chat,{"message":"UNAUTHENTICATED","data":{"code":"UNAUTHENTICATED"}}"#)
            .await;
    };
    let (refused, ()) = tokio::join!(client, server);
    let expected = Refused::ConnectError {
        message: "UNAUTHENTICATED".to_owned(),
        data: json!({"code": "UNAUTHENTICATED"}),
    };
    assert_eq!(refused.unwrap_err(), expected);
}

#[tokio::test]
async fn a_handshake_refused_by_http_says_its_status() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (script, url) = Script::listen().await;
    let server = async {
        let (mut stream, _) = script.listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    };
    let client = Connector::to(&url)
        .header("Origin", "https://evil.example")
        .connect();
    let (refused, request) = tokio::join!(client, server);
    assert_eq!(refused.unwrap_err(), Refused::Http(403));
    assert!(request.contains("https://evil.example"), "{request}");
}

#[tokio::test]
async fn the_end_says_whose_it_was() {
    let (mut client, mut peer) = connected().await;
    peer.says(r#"42["last"]"#).await;
    peer.says("41").await;
    assert_eq!(client.wait_for_end().await, "io server disconnect");
    assert_eq!(
        client.next_event(Duration::ZERO).await.unwrap().name,
        "last"
    );

    let (mut client, peer) = connected().await;
    drop(peer);
    assert_eq!(client.wait_for_end().await, "transport close");
}

#[tokio::test]
async fn a_second_ack_is_noticed() {
    let (mut client, mut peer) = connected().await;
    let server = async {
        peer.hears().await;
        peer.says(r#"430["once"]"#).await;
        peer.says(r#"430["twice"]"#).await;
    };
    tokio::join!(client.call("anything", json!({})), server);
    assert_eq!(client.wait_for_end().await, "ack 0 was not due");
}

#[tokio::test]
async fn leaving_is_said_to_the_server() {
    let (client, mut peer) = connected().await;
    let server = async { (peer.hears().await, peer.socket.next().await) };
    let ((), (said, next)) = tokio::join!(client.disconnect(), server);
    assert_eq!(said, "41");
    assert!(matches!(next, Some(Ok(Message::Close(_)))), "{next:?}");
}

#[tokio::test]
async fn a_raw_socket_sends_what_it_is_told() {
    let (script, url) = Script::listen().await;
    let (raw, mut peer) = tokio::join!(RawSocket::open(&url), script.accept());
    let mut raw = raw.unwrap();
    assert_eq!(raw.handshake().await.unwrap()["sid"], "engine");
    raw.send("4garbage").await;
    assert_eq!(peer.hears().await, "4garbage");
}
