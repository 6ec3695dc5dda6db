//! permessage-deflate, byte by byte (RFC 7692).

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use switchboard_socketio::{DisconnectReason, Options, Packet};

use crate::support::{Lab, Raw, options};

const OFFER: [(&str, &str); 1] = [(
    "sec-websocket-extensions",
    "permessage-deflate; client_max_window_bits",
)];
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// First byte of a final frame of compressed text.
const COMPRESSED: u8 = 0xc1;
/// What both sides leave out at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

async fn lab() -> Lab {
    Lab::with(Options {
        compression: true,
        ..options()
    })
    .await
}

fn inflated(payload: &[u8]) -> String {
    let mut content = String::new();
    let bytes = [payload, &TAIL, &[3, 0]].concat();
    DeflateDecoder::new(&bytes[..])
        .read_to_string(&mut content)
        .unwrap();
    content
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.flush().unwrap();
    let mut bytes = encoder.get_ref().clone();
    assert!(bytes.ends_with(&TAIL));
    bytes.truncate(bytes.len() - TAIL.len());
    bytes
}

async fn broadcast(lab: &Lab, size: usize) -> String {
    let text = "abc".repeat(size / 3);
    let packet = Packet::event("/", "big", &text).unwrap();
    lab.io.broadcast("/", "early", &packet, None).await;
    format!("42[\"big\",\"{text}\"]")
}

async fn joined(lab: &Lab, query: &str, headers: &[(&str, &str)]) -> Raw {
    let mut raw = lab.raw(query, headers).await;
    if query == "EIO=4" {
        raw.join().await;
    } else {
        assert_eq!(raw.text().await, "40");
        raw.text().await;
    }
    raw
}

#[tokio::test]
async fn compresses_a_broadcast_for_whom_offers_it_and_for_all_of_them_alike() {
    let lab = lab().await;
    let mut one = joined(&lab, "EIO=4", &OFFER).await;
    let mut other = joined(&lab, "EIO=4", &OFFER).await;
    let mut plain = joined(&lab, "EIO=4", &[]).await;
    assert_eq!(one.answer.header(OFFER[0].0), Some(AGREED));
    assert_eq!(plain.answer.header(OFFER[0].0), None);
    // Twice: nothing of the first message is needed for the second.
    for _ in 0..2 {
        let text = broadcast(&lab, 3_000).await;
        let (first, payload) = one.next().await.unwrap();
        assert_eq!(first, COMPRESSED);
        assert!(payload.len() < 100);
        assert_eq!(inflated(&payload), text);
        assert_eq!(other.next().await, Some((COMPRESSED, payload)));
        assert_eq!(plain.text().await, text);
    }
    let small = broadcast(&lab, 300).await;
    assert_eq!(one.text().await, small);
}

#[tokio::test]
async fn takes_compressed_and_plain_messages_of_who_agreed() {
    let lab = lab().await;
    let mut raw = joined(&lab, "EIO=4", &OFFER).await;
    let text = "x".repeat(50_000);
    let event = format!("421[\"echo\",\"{text}\"]");
    raw.send_frame(COMPRESSED, &deflated(event.as_bytes()))
        .await;
    assert_eq!(raw.text().await, format!("431[\"{text}\"]"));
    raw.send_text("422[\"echo\",2]").await;
    assert_eq!(raw.text().await, "432[2]");
}

#[tokio::test]
async fn takes_compressed_messages_of_engine_3_clients_too() {
    let lab = lab().await;
    let mut raw = joined(&lab, "EIO=3", &OFFER).await;
    raw.send_frame(COMPRESSED, &deflated(b"421[\"echo\",1]"))
        .await;
    assert_eq!(raw.text().await, "431[1]");
    let text = broadcast(&lab, 3_000).await;
    assert_eq!(raw.text().await, text);
}

#[tokio::test]
async fn closes_on_a_bomb_and_serves_the_others() {
    let lab = lab().await;
    let mut raw = joined(&lab, "EIO=4", &OFFER).await;
    let bomb = deflated(&vec![b'4'; 50_000_000]);
    assert!(bomb.len() < options().max_packet);
    raw.send_frame(COMPRESSED, &bomb).await;
    assert_eq!(raw.close_code().await, Some(1009));
    assert_eq!(lab.next_end().await.1, DisconnectReason::TransportError);
    let mut other = lab.joined().await;
    other.send("21[\"echo\",1]").await;
    assert_eq!(other.recv().await, "31[1]");
}

#[tokio::test]
async fn closes_on_damaged_data() {
    let lab = lab().await;
    let mut raw = joined(&lab, "EIO=4", &OFFER).await;
    raw.send_frame(COMPRESSED, b"\xff\xff\xff").await;
    assert_eq!(raw.close_code().await, Some(1007));
}

#[tokio::test]
async fn takes_no_compressed_frame_that_was_not_agreed_on() {
    let with = lab().await;
    let without = Lab::start().await;
    for (lab, headers) in [(&with, &[][..]), (&without, &OFFER)] {
        let mut raw = joined(lab, "EIO=4", headers).await;
        assert_eq!(raw.answer.header(OFFER[0].0), None);
        let text = broadcast(lab, 3_000).await;
        assert_eq!(raw.text().await, text);
        raw.send_frame(COMPRESSED, &deflated(b"42[\"x\"]")).await;
        assert_eq!(raw.close_code().await, Some(1002));
    }
}

#[tokio::test]
async fn compresses_after_an_upgrade_and_not_before() {
    let lab = lab().await;
    let session = lab.polling_session().await;
    let stream = tokio::net::TcpStream::connect(lab.addr).await.unwrap();
    let mut raw = Raw::open(stream, &session.replace("transport=polling&", ""), &OFFER).await;
    assert_eq!(raw.answer.header(OFFER[0].0), Some(AGREED));
    raw.send_text("2probe").await;
    assert_eq!(raw.text().await, "3probe");
    let text = broadcast(&lab, 3_000).await;
    assert_eq!(lab.poll_until(&session, "big").await, text);
    // Of what is queued now the client gets the plain form, later the compressed one.
    let text = broadcast(&lab, 3_000).await;
    raw.send_text("5").await;
    raw.send_text("421[\"echo\",1]").await;
    let queued = loop {
        match raw.text().await {
            noop if noop == "6" => {}
            queued => break queued,
        }
    };
    assert_eq!(queued, text);
    assert_eq!(raw.text().await, "431[1]");
    let text = broadcast(&lab, 3_000).await;
    let (first, payload) = raw.next().await.unwrap();
    assert_eq!((first, inflated(&payload)), (COMPRESSED, text));
}
