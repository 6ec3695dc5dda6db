//! Joining namespaces.

use std::{net::SocketAddr, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use serde_json::{Value, json};
use switchboard_socketio::{DisconnectReason, Options, RemoteAddr, Transport};
use tower::ServiceExt;

use crate::support::{Lab, Seen, options};

#[tokio::test]
async fn answers_connect_with_an_id_of_its_own_and_then_what_was_held_back() {
    let lab = Lab::start().await;
    let client = lab.joined().await;
    assert_eq!(client.id.len(), 20);
    assert!(
        client
            .id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert_eq!(handshake["namespace"], "/");
    assert_eq!(handshake["auth"], Value::Null);
    let address = handshake["address"]
        .as_str()
        .expect("of the accepted connection");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert_eq!(handshake["transport"], "websocket");
    assert!(matches!(lab.next().await, Seen::Connected(id) if id.as_str() == client.id));
}

#[tokio::test]
async fn hands_the_auth_payload_to_the_application() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.join(r#"0/chat,{"token":"t"}"#).await;
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert_eq!(handshake["namespace"], "/chat");
    assert_eq!(handshake["auth"], json!({"token": "t"}));
}

#[tokio::test]
async fn refuses_with_message_and_data_and_undoes_joins_and_emits() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send(r#"0{"refuse":{"code":7}}"#).await;
    assert_eq!(
        client.recv().await,
        r#"4{"data":{"code":7},"message":"FORBIDDEN"}"#
    );
    assert!(lab.io.sockets_in("/", "early").is_empty());
    // The connection is still good for another try, and nothing of the first one comes after.
    client.join("0").await;
}

#[tokio::test]
async fn leaves_data_out_of_the_refusal_when_there_is_none() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send(r#"0/chat,{"refuse":null}"#).await;
    assert_eq!(client.recv().await, r#"4/chat,{"message":"FORBIDDEN"}"#);
}

#[tokio::test]
async fn refuses_unknown_namespaces_and_goes_on() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send("0/nowhere,").await;
    assert_eq!(
        client.recv().await,
        r#"4/nowhere,{"message":"Invalid namespace"}"#
    );
    client.join("0").await;
}

#[tokio::test]
async fn refuses_with_nothing_of_the_inside_when_the_connect_handler_panics() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send(r#"0{"panic":1}"#).await;
    assert_eq!(client.recv().await, r#"4{"message":"INTERNAL"}"#);
    assert_eq!(lab.io.handler_panics(), 1);
    assert!(lab.io.sockets_in("/", "early").is_empty());
}

#[tokio::test]
async fn puts_v4_clients_into_the_root_namespace_without_asking() {
    let lab = Lab::start().await;
    let mut client = lab.v4_client("token=abc").await;
    assert_eq!(client.recv().await, "0");
    assert_eq!(client.recv().await, r#"2["early",1]"#);
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert!(handshake["query"].as_str().unwrap().contains("token=abc"));
    client.send("0/chat?tok=1,").await;
    assert_eq!(client.recv().await, "0/chat,");
    lab.next().await;
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert!(handshake["query"].as_str().unwrap().starts_with("tok=1&"));
}

#[tokio::test]
async fn refuses_v4_clients_with_the_bare_data_or_message() {
    let lab = Lab::start().await;
    let mut client = lab.v4_client("refuse=1").await;
    assert_eq!(client.recv().await, r#"4"FORBIDDEN""#);
    client.send("0/nowhere,").await;
    assert_eq!(client.recv().await, r#"4/nowhere,"Invalid namespace""#);
}

#[tokio::test]
async fn serves_one_client_in_two_namespaces_under_two_ids() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    let first = client.id.clone();
    client.join("0/chat,").await;
    assert_ne!(first, client.id);
    let mut counts = lab.io.connections();
    counts.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    let counts: Vec<_> = counts
        .into_iter()
        .map(|c| (c.transport.as_str(), c.namespace, c.count))
        .collect();
    assert_eq!(
        counts,
        [
            ("websocket", "/".to_owned(), 1),
            ("websocket", "/chat".to_owned(), 1)
        ]
    );
}

#[tokio::test]
async fn connects_and_calls_over_polling() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    assert_eq!(
        lab.http("POST", &session, "421[\"echo\",\"hi\"]").await.0,
        200
    );
    let (_, answer) = lab.http("GET", &session, "").await;
    assert!(answer.contains(r#"431["hi"]"#), "{answer}");
    assert_eq!(
        lab.http("GET", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", "")
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn believes_the_layer_in_front_about_the_address() {
    let lab = Lab::start().await;
    let address: SocketAddr = "203.0.113.7:4711".parse().unwrap();
    let request = http::Request::get("/anywhere/?EIO=3&transport=polling")
        .extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 80))))
        .extension(RemoteAddr(address))
        .body(Body::empty())
        .unwrap();
    let answer = lab.service.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert_eq!(handshake["address"], "203.0.113.7:4711");
}

#[tokio::test]
async fn an_address_has_at_most_so_many_sessions_and_one_more_is_forbidden() {
    let options = Options {
        connections_per_address: 2,
        ..options()
    };
    let lab = Lab::with(options).await;
    let first = lab.polling_session().await;
    let _websocket = lab.client().await;
    let (status, body) = lab.http("GET", "EIO=4&transport=polling", "").await;
    let refused = r#"{"code":4,"message":"too many connections of this address"}"#;
    assert_eq!((status, body.as_str()), (403, refused));
    assert_eq!(lab.io.addresses_refused(), 1);
    // Those that are there go on, by upgrade too, and give their places back.
    let upgraded = lab.upgraded(&first).await;
    drop(upgraded);
    while lab.http("GET", "EIO=4&transport=polling", "").await.0 != 200 {}
    assert_eq!(lab.http("GET", "EIO=4&transport=polling", "").await.0, 403);
}

#[tokio::test]
async fn goes_on_over_websocket_after_an_upgrade() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let mut client = lab.upgraded(&session).await;
    client.send("21[\"echo\",\"hi\"]").await;
    assert_eq!(client.recv().await, r#"31["hi"]"#);
    assert_eq!(lab.io.connections()[0].transport, Transport::WebSocket);
}

#[tokio::test]
async fn closes_connections_that_join_nothing_in_time() {
    let options = Options {
        connect_timeout: Duration::from_millis(200),
        ..options()
    };
    let lab = Lab::with(options).await;
    let mut busy = lab.joined().await;
    // Its timer started after the other one's.
    let mut idle = lab.client().await;
    assert!(idle.until_closed().await.is_empty());
    busy.send("20[\"echo\",1]").await;
    assert_eq!(busy.recv().await, "30[1]");
}

#[tokio::test]
async fn ends_a_session_that_connect_made_for_a_client_that_left_meanwhile() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send(r#"0{"hold":1}"#).await;
    lab.until(&Seen::Held).await;
    client.vanish();
    while !lab.io.sockets_in("/", "early").is_empty() {
        tokio::task::yield_now().await;
    }
    lab.app.gate.add_permits(1);
    assert_eq!(lab.next().await, Seen::Joined(false));
    assert!(matches!(
        lab.next().await,
        Seen::Disconnected(
            _,
            DisconnectReason::TransportClose | DisconnectReason::TransportError
        )
    ));
    assert!(lab.io.sockets_in("/", "late").is_empty());
}
