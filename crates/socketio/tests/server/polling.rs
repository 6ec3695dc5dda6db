//! Long-polling: polls, POSTs and what breaks them (engine.io `test/server.js`).

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use switchboard_socketio::{DisconnectReason, Options, Packet};

use crate::support::{Answer, Lab, options, soon};

/// The session is gone for `reason`.
async fn ended(lab: &Lab, session: &str, reason: DisconnectReason) {
    assert_eq!(lab.next_end().await.1, reason);
    let answer = lab.get(session).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

async fn emit(lab: &Lab, name: &str, value: &str) {
    let packet = Packet::event("/", name, &value).unwrap();
    assert_eq!(lab.io.broadcast("/", "early", &packet, None).await, 1);
}

#[tokio::test]
async fn answers_a_post_with_ok_as_html() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let answer = lab.ask("POST", &session, &[], b"42[\"hi\"]").await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    // A download dialog came up in some browsers with text/plain.
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn answers_one_poll_with_all_that_waits() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for name in ["a", "b", "c"] {
        emit(&lab, name, "\u{20ac}").await;
    }
    let answer = lab.get(&session).await;
    assert_eq!(
        answer.text(),
        "42[\"a\",\"\u{20ac}\"]\u{1e}42[\"b\",\"\u{20ac}\"]\u{1e}42[\"c\",\"\u{20ac}\"]"
    );
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
}

#[tokio::test]
async fn answers_a_poll_that_waits_as_soon_as_something_comes() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let poll = lab.begin("GET", &session, &[], b"").await;
    emit(&lab, "now", "x").await;
    assert_eq!(poll.answer().await.text(), r#"42["now","x"]"#);
}

#[tokio::test]
async fn closes_on_overlapping_polls_and_ends_the_first_in_good_order() {
    for (revision, close) in [(4, "1"), (3, "1:1")] {
        let lab = Lab::start().await;
        let session = lab.opened(revision).await;
        if revision == 4 {
            lab.http("POST", &session, "40").await;
        }
        lab.poll_until(&session, "early").await;
        let polls = [lab.call("GET", &session, ""), lab.call("GET", &session, "")];
        let [first, second] = polls;
        let (first, second) = soon(async { tokio::join!(first, second) }).await;
        assert_eq!(first, (200, close.to_owned()));
        assert_eq!(second, (400, String::new()));
        ended(&lab, &session, DisconnectReason::TransportError).await;
    }
}

#[tokio::test]
async fn closes_on_overlapping_posts() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let first = lab
        .begin("POST", &session, &[("content-length", "100")], b"42[")
        .await;
    let second = loop {
        // The first may come in later than the second.
        let answer = lab.ask("POST", &session, &[], b"42[\"x\"]").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((second.status, second.text()), (400, ""));
    assert_eq!(first.answer().await.status, 400);
    ended(&lab, &session, DisconnectReason::TransportError).await;
}

#[tokio::test]
async fn takes_a_post_while_a_poll_waits() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let poll = lab.begin("GET", &session, &[], b"").await;
    lab.http("POST", &session, "425[\"echo\",1]").await;
    assert_eq!(poll.answer().await.text(), "435[1]");
}

#[tokio::test]
async fn closes_when_a_poll_is_aborted() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    lab.abort("GET", &session, "0").await;
    ended(&lab, &session, DisconnectReason::TransportError).await;
}

#[tokio::test]
async fn closes_when_a_post_is_aborted() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    lab.abort("POST", &session, "100").await;
    ended(&lab, &session, DisconnectReason::TransportError).await;
}

#[tokio::test]
async fn ends_a_post_that_dribbles_in_with_its_session() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let headers = [("content-length", "1000")];
    let mut post = lab.begin("POST", &session, &headers, b"42[").await;
    post.send(b"\"ever").await;
    lab.io.sockets().pop().unwrap().close();
    assert_eq!(post.answer().await.status, 400);
}

#[tokio::test]
async fn takes_binary_bodies_of_engine_3_clients_only() {
    let lab = Lab::start().await;
    let headers = [("content-type", "application/octet-stream")];
    let session = lab.polling_session().await;
    let answer = lab.ask("POST", &session, &headers, b"42[\"x\"]").await;
    assert_eq!(answer.status, 400);
    ended(&lab, &session, DisconnectReason::TransportError).await;

    let session = lab.opened(3).await;
    let text = br#"451-0["mirror",{"_placeholder":true,"num":0}]"#;
    let mut body = vec![0, 4, 5, 0xff];
    body.extend_from_slice(text);
    body.extend_from_slice(&[1, 5, 0xff, 4, 0, 0xff, 0x80, 0x31]);
    assert_eq!(lab.ask("POST", &session, &headers, &body).await.status, 200);
    let answer = soon(async {
        loop {
            let answer = lab.get(&session).await;
            if answer.header("content-type") == Some("application/octet-stream") {
                break answer;
            }
        }
    })
    .await;
    // The same bytes come back, in the same form.
    let expected = [0x01, 5, 0xff, 4, 0, 0xff, 0x80, 0x31];
    assert!(answer.body.ends_with(&expected), "{answer:?}");
}

