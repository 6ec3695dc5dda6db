//! Events, acks and what closes a connection.

use serde_json::json;
use switchboard_socketio::{DisconnectReason, Options};

use crate::support::{Lab, Seen, options};

#[tokio::test]
async fn handles_two_thousand_events_in_order_though_handlers_wait() {
    let lab = Lab::with(Options {
        mailbox: 2_000,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    for n in 0..2_000 {
        client.send(&format!("2[\"yield\",{n}]")).await;
    }
    for n in 0..2_000 {
        assert_eq!(lab.until_event("yield").await, [json!(n)]);
    }
}

#[tokio::test]
async fn answers_acks_with_their_own_id_and_namespace() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.join("0/chat,").await;
    client.send("217[\"echo\",{\"a\":1}]").await;
    assert_eq!(client.recv().await, r#"317[{"a":1}]"#);
    client
        .send("2/chat,18446744073709551615[\"echo\",null]")
        .await;
    assert_eq!(client.recv().await, "3/chat,18446744073709551615[null]");
}

#[tokio::test]
async fn sends_nothing_for_an_ack_that_the_handler_dropped() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("21[\"mute\"]").await;
    client.send("22[\"echo\",2]").await;
    assert_eq!(client.recv().await, "32[2]");
}

#[tokio::test]
async fn ignores_acks_that_clients_send() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("399[1,2]").await;
    client
        .send("61-99[{\"_placeholder\":true,\"num\":0}]")
        .await;
    client.send_binary(b"x").await;
    client.send("20[\"echo\",1]").await;
    assert_eq!(client.recv().await, "30[1]");
}

#[tokio::test]
async fn delivers_binary_events_with_placeholders_once_all_ten_attachments_came() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client
        .send(r#"510-0["echo",{"_placeholder":true,"num":9}]"#)
        .await;
    for n in 0..10 {
        client.send_binary(&[n; 100]).await;
    }
    assert_eq!(client.recv().await, r#"30[{"_placeholder":true,"num":9}]"#);
}

#[tokio::test]
async fn goes_on_with_the_next_event_after_a_panic() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"panic\"]").await;
    client.send("20[\"echo\",1]").await;
    assert_eq!(client.recv().await, "30[1]");
    assert_eq!(lab.io.handler_panics(), 1);
    client.vanish();
    lab.next_end().await;
}

/// Sends `packets` in a fresh connection that joined `/`; the server must close it.
async fn closes_on(packets: &[&str]) {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    for packet in packets {
        client.send(packet).await;
    }
    client.until_closed().await;
    let (_, reason) = lab.next_end().await;
    assert_eq!(reason, DisconnectReason::ParseError, "{packets:?}");
    assert!(lab.io.sockets().is_empty());
}

#[tokio::test]
async fn closes_on_packets_that_fit_no_state() {
    closes_on(&["0"]).await;
    closes_on(&["2/chat,[\"echo\"]"]).await;
    closes_on(&["1/chat,"]).await;
    closes_on(&["4{\"message\":\"x\"}"]).await;
    closes_on(&["51-[\"file\"]", "2[\"text\"]"]).await;
}

#[tokio::test]
async fn closes_on_packets_that_cannot_be_read() {
    closes_on(&["2[\"connect\"]"]).await;
    closes_on(&["2{}"]).await;
    closes_on(&["x"]).await;
    closes_on(&["511-[\"file\"]"]).await;
    let deep = format!("2[\"a\",{}{}]", "[".repeat(500), "]".repeat(500));
    closes_on(&[&deep]).await;
}

#[tokio::test]
async fn closes_on_a_binary_frame_that_nothing_announced() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send_binary(b"x").await;
    client.until_closed().await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::ParseError);
}

