//! Connection state recovery, as far as it is the runtime's (socket.io
//! `test/connection-state-recovery.ts`): who is told what, in which order.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;
use switchboard_socketio::{
    Handshake, Packet, Recovery, RestoreError, Socket, SocketId, attachment,
};

use crate::support::{Client, Lab, Seen};

const ID: &str = "AbCdEfGhIjKlMnOpQrSt";

/// The event `missed` with a number and an offset.
fn missed(number: usize) -> Packet {
    Packet::event("/", "missed", &number)
        .unwrap()
        .with_offset(&format!("o{number}"))
}

fn recovery(replay: Vec<Packet>) -> Recovery {
    Recovery {
        id: SocketId::parse(ID).unwrap(),
        pid: "secret".to_owned(),
        rooms: vec!["a".to_owned(), "b".to_owned()],
        replay,
    }
}

/// A server that does `greet` for each client that connects.
async fn lab(greet: impl Fn(&Handshake, &Socket) + Send + Sync + 'static) -> Lab {
    let lab = Lab::start().await;
    assert!(lab.app.greet.set(Box::new(greet)).is_ok());
    lab
}

/// A server whose clients all get the session back that asks for it, or a `pid` of their own.
async fn recovering() -> Lab {
    lab(|handshake, socket| match handshake.auth.get("pid") {
        Some(pid) => {
            assert_eq!(pid, "secret");
            socket
                .restore(recovery(vec![missed(0), missed(1)]))
                .unwrap();
        }
        None => socket.set_pid("secret").unwrap(),
    })
    .await
}