#[tokio::test]
async fn sends_base64_to_an_engine_3_client_that_cannot_take_bytes() {
    let lab = Lab::start().await;
    let query = "EIO=3&transport=polling&b64=1";
    let answer = lab.get(query).await;
    let sid = answer.text().split(r#""sid":""#).nth(1).unwrap();
    let session = format!("{query}&sid={}", &sid[..20]);
    lab.poll_until(&session, "early").await;
    let body = r#"45:451-0["mirror",{"_placeholder":true,"num":0}]10:b4AAECAwQ="#;
    assert_eq!(body.split_at(3).1.find("10:b4"), Some(45));
    assert_eq!(lab.http("POST", &session, body).await.0, 200);
    let answer = lab.get(&session).await;
    assert!(answer.text().ends_with("10:b4AAECAwQ="), "{answer:?}");
}

#[tokio::test]
async fn serves_jsonp_to_engine_3_clients() {
    let lab = Lab::start().await;
    let query = "EIO=3&transport=polling&j=4";
    let answer = lab.get(query).await;
    let text = answer.text();
    assert!(
        text.starts_with("___eio[4](\"") && text.ends_with("\");"),
        "{text}"
    );
    let sid = text.split(r#"\"sid\":\""#).nth(1).unwrap();
    let session = format!("{query}&sid={}", &sid[..20]);
    lab.poll_until(&session, "early").await;
    // A form: 18:421["echo","a\nb"] as such a client escapes it.
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let form = b"d=18%3A421%5B%22echo%22%2C%22a%5C%5Cnb%22%5D";
    assert_eq!(lab.ask("POST", &session, &headers, form).await.status, 200);
    let answer = lab.get(&session.replace("j=4", "j=alert(1)5")).await;
    assert_eq!(answer.text(), "___eio[15](\"11:431[\\\"a\\\\nb\\\"]\");");
}

#[tokio::test]
async fn refuses_a_payload_that_it_cannot_read_and_closes() {
    for (revision, body) in [
        (4, ""),
        (4, "x"),
        (4, "0{}"),
        (4, "b!"),
        (4, "42[\"a\"]\u{1e}"),
        (3, "4:40"),
        (3, "x"),
        (3, ""),
    ] {
        let lab = Lab::start().await;
        let session = lab.opened(revision).await;
        if revision == 4 {
            lab.http("POST", &session, "40").await;
        }
        lab.poll_until(&session, "early").await;
        let answer = lab.http("POST", &session, body).await;
        assert_eq!(answer.0, 400, "{revision} {body:?}");
        ended(&lab, &session, DisconnectReason::ParseError).await;
    }
}

#[tokio::test]
async fn refuses_a_chunked_body_that_grows_too_large_and_goes_on() {
    let lab = Lab::with(Options {
        max_packet: 1_000,
        ..options()
    })
    .await;
    let session = lab.polling_session().await;
    let chunk = format!("190\r\n{}\r\n", "x".repeat(400));
    let headers = [("transfer-encoding", "chunked")];
    let mut post = lab
        .begin("POST", &session, &headers, chunk.as_bytes())
        .await;
    post.send(chunk.as_bytes()).await;
    post.send(chunk.as_bytes()).await;
    assert_eq!(post.answer().await.status, 413);
    assert_eq!(lab.http("POST", &session, "421[\"echo\",1]").await.0, 200);
}

/// The answer to a poll that accepts `encoding`, of exactly `size` bytes before compression.
async fn answer_of(lab: &Lab, session: &str, size: usize, encoding: &str) -> Answer {
    let frame = r#"42["big",""]"#.len();
    emit(lab, "big", &"x".repeat(size - frame)).await;
    let headers = [("accept-encoding", encoding)];
    lab.ask("GET", session, &headers, b"").await
}

#[tokio::test]
async fn compresses_answers_from_the_threshold_on_as_the_client_accepts() {
    let lab = Lab::with(Options {
        compression_threshold: 500,
        ..options()
    })
    .await;
    let session = lab.polling_session().await;
    let plain = answer_of(&lab, &session, 499, "gzip").await;
    assert_eq!(
        (plain.header("content-encoding"), plain.body.len()),
        (None, 499)
    );
    let gzip = answer_of(&lab, &session, 500, "gzip, deflate").await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    let mut content = Vec::new();
    GzDecoder::new(&gzip.body[..])
        .read_to_end(&mut content)
        .unwrap();
    assert_eq!(content.len(), 500);
    let deflate = answer_of(&lab, &session, 500, "deflate").await;
    assert_eq!(deflate.header("content-encoding"), Some("deflate"));
    content.clear();
    ZlibDecoder::new(&deflate.body[..])
        .read_to_end(&mut content)
        .unwrap();
    assert!(content.starts_with(br#"42["big","xxx"#));
    let other = answer_of(&lab, &session, 500, "br").await;
    assert_eq!(
        (other.header("content-encoding"), other.body.len()),
        (None, 500)
    );
}

#[tokio::test]
async fn ends_with_the_close_packet_and_takes_what_came_before_it() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let poll = lab.begin("GET", &session, &[], b"").await;
    let answer = lab
        .http("POST", &session, "42[\"last\"]\u{1e}1\u{1e}42[\"more\"]")
        .await;
    assert_eq!(answer, (200, "ok".to_owned()));
    lab.until_event("last").await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::TransportClose);
    // The poll that was under way is ended too.
    assert_eq!(poll.answer().await.text(), "6");
}