#[tokio::test]
async fn closes_on_an_event_before_the_connect_answer() {
    let lab = Lab::start().await;
    let mut client = lab.client().await;
    client.send(r#"0{"hold":1}"#).await;
    lab.until(&Seen::Held).await;
    client.send("2[\"echo\",1]").await;
    client.until_closed().await;
    lab.app.gate.add_permits(1);
    assert_eq!(lab.next().await, Seen::Joined(false));
    assert_eq!(lab.next_end().await.1, DisconnectReason::ParseError);
}

/// An event whose Engine.IO packet is exactly `size` bytes.
fn event_of(size: usize) -> String {
    let frame = r#"42["big",""]"#.len();
    format!(r#"2["big","{}"]"#, "x".repeat(size - frame))
}

#[tokio::test]
async fn takes_a_packet_of_max_packet_bytes_and_closes_on_one_more() {
    let lab = Lab::with(Options {
        max_packet: 10_000,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    client.send(&event_of(10_000)).await;
    assert_eq!(
        lab.until_event("big").await[0].as_str().map(str::len),
        Some(10_000 - 12)
    );
    client.send(&event_of(10_001)).await;
    client.until_closed().await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::TransportError);
}

#[tokio::test]
async fn takes_a_posted_body_of_max_packet_bytes_and_refuses_one_more() {
    let lab = Lab::with(Options {
        max_packet: 10_000,
        ..options()
    })
    .await;
    let (_, open) = lab.http("GET", "EIO=4&transport=polling", "").await;
    assert!(open.contains(r#""maxPayload":10000"#), "{open}");
    let session = lab.polling_session().await;
    assert_eq!(
        lab.http("POST", &session, &format!("4{}", event_of(10_000)))
            .await
            .0,
        200
    );
    lab.until_event("big").await;
    assert_eq!(
        lab.http("POST", &session, &format!("4{}", event_of(10_001)))
            .await
            .0,
        413
    );
    assert_eq!(lab.next_end().await.1, DisconnectReason::ParseError);
}

#[tokio::test]
async fn holds_as_many_events_as_the_mailbox_takes_and_closes_on_one_more() {
    let lab = Lab::with(Options {
        mailbox: 8,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    for n in 0..8 {
        client.send(&format!("2[\"fits\",{n}]")).await;
    }
    client.send("1/chat,").await; // not joined: closes once all before it were taken
    client.until_closed().await;
    assert_eq!(lab.io.mailbox_overflows(), 0);

    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    for n in 0..9 {
        client.send(&format!("2[\"fits\",{n}]")).await;
    }
    client.until_closed().await;
    assert_eq!(lab.io.mailbox_overflows(), 1);
    lab.app.gate.add_permits(2);
    let mut ends = [lab.next_end().await.1, lab.next_end().await.1];
    ends.sort_by_key(|reason| reason.as_str());
    assert_eq!(
        ends,
        [DisconnectReason::ForcedClose, DisconnectReason::ParseError]
    );
}

#[tokio::test]
async fn holds_a_mebibyte_of_events_and_closes_beyond() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    // 16 x 64 KiB; the Engine.IO prefix is not counted.
    let packet = event_of(64 * 1024 + 1);
    for _ in 0..16 {
        client.send(&packet).await;
    }
    // An answer on the other namespace shows that all of them were taken.
    client.join("0/chat,").await;
    assert_eq!(lab.io.mailbox_overflows(), 0);

    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    for _ in 0..15 {
        client.send(&packet).await;
    }
    client.send(&event_of(64 * 1024 + 2)).await;
    client.until_closed().await;
    assert_eq!(lab.io.mailbox_overflows(), 1);
}

#[tokio::test]
async fn handles_what_a_client_sent_right_before_it_left() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    client.send("2[\"last words\"]").await;
    client.send("1").await;
    lab.until(&Seen::Held).await;
    while !lab.io.sockets().is_empty() {
        tokio::task::yield_now().await;
    }
    lab.app.gate.add_permits(1);
    lab.until_event("last words").await;
    assert_eq!(
        lab.next_end().await.1,
        DisconnectReason::ClientNamespaceDisconnect
    );
}

#[tokio::test]
async fn handles_nothing_more_of_a_client_that_was_thrown_out() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    client.send("2[\"too late\"]").await;
    client.send("20[\"echo\",1]").await;
    lab.until(&Seen::Held).await;
    let socket = lab.io.sockets().pop().unwrap();
    socket.disconnect();
    lab.app.gate.add_permits(1);
    assert_eq!(lab.next().await, Seen::Event("hold".to_owned(), vec![]));
    assert!(matches!(lab.next().await, Seen::Disconnected(..)));
}