/// Joins; gives the id and the payload of the answer. Then comes `early`.
async fn join(client: &mut Client, packet: &str) -> serde_json::Value {
    client.send(packet).await;
    let answer = client.recv().await;
    let payload = serde_json::from_str(answer.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(client.recv().await, r#"2["early",1]"#);
    payload
}

#[tokio::test]
async fn tells_a_client_the_secret_with_which_it_may_come_back() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    let payload = join(&mut client, "0").await;
    assert_eq!(payload["pid"], "secret");
    assert_ne!(payload["sid"], ID);
    assert_eq!(payload.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn gives_the_old_id_and_rooms_back_and_what_was_missed_before_the_answer() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    client.send(r#"0{"pid":"secret","offset":"o"}"#).await;
    assert_eq!(client.recv().await, r#"2["missed",0,"o0"]"#);
    assert_eq!(client.recv().await, r#"2["missed",1,"o1"]"#);
    let answer = format!(r#"0{{"pid":"secret","sid":"{ID}"}}"#);
    assert_eq!(client.recv().await, answer);
    assert_eq!(client.recv().await, r#"2["early",1]"#);
    let socket = lab.io.sockets_in("/", "b").pop().unwrap();
    assert_eq!(socket.id().as_str(), ID);
    let mut rooms = socket.rooms();
    rooms.sort();
    assert_eq!(rooms, ["a", "b", "early"]);
}

#[tokio::test]
async fn goes_from_what_was_missed_to_what_comes_without_a_seam() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    client.send(r#"0{"pid":"secret","hold":1}"#).await;
    lab.until(&Seen::Held).await;
    for n in 2..100 {
        assert_eq!(lab.io.broadcast("/", "a", &missed(n), None).await, 1);
    }
    lab.app.gate.add_permits(1);
    for n in 100..200 {
        assert_eq!(lab.io.broadcast("/", "a", &missed(n), None).await, 1);
        tokio::task::yield_now().await;
    }
    let mut got = Vec::new();
    while got.len() < 202 {
        got.push(client.recv().await);
    }
    assert!(got[2].starts_with("0{"), "{:?}", &got[..4]);
    assert_eq!(got[3], r#"2["early",1]"#);
    got.drain(2..4);
    for (n, packet) in got.iter().enumerate() {
        assert_eq!(*packet, format!(r#"2["missed",{n},"o{n}"]"#));
    }
}

/// What `try_restore` said to one client.
async fn outcome(
    try_restore: impl Fn(&Socket) -> Result<(), RestoreError> + Send + Sync + 'static,
) -> Result<(), RestoreError> {
    let said = Arc::new(Mutex::new(None));
    let told = said.clone();
    let lab = lab(move |_, socket| *told.lock().unwrap() = Some(try_restore(socket))).await;
    lab.joined().await;
    said.lock().unwrap().take().unwrap()
}

#[tokio::test]
async fn restores_nothing_to_a_socket_that_has_an_id() {
    let said = outcome(|socket| {
        let id = socket.id();
        let said = socket.restore(recovery(Vec::new()));
        assert_eq!(socket.id(), id);
        assert!(socket.rooms().is_empty());
        said
    });
    assert_eq!(said.await, Err(RestoreError::AlreadyNamed));
}

#[tokio::test]
async fn restores_no_packet_of_another_namespace() {
    let said = outcome(|socket| {
        let strange = Packet::event("/chat", "x", &1).unwrap();
        let said = socket.restore(recovery(vec![strange]));
        assert!(socket.rooms().is_empty());
        // It may be tried again.
        socket.restore(recovery(Vec::new())).unwrap();
        assert_eq!(socket.id().as_str(), ID);
        said
    });
    assert_eq!(said.await, Err(RestoreError::WrongNamespace));
}

#[tokio::test]
async fn restores_nothing_after_the_answer() {
    let lab = Lab::start().await;
    let _client = lab.joined().await;
    let socket = lab.io.sockets().pop().unwrap();
    let said = socket.restore(recovery(Vec::new()));
    assert_eq!(said, Err(RestoreError::NotConnecting));
    assert_eq!(socket.set_pid("late"), Err(RestoreError::NotConnecting));
}

#[tokio::test]
async fn tells_a_refused_client_nothing_of_the_session_it_asked_for() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    client.send(r#"0{"pid":"secret","refuse":1}"#).await;
    assert_eq!(client.recv().await, r#"4{"data":1,"message":"FORBIDDEN"}"#);
    assert!(lab.io.sockets_in("/", "a").is_empty());
}

/// Sends to everybody what ends in a string, or not, in every way.
async fn send_strings(lab: &Lab) {
    let bytes = Bytes::from_static(b"x");
    for packet in [
        Packet::event("/", "text", &"x").unwrap(),
        Packet::event_args("/", "none", &[(); 0]).unwrap(),
        Packet::event("/", "list", &["x"]).unwrap(),
        Packet::event("/", "offset", &"x").unwrap().with_offset("o"),
        Packet::event_with_attachments("/", "both", &(attachment(0), "x"), vec![bytes]).unwrap(),
    ] {
        lab.io.broadcast("/", "early", &packet, None).await;
        lab.io.broadcast_volatile("/", "early", &packet, None).await;
    }
}

#[tokio::test]
async fn ends_no_event_in_a_string_that_a_recoverable_client_would_take_for_an_offset() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    join(&mut client, "0").await;
    send_strings(&lab).await;
    for expected in [
        r#"2["text","x",null]"#,
        r#"2["none",null]"#,
        r#"2["list",["x"]]"#,
        r#"2["offset","x","o"]"#,
    ] {
        assert_eq!(client.recv().await, expected);
        assert_eq!(client.recv().await, expected);
    }
    let both = r#"51-["both",{"_placeholder":true,"num":0},"x",null]"#;
    assert_eq!(client.recv().await, both);
}

#[tokio::test]
async fn leaves_the_events_of_others_as_they_are() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    send_strings(&lab).await;
    for expected in [
        r#"2["text","x"]"#,
        r#"2["none"]"#,
        r#"2["list",["x"]]"#,
        r#"2["offset","x"]"#,
    ] {
        assert_eq!(client.recv().await, expected);
        assert_eq!(client.recv().await, expected);
    }
}

#[tokio::test]
async fn tells_an_unusable_offset_while_offsets_are_withheld() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    join(&mut client, "0").await;
    let socket = lab.io.sockets().pop().unwrap();
    let all = async |n: usize| lab.io.broadcast("/", "early", &missed(n), None).await;
    all(1).await;
    socket.withhold_offsets(true);
    all(2).await;
    socket.withhold_offsets(false);
    all(3).await;
    let doubtful = missed(4).without_certainty();
    lab.io.broadcast("/", "early", &doubtful, None).await;
    for expected in [
        r#"2["missed",1,"o1"]"#,
        r#"2["missed",2,"-"]"#,
        r#"2["missed",3,"o3"]"#,
        r#"2["missed",4,"-"]"#,
    ] {
        assert_eq!(client.recv().await, expected);
    }
}

/// Emits an event that ends in a string before the client becomes recoverable.
fn emit_first(socket: &Socket) {
    socket
        .emit(&Packet::event("/", "first", &"x").unwrap())
        .unwrap();
}

#[tokio::test]
async fn guards_what_was_emitted_before_the_client_became_recoverable() {
    let lab = lab(|_, socket| {
        emit_first(socket);
        socket.set_pid("secret").unwrap();
    })
    .await;
    let mut client = lab.client().await;
    client.send("0").await;
    assert!(client.recv().await.starts_with(r#"0{"pid":"secret","#));
    assert_eq!(client.recv().await, r#"2["first","x",null]"#);
}

#[tokio::test]
async fn guards_a_replayed_event_without_an_offset() {
    let lab = lab(|_, socket| {
        let replay = vec![Packet::event("/", "plain", &"x").unwrap(), missed(1)];
        socket.restore(recovery(replay)).unwrap();
    })
    .await;
    let mut client = lab.client().await;
    client.send("0").await;
    assert_eq!(client.recv().await, r#"2["plain","x",null]"#);
    assert_eq!(client.recv().await, r#"2["missed",1,"o1"]"#);
}

#[tokio::test]
async fn makes_no_client_of_protocol_4_recoverable() {
    let lab = lab(|_, socket| {
        socket.set_pid("secret").unwrap();
        emit_first(socket);
    })
    .await;
    let mut client = lab.v4_client("").await;
    assert_eq!(client.recv().await, "0");
    assert_eq!(client.recv().await, r#"2["first","x"]"#);
    assert_eq!(client.recv().await, r#"2["early",1]"#);
    let text = Packet::event("/", "text", &"x").unwrap();
    lab.io.broadcast("/", "early", &text, None).await;
    assert_eq!(client.recv().await, r#"2["text","x"]"#);
}

#[tokio::test]
async fn leaves_acks_and_events_that_want_one_as_they_are() {
    let lab = recovering().await;
    let mut client = lab.client().await;
    join(&mut client, "0").await;
    client.send(r#"27["echo","text"]"#).await;
    assert_eq!(client.recv().await, r#"37["text"]"#);
    let socket = lab.io.sockets().pop().unwrap();
    // The client appends a function, which is no offset.
    let packet = Packet::event("/", "ask", &"x").unwrap();
    let time = crate::support::PATIENCE;
    let answering = async {
        assert_eq!(client.recv().await, r#"20["ask","x"]"#);
        client.send("30[1]").await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack(&packet, time), answering);
    assert_eq!(answer.unwrap().args, [json!(1)]);
}
