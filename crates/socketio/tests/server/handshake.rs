//! Requests that open sessions, and those that are refused (engine.io `test/server.js`).

use serde_json::{Value, json};
use switchboard_socketio::{Cookie, Options, Transport};

use crate::support::{Answer, Lab, Raw, Seen, options};

/// The headers that ask for a WebSocket.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// An error as every request but one for a WebSocket gets it.
fn refused(answer: &Answer, status: u16, body: &Value) {
    assert_eq!((answer.status, &answer.json()), (status, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// An error as a request for a WebSocket gets it.
fn refused_upgrade(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("connection"), Some("close"));
}

fn code(code: u8, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// The open packet of a session over polling.
fn open_packet(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(answer.text().strip_prefix('0').expect("open packet")).unwrap()
}

#[tokio::test]
async fn opens_a_session_with_all_that_a_client_has_to_know() {
    let lab = Lab::start().await;
    let answer = lab.get("EIO=4&transport=polling").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("set-cookie"), None);
    let mut packet = open_packet(&answer);
    let sid = packet["sid"].take();
    assert_eq!(sid.as_str().map(str::len), Some(20));
    assert_eq!(
        packet,
        json!({
            "sid": null,
            "upgrades": ["websocket"],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 102_400,
        })
    );
}

#[tokio::test]
async fn offers_no_upgrade_to_who_came_over_websocket() {
    let lab = Lab::start().await;
    let mut raw = Raw::open(lab.pipe(1024), "EIO=4", &[]).await;
    let open: Value = serde_json::from_str(&raw.text().await[1..]).unwrap();
    assert_eq!(open["upgrades"], json!([]));
}

#[tokio::test]
async fn opens_a_session_of_engine_3_with_a_length_in_front_and_the_connect_packet_behind() {
    let lab = Lab::start().await;
    let answer = lab.get("EIO=3&transport=polling").await;
    let (length, packet) = answer.text().split_once(':').unwrap();
    assert_eq!(length.parse(), Ok(packet.len()));
    assert!(packet.starts_with("0{"), "{packet}");
    let session = lab.opened(3).await;
    assert!(lab.http("GET", &session, "").await.1.starts_with("2:40"));
}

#[tokio::test]
async fn knows_two_transports() {
    let lab = Lab::start().await;
    for query in [
        "",
        "EIO=4",
        "EIO=4&transport=",
        "EIO=4&transport=abc",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=constructor",
        "EIO=4&transport=POLLING",
    ] {
        refused(&lab.get(query).await, 400, &code(0, "Transport unknown"));
    }
}

#[tokio::test]
async fn knows_no_session_that_it_did_not_open() {
    let lab = Lab::start().await;
    for sid in ["test", "AAAAAAAAAAAAAAAAAAAA", "%00", "__proto__", "\u{fc}"] {
        let query = format!("EIO=4&transport=polling&sid={sid}");
        refused(&lab.get(&query).await, 400, &code(1, "Session ID unknown"));
    }
}

#[tokio::test]
async fn opens_sessions_by_get_only() {
    let lab = Lab::start().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = lab.ask(method, "EIO=4&transport=polling", &[], b"").await;
        refused(&answer, 400, &code(2, "Bad handshake method"));
    }
    assert_eq!(lab.io.sessions(), 0);
}

#[tokio::test]
async fn refuses_methods_that_are_neither_get_nor_post_and_keeps_the_session() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(lab.ask(method, &session, &[], b"").await.status, 405);
    }
    assert_eq!(lab.http("POST", &session, "421[\"echo\",1]").await.0, 200);
}

#[tokio::test]
async fn refuses_a_websocket_session_without_an_upgrade() {
    let lab = Lab::start().await;
    let answer = lab.get("EIO=4&transport=websocket").await;
    refused(&answer, 400, &code(3, "Bad request"));
    let session = lab.opened(4).await;
    let other = session.replace("polling", "websocket");
    refused(&lab.get(&other).await, 400, &code(3, "Bad request"));
    assert_eq!(lab.http("POST", &session, "40").await.0, 200);
}

#[tokio::test]
async fn asks_the_application_before_a_session_opens() {
    let lab = Lab::start().await;
    let query = "EIO=4&transport=polling&forbid=";
    let told = lab.get(&format!("{query}banned")).await;
    refused(&told, 403, &code(4, "banned"));
    refused(&lab.get(query).await, 403, &code(4, "Forbidden"));
    let query = "EIO=4&transport=websocket&forbid=banned";
    let answer = lab.ask("GET", query, &UPGRADE, b"").await;
    refused_upgrade(&answer, 403, "banned");
    assert_eq!(lab.io.sessions(), 0);
}

#[tokio::test]
async fn serves_engine_3_on_demand_only() {
    let lab = Lab::with(Options {
        allow_eio3: false,
        ..options()
    })
    .await;
    for query in [
        "EIO=3&transport=polling",
        "EIO=5&transport=polling",
        "transport=polling",
    ] {
        let answer = lab.get(query).await;
        refused(&answer, 400, &code(5, "Unsupported protocol version"));
    }
    let answer = lab
        .ask("GET", "EIO=3&transport=websocket", &UPGRADE, b"")
        .await;
    refused_upgrade(&answer, 400, "Unsupported protocol version");
    assert_eq!(lab.get("EIO=4&transport=polling").await.status, 200);
}

