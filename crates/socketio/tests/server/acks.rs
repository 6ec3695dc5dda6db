//! Answers to events of the server, and binary content both ways.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use switchboard_socketio::{AckError, Packet, SendError, Socket, attachment};

use crate::support::{Lab, PATIENCE, Raw, soon};

fn question(n: usize) -> Packet {
    Packet::event("/", "ask", &n).unwrap()
}

/// A server with one raw client in `/`, and its socket.
async fn one() -> (Lab, Raw, Socket) {
    let lab = Lab::start().await;
    let mut raw = lab.raw("EIO=4", &[]).await;
    raw.join().await;
    let socket = lab.io.sockets().pop().unwrap();
    (lab, raw, socket)
}

#[tokio::test]
async fn gives_each_answer_to_who_asked_whatever_their_order() {
    let (_lab, mut raw, socket) = one().await;
    let (first, second) = (question(1), question(2));
    let asking = async {
        let first = socket.emit_with_ack(&first, PATIENCE);
        let second = socket.emit_with_ack(&second, PATIENCE);
        tokio::join!(first, second)
    };
    let answering = async {
        assert_eq!(raw.text().await, r#"420["ask",1]"#);
        assert_eq!(raw.text().await, r#"421["ask",2]"#);
        raw.send_text(r#"431["two",{}]"#).await;
        raw.send_text("430[]").await;
    };
    let ((first, second), ()) = soon(async { tokio::join!(asking, answering) }).await;
    assert!(first.unwrap().args.is_empty());
    assert_eq!(second.unwrap().args, [json!("two"), json!({})]);
}

#[tokio::test]
async fn takes_an_answer_with_attachments() {
    let (_lab, mut raw, socket) = one().await;
    let packet = question(1);
    let answering = async {
        raw.text().await;
        let head = r#"462-0[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
        raw.send_text(head).await;
        raw.send_binary(b"zero").await;
        raw.send_binary(b"one").await;
    };
    let asking = socket.emit_with_ack(&packet, PATIENCE);
    let (answer, ()) = soon(async { tokio::join!(asking, answering) }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.args, [attachment(1), attachment(0)]);
    assert_eq!(
        answer.attachments,
        [&b"zero"[..], b"one"].map(Bytes::from_static)
    );
}

#[tokio::test]
async fn takes_the_first_answer_only() {
    let (_lab, mut raw, socket) = one().await;
    let packet = question(1);
    let answering = async {
        raw.text().await;
        for answer in ["430[1]", "430[2]", "439[3]"] {
            raw.send_text(answer).await;
        }
        raw.send_text("427[\"echo\",1]").await;
        assert_eq!(raw.text().await, "437[1]");
    };
    let asking = socket.emit_with_ack(&packet, PATIENCE);
    let (answer, ()) = soon(async { tokio::join!(asking, answering) }).await;
    assert_eq!(answer.unwrap().args, [json!(1)]);
}

#[tokio::test]
async fn gives_up_when_no_answer_comes_in_time_and_ignores_a_late_one() {
    let (_lab, mut raw, socket) = one().await;
    let time = Duration::from_millis(50);
    let answer = socket.emit_with_ack(&question(1), time).await;
    assert!(matches!(answer, Err(AckError::Timeout(after)) if after == time));
    raw.text().await;
    raw.send_text("430[\"late\"]").await;
    let packet = question(2);
    let asking = socket.emit_with_ack(&packet, PATIENCE);
    let answering = async {
        assert_eq!(raw.text().await, r#"421["ask",2]"#);
        raw.send_text("431[\"in time\"]").await;
    };
    let (answer, ()) = soon(async { tokio::join!(asking, answering) }).await;
    assert_eq!(answer.unwrap().args, [json!("in time")]);
}

#[tokio::test]
async fn gives_up_as_soon_as_the_socket_is_gone() {
    for leaves in [false, true] {
        let (_lab, mut raw, socket) = one().await;
        let packet = question(1);
        let going = async {
            raw.text().await;
            if leaves {
                raw.send_text("41").await;
            } else {
                drop(raw);
            }
        };
        let asking = socket.emit_with_ack(&packet, Duration::from_hours(1));
        let (answer, ()) = soon(async { tokio::join!(asking, going) }).await;
        assert!(matches!(answer, Err(AckError::Ended)), "{answer:?}");
        let later = socket.emit_with_ack(&packet, PATIENCE).await;
        assert!(matches!(later, Err(AckError::Send(SendError::Closed))));
    }
}

#[tokio::test]
async fn asks_nobody_in_another_namespace() {
    let (_lab, _raw, socket) = one().await;
    let strange = Packet::event("/chat", "ask", &1).unwrap();
    let answer = socket.emit_with_ack(&strange, PATIENCE).await;
    assert!(matches!(
        answer,
        Err(AckError::Send(SendError::WrongNamespace))
    ));
}

#[tokio::test]
async fn takes_and_gives_back_attachments_in_the_framing_of_either_engine() {
    let lab = Lab::start().await;
    let content = [0, 0xff, 4, b'b', 0x1e];
    for (query, prefix) in [("EIO=4", &[][..]), ("EIO=3", &[4])] {
        let mut raw = lab.raw(query, &[]).await;
        if prefix.is_empty() {
            raw.join().await;
        } else {
            assert_eq!(raw.text().await, "40");
            raw.text().await;
        }
        let framed = [prefix, &content].concat();
        raw.send_text(
            r#"452-7["mirror",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}}]"#,
        )
        .await;
        raw.send_binary(&framed).await;
        raw.send_binary(prefix).await;
        assert_eq!(
            raw.text().await,
            r#"462-7[{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}}]"#
        );
        assert_eq!(raw.binary().await, framed);
        assert_eq!(raw.binary().await, prefix);
    }
}

#[tokio::test]
async fn takes_and_gives_back_attachments_over_polling() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let event = r#"451-7["mirror",{"_placeholder":true,"num":0}]"#;
    let body = format!("{event}\u{1e}bAP8Eng==");
    assert_eq!(lab.http("POST", &session, &body).await.0, 200);
    let (_, answer) = lab.http("GET", &session, "").await;
    let expected = r#"461-7[{"_placeholder":true,"num":0}]"#;
    assert_eq!(answer, format!("{expected}\u{1e}bAP8Eng=="));
}
