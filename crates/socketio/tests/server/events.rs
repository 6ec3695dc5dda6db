//! Events, acks and what closes a connection.

use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

use switchboard_socketio::{DisconnectReason, Options};

use crate::support::{Client, Lab, Seen, options, soon};

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

/// How many events that pass their turn are at work at the same time.
const OVERLAPPING: usize = 16;

#[tokio::test]
async fn sixteen_events_that_pass_their_turn_are_at_work_at_a_time_and_the_next_waits() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    for n in 0..=OVERLAPPING {
        client.send(&format!("2[\"overlap\",{n}]")).await;
    }
    for _ in 0..OVERLAPPING {
        lab.until(&Seen::Held).await;
    }
    assert!(lab.rest().await.is_empty());
    lab.app.gate.add_permits(1);
    let first = Seen::Event("overlap".to_owned(), vec![json!(0)]);
    assert_eq!(lab.next().await, first);
    assert_eq!(lab.next().await, Seen::Held);
    lab.app.gate.add_permits(OVERLAPPING);
    for n in 1..=OVERLAPPING {
        assert_eq!(lab.until_event("overlap").await, [json!(n)]);
    }
}

#[tokio::test]
async fn of_those_who_passed_their_turn_only_who_can_go_on_is_polled() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    for n in 0..OVERLAPPING {
        client.send(&format!("2[\"overlap\",{n}]")).await;
    }
    for _ in 0..OVERLAPPING {
        lab.until(&Seen::Held).await;
    }
    for n in 0..OVERLAPPING {
        lab.app.gate.add_permits(1);
        assert_eq!(lab.until_event("overlap").await, [json!(n)]);
    }
    // When it begins, when it has passed, and when it goes on; with all of them each time it was 291.
    let polls = lab.app.polls.load(Ordering::Relaxed);
    assert!(polls <= 4 * OVERLAPPING, "{polls} polls");
}

#[tokio::test]
async fn an_event_that_may_not_overtake_waits_for_those_which_passed_their_turn() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"overlap\",1]").await;
    client.send("2[\"overlap\",2]").await;
    client.send("20[\"echo\",3]").await;
    client.send("2[\"overlap\",4]").await;
    for _ in 0..2 {
        lab.until(&Seen::Held).await;
    }
    lab.app.gate.add_permits(1);
    assert_eq!(lab.until_event("overlap").await, [json!(1)]);
    assert!(lab.rest().await.is_empty());
    lab.app.gate.add_permits(2);
    for (name, n) in [("overlap", 2), ("echo", 3), ("overlap", 4)] {
        let event = Seen::Event(name.to_owned(), vec![json!(n)]);
        lab.until(&event).await;
    }
}

#[tokio::test]
async fn goes_on_after_a_panic_of_an_event_that_passed_its_turn() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"overlap\",1]").await;
    lab.until(&Seen::Held).await;
    // The handler does not expect that.
    lab.app.gate.close();
    client.send("20[\"echo\",1]").await;
    assert_eq!(client.recv().await, "30[1]");
    assert_eq!(lab.io.handler_panics(), 1);
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
async fn closes_on(packets: &[&str], expected: DisconnectReason) {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    for packet in packets {
        client.send(packet).await;
    }
    client.until_closed().await;
    let (_, reason) = lab.next_end().await;
    assert_eq!(reason, expected, "{packets:?}");
    assert!(lab.io.sockets().is_empty());
}

#[tokio::test]
async fn closes_on_packets_that_fit_no_state() {
    let reason = DisconnectReason::ForcedServerClose;
    closes_on(&["0"], reason).await;
    closes_on(&["2/chat,[\"echo\"]"], reason).await;
    closes_on(&["1/chat,"], reason).await;
    closes_on(&["4{\"message\":\"x\"}"], reason).await;
}

#[tokio::test]
async fn closes_on_packets_that_cannot_be_read() {
    let reason = DisconnectReason::ForcedClose;
    closes_on(&["2[\"connect\"]"], reason).await;
    closes_on(&["2{}"], reason).await;
    closes_on(&["x"], reason).await;
    closes_on(&["511-[\"file\"]"], reason).await;
    closes_on(&["51-[\"file\"]", "2[\"text\"]"], reason).await;
    let deep = format!("2[\"a\",{}{}]", "[".repeat(500), "]".repeat(500));
    closes_on(&[&deep], reason).await;
}