#[tokio::test]
async fn tells_503_to_new_sessions_while_it_refuses_them() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    lab.io.refuse_new();
    let answer = lab.get("EIO=4&transport=polling").await;
    refused(&answer, 503, &json!({"message": "server is shutting down"}));
    let query = "EIO=4&transport=websocket";
    let answer = lab.ask("GET", query, &UPGRADE, b"").await;
    refused_upgrade(&answer, 503, "server is shutting down");
    // A session that is open may still upgrade.
    let mut client = lab.upgraded(&session).await;
    client.send("21[\"echo\",1]").await;
    assert_eq!(client.recv().await, "31[1]");
}

#[tokio::test]
async fn refuses_a_session_that_was_still_being_looked_at_when_it_began_to_refuse() {
    for (transport, headers) in [("polling", &[][..]), ("websocket", &UPGRADE)] {
        let lab = Lab::start().await;
        let query = format!("EIO=4&transport={transport}&dawdle");
        let asked = lab.begin("GET", &query, headers, b"").await;
        lab.until(&Seen::Held).await;
        lab.io.refuse_new();
        lab.app.gate.add_permits(1);
        assert_eq!(asked.answer().await.status, 503);
        assert_eq!(lab.io.sessions(), 0);
    }
}

#[tokio::test]
async fn answers_bad_requests_for_websockets_in_plain_words_and_hangs_up() {
    let lab = Lab::start().await;
    let unknown = "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA";
    let answer = lab.ask("GET", unknown, &UPGRADE, b"").await;
    refused_upgrade(&answer, 400, "Session ID unknown");
    let answer = lab.ask("GET", "EIO=4&transport=no", &UPGRADE, b"").await;
    refused_upgrade(&answer, 400, "Transport unknown");
    let answer = lab
        .ask("GET", "EIO=4&transport=polling", &UPGRADE, b"")
        .await;
    refused_upgrade(&answer, 400, "Bad request");
    let answer = lab
        .ask("POST", "EIO=4&transport=websocket", &UPGRADE, b"")
        .await;
    refused_upgrade(&answer, 400, "Bad handshake method");
}

#[tokio::test]
async fn refuses_a_request_for_a_websocket_that_is_none() {
    let lab = Lab::start().await;
    let query = "EIO=4&transport=websocket";
    let no_key = lab.ask("GET", query, &UPGRADE[..3], b"").await;
    assert_eq!(no_key.status, 400);
    assert_eq!(no_key.header("connection"), Some("close"));
    let mut old = UPGRADE;
    old[2].1 = "8";
    let old = lab.ask("GET", query, &old, b"").await;
    assert_eq!(old.status, 426);
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    let mut other = UPGRADE;
    other[1].1 = "h2c";
    assert_eq!(lab.ask("GET", query, &other, b"").await.status, 400);
    assert_eq!(lab.io.sessions(), 0);
}

#[tokio::test]
async fn serves_only_the_transports_of_its_options() {
    let lab = Lab::with(Options {
        transports: vec![Transport::Polling],
        ..options()
    })
    .await;
    let packet = open_packet(&lab.get("EIO=4&transport=polling").await);
    assert_eq!(packet["upgrades"], json!([]));
    let session = lab.opened(4).await;
    for query in [
        "EIO=4&transport=websocket",
        &session.replace("polling", "websocket"),
    ] {
        let answer = lab.ask("GET", query, &UPGRADE, b"").await;
        refused_upgrade(&answer, 400, "Transport unknown");
    }
    let lab = Lab::with(Options {
        transports: vec![Transport::WebSocket],
        ..options()
    })
    .await;
    let answer = lab.get("EIO=4&transport=polling").await;
    refused(&answer, 400, &code(0, "Transport unknown"));
    lab.joined().await;
}

#[tokio::test]
async fn sets_a_cookie_with_the_session_on_the_first_answer_of_polling() {
    let lab = Lab::with(Options {
        cookie: Some(Cookie {
            name: "stick".to_owned(),
            path: "/ws".to_owned(),
            secure: true,
        }),
        ..options()
    })
    .await;
    let answer = lab.get("EIO=4&transport=polling").await;
    let sid = open_packet(&answer)["sid"].as_str().unwrap().to_owned();
    let expected = format!("stick={sid}; Path=/ws; HttpOnly; Secure; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(expected.as_str()));
    let session = format!("EIO=4&transport=polling&sid={sid}");
    let later = lab.ask("POST", &session, &[], b"40").await;
    assert_eq!(later.header("set-cookie"), None);
}

#[tokio::test]
async fn begins_session_ids_with_the_prefix_and_no_socket_ids() {
    let lab = Lab::with(Options {
        engine_id_prefix: "node-7".to_owned(),
        ..options()
    })
    .await;
    let session = lab.polling_session().await;
    let (_, sid) = session.split_once("sid=").unwrap();
    assert!(sid.starts_with("node-7") && sid.len() == 20, "{sid}");
    let socket = lab.io.sockets().pop().unwrap().id();
    assert!(!socket.as_str().starts_with("node-7"));
}

#[tokio::test]
async fn shows_the_application_the_headers_that_it_named_and_no_others() {
    let lab = Lab::start().await;
    let headers = [
        ("user-agent", "test/1"),
        ("cookie", "secret"),
        ("user-agent", "test/2"),
    ];
    let mut raw = lab.raw("EIO=4", &headers).await;
    raw.join().await;
    let Seen::Connecting(handshake) = lab.next().await else {
        panic!("not a connect")
    };
    assert_eq!(
        handshake["headers"],
        json!(["user-agent: test/1", "user-agent: test/2"])
    );
}