#[tokio::test]
async fn closes_on_a_binary_frame_that_nothing_announced() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send_binary(b"x").await;
    client.until_closed().await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::ForcedClose);
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
    assert_eq!(lab.next_end().await.1, DisconnectReason::ForcedServerClose);
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
    // As in JavaScript, the session goes on.
    assert_eq!(lab.http("POST", &session, "42[\"more\"]").await.0, 200);
    lab.until_event("more").await;
}

/// Sends `count` numbered events while the socket's handler is held.
async fn flood(client: &mut Client, count: usize, size: usize) {
    let text = "x".repeat(size);
    for n in 0..count {
        client.send(&format!("2[\"flood\",{n},\"{text}\"]")).await;
    }
}

/// All of a flood arrives, in order.
async fn arrives(lab: &Lab, count: usize) {
    for n in 0..count {
        assert_eq!(lab.until_event("flood").await[0], n);
    }
}

#[tokio::test]
async fn reads_no_more_than_the_mailbox_takes_and_loses_nothing() {
    let lab = Lab::with(Options {
        mailbox: 8,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    // More than the kernel buffers: sending it takes until the server reads on.
    let (count, size) = (400, 60_000);
    let flooding = flood(&mut client, count, size);
    tokio::pin!(flooding);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut flooding).await;
    assert!(early.is_err(), "24 MB were read though nothing was handled");
    lab.app.gate.add_permits(1);
    tokio::join!(soon(flooding), arrives(&lab, count));
}

#[tokio::test]
async fn holds_a_mebibyte_of_events_and_reads_on_when_they_are_handled() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    // 17 x 64 KiB: the last one fills the mailbox, although it takes 128 events.
    flood(&mut client, 17, 64 * 1024).await;
    client.send("0/chat,").await;
    let early = tokio::time::timeout(Duration::from_millis(200), client.recv()).await;
    assert!(early.is_err(), "a CONNECT was read behind a full mailbox");
    lab.app.gate.add_permits(1);
    assert!(client.recv().await.starts_with("0/chat,"));
    arrives(&lab, 17).await;
}

#[tokio::test]
async fn counts_the_text_of_an_event_whose_attachments_are_small() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    let text = "x".repeat(60_000);
    let flooding = async {
        for n in 0..120 {
            let place = r#"{"_placeholder":true,"num":0}"#;
            client
                .send(&format!("51-[\"flood\",{n},\"{text}\",{place}]"))
                .await;
            client.send_binary(b"x").await;
        }
    };
    tokio::pin!(flooding);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut flooding).await;
    assert!(early.is_err(), "7 MB were read though nothing was handled");
    lab.app.gate.add_permits(1);
    tokio::join!(soon(flooding), arrives(&lab, 120));
}

#[tokio::test]
async fn answers_a_burst_of_calls_that_is_larger_than_the_queue() {
    let lab = Lab::with(Options {
        send_queue: 64 * 1024,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    let text = "x".repeat(1000);
    // The server has all of them before the client reads its first answer.
    for n in 0..300 {
        client.send(&format!("2{n}[\"echo\",\"{text}\"]")).await;
    }
    for n in 0..300 {
        assert!(client.recv().await.starts_with(&format!("3{n}[")));
    }
    assert_eq!(lab.io.slow_consumers(), 0);
}

#[tokio::test]
async fn holds_up_the_post_of_a_polling_client_that_is_too_fast() {
    let lab = Lab::with(Options {
        mailbox: 2,
        ..options()
    })
    .await;
    let session = lab.polling_session().await;
    let packets = [
        "42[\"hold\"]",
        "42[\"flood\",0]",
        "42[\"flood\",1]",
        "42[\"flood\",2]",
    ];
    let body = packets.join("\u{1e}");
    let posting = lab.http("POST", &session, &body);
    tokio::pin!(posting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut posting).await;
    assert!(early.is_err());
    lab.app.gate.add_permits(1);
    assert_eq!(posting.await.0, 200);
    arrives(&lab, 3).await;
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
