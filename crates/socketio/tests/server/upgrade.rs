//! From polling to WebSocket, and upgrades that fail (engine.io `test/server.js`, "upgrade").

use std::time::Duration;

use serde_json::json;
use switchboard_socketio::{DisconnectReason, Options, Packet, Transport};
use tokio::{task::yield_now, time::Instant};

use crate::support::{Lab, Raw, options, soon};

/// Events each way, of which a third falls before, during and after the upgrade.
const COUNT: usize = 600;

/// The numbers of the `n` events in a payload or packet.
fn numbers(text: &str) -> Vec<usize> {
    text.split('\u{1e}')
        .filter_map(|packet| packet.strip_prefix("42[\"n\",")?.strip_suffix(']'))
        .map(|number| number.parse().unwrap())
        .collect()
}

/// Numbered events to everybody, as fast as others let it.
async fn emit(lab: &Lab) {
    for n in 0..COUNT {
        let packet = Packet::event("/", "n", &n).unwrap();
        assert_eq!(lab.io.broadcast("/", "early", &packet, None).await, 1);
        yield_now().await;
    }
}

/// Posts numbered events, several at once.
async fn post(lab: &Lab, session: &str, numbers: std::ops::Range<usize>) {
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(7) {
        let packets: Vec<_> = some.iter().map(|n| format!("42[\"n\",{n}]")).collect();
        let (status, _) = lab.http("POST", session, &packets.join("\u{1e}")).await;
        assert_eq!(status, 200);
    }
}

/// Reads numbered events from the WebSocket until the last one.
async fn read(raw: &mut Raw, got: &mut Vec<usize>) {
    while got.last() != Some(&(COUNT - 1)) {
        got.extend(numbers(&raw.text().await));
    }
}

/// What a stock client does: it polls and posts on while it probes, then lets the poll that waits
/// come to its end, and only then upgrades.
async fn upgrades(lab: &Lab, session: &str, got: &mut Vec<usize>) -> Raw {
    post(lab, session, 0..COUNT / 3).await;
    let polling = async {
        loop {
            let (status, body) = lab.http("GET", session, "").await;
            assert_eq!(status, 200);
            got.extend(numbers(&body));
            if body == "6" || got.len() > COUNT / 3 {
                return;
            }
        }
    };
    let probing = async {
        let mut raw = lab.second(session).await;
        raw.send_text("2probe").await;
        post(lab, session, COUNT / 3..COUNT / 2).await;
        assert_eq!(raw.text().await, "3probe");
        post(lab, session, COUNT / 2..COUNT * 2 / 3).await;
        raw
    };
    let ((), mut raw) = tokio::join!(polling, probing);
    // Its first packets may come in the same segment as the upgrade.
    raw.send_text("5").await;
    for n in COUNT * 2 / 3..COUNT {
        raw.send_text(&format!("42[\"n\",{n}]")).await;
    }
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_nothing_and_keeps_the_order_both_ways() {
    for _ in 0..5 {
        let lab = Lab::start().await;
        let session = lab.polling_session().await;
        let (mut got, mut raw) = (Vec::new(), None);
        let client = async {
            let mut upgraded = upgrades(&lab, &session, &mut got).await;
            read(&mut upgraded, &mut got).await;
            raw = Some(upgraded);
        };
        soon(async { tokio::join!(client, emit(&lab)) }).await;
        assert!(got.iter().copied().eq(0..COUNT), "{got:?}");
        for n in 0..COUNT {
            assert_eq!(lab.until_event("n").await, [json!(n)]);
        }
        assert_eq!(lab.io.connections()[0].transport, Transport::WebSocket);
    }
}

/// Whether the session still works over polling.
async fn polls_on(lab: &Lab, session: &str) {
    assert_eq!(lab.http("POST", session, "425[\"echo\",1]").await.0, 200);
    lab.poll_until(session, "435[1]").await;
    assert_eq!(lab.io.connections()[0].transport, Transport::Polling);
}

#[tokio::test]
async fn goes_on_polling_after_a_probe_with_a_wrong_packet_and_may_try_again() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for packet in [
        "2",
        "2wrong",
        "3probe",
        "5",
        "42[\"early bird\"]",
        "1",
        "",
        "x",
        "\u{fc}",
    ] {
        let mut raw = lab.second(&session).await;
        raw.send_text(packet).await;
        assert_eq!(raw.close_code().await, Some(1005), "{packet}");
        polls_on(&lab, &session).await;
    }
    for (first, payload) in [
        (0x82, &b"2probe"[..]),
        (0x88, b""),
        (0x83, b""),
        (0xc1, b"2probe"),
    ] {
        let mut raw = lab.second(&session).await;
        raw.send_frame(first, payload).await;
        assert_eq!(raw.close_code().await, Some(1005), "{first:x}");
        polls_on(&lab, &session).await;
    }
    let mut client = lab.upgraded(&session).await;
    client.send("21[\"echo\",1]").await;
    assert_eq!(client.recv().await, "31[1]");
}

#[tokio::test]
async fn goes_on_polling_after_a_wrong_packet_behind_the_probe() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for packet in ["42[\"early bird\"]", "1", "3", "x"] {
        let mut raw = lab.second(&session).await;
        raw.send_text("2probe").await;
        assert_eq!(raw.text().await, "3probe");
        raw.send_text(packet).await;
        assert_eq!(raw.close_code().await, Some(1005), "{packet}");
        polls_on(&lab, &session).await;
    }
    lab.upgraded(&session).await;
}

#[tokio::test]
async fn goes_on_polling_when_the_websocket_breaks_off() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for probes in [false, true] {
        for resets in [false, true] {
            let mut raw = lab.second(&session).await;
            if probes {
                raw.send_text("2probe").await;
                assert_eq!(raw.text().await, "3probe");
            }
            if resets {
                raw.reset();
            } else {
                drop(raw);
            }
            polls_on(&lab, &session).await;
        }
    }
    // One at a time: until the server saw the end of the last one, another is turned away.
    soon(async {
        loop {
            let mut raw = lab.second(&session).await;
            raw.send_text("2probe").await;
            if let Some((0x81, pong)) = raw.next().await {
                assert_eq!(pong, b"3probe");
                raw.send_text("5").await;
                raw.send_text("421[\"echo\",1]").await;
                assert_eq!(raw.text().await, "431[1]");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn gives_up_an_upgrade_that_takes_too_long_and_may_try_again() {
    let lab = Lab::with(Options {
        upgrade_timeout: Duration::from_millis(100),
        ..options()
    })
    .await;
    let session = lab.polling_session().await;
    let mut silent = lab.second(&session).await;
    assert_eq!(silent.close_code().await, Some(1005));
    polls_on(&lab, &session).await;
    let mut probed = lab.second(&session).await;
    probed.send_text("2probe").await;
    assert_eq!(probed.text().await, "3probe");
    assert_eq!(probed.close_code().await, Some(1005));
    polls_on(&lab, &session).await;
    lab.upgraded(&session).await;
}

#[tokio::test]
async fn turns_a_second_websocket_away_during_an_upgrade_and_after_it() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let mut first = lab.second(&session).await;
    first.send_text("2probe").await;
    assert_eq!(first.text().await, "3probe");
    let mut second = lab.second(&session).await;
    assert_eq!(second.close_code().await, Some(1005));
    first.send_text("5").await;
    first.send_text("421[\"echo\",1]").await;
    assert_eq!(first.text().await, "431[1]");
    let mut third = lab.second(&session).await;
    assert_eq!(third.close_code().await, Some(1005));
    first.send_text("422[\"echo\",2]").await;
    assert_eq!(first.text().await, "432[2]");
}

#[tokio::test]
async fn turns_a_websocket_away_from_a_session_that_began_as_one() {
    let lab = Lab::start().await;
    let mut first = Raw::open(lab.pipe(4096), "EIO=4", &[]).await;
    let open: serde_json::Value = serde_json::from_str(&first.text().await[1..]).unwrap();
    let session = format!(
        "EIO=4&transport=polling&sid={}",
        open["sid"].as_str().unwrap()
    );
    let mut second = lab.second(&session).await;
    assert_eq!(second.close_code().await, Some(1005));
    assert_eq!(lab.get(&session).await.status, 400);
    first.join().await;
}

#[tokio::test]
async fn takes_neither_polls_nor_posts_after_the_upgrade() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let mut client = lab.upgraded(&session).await;
    client.send("21[\"echo\",1]").await;
    assert_eq!(client.recv().await, "31[1]");
    for method in ["GET", "POST"] {
        let (status, body) = lab.http(method, &session, "42[\"stray\"]").await;
        assert_eq!(status, 400);
        assert_eq!(body, r#"{"code":3,"message":"Bad request"}"#);
    }
    client.send("22[\"echo\",2]").await;
    assert_eq!(client.recv().await, "32[2]");
}

#[tokio::test]
async fn ends_a_poll_that_waits_once_the_probe_came() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let poll = lab.begin("GET", &session, &[], b"").await;
    let mut raw = lab.second(&session).await;
    raw.send_text("2probe").await;
    assert_eq!(raw.text().await, "3probe");
    assert_eq!(poll.answer().await.text(), "6");
    // And the next one, while the client does not come to the point.
    assert_eq!(lab.get(&session).await.text(), "6");
}

/// A stock client keeps back what it has to say until the poll that waits is over, so the answer to
/// its first event would come 100 ms late.
#[tokio::test(start_paused = true)]
async fn ends_the_poll_that_waits_soon_after_the_probe_and_then_ever_less_often() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let poll = lab.begin("GET", &session, &[], b"").await;
    // However long the client took to come this far.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let mut raw = lab.second(&session).await;
    raw.send_text("2probe").await;
    assert_eq!(raw.text().await, "3probe");
    let probed = Instant::now();
    assert_eq!(poll.answer().await.text(), "6");
    let mut ends = vec![probed.elapsed().as_millis()];
    for _ in 0..6 {
        assert_eq!(lab.get(&session).await.text(), "6");
        ends.push(probed.elapsed().as_millis());
    }
    assert_eq!(ends, [5, 15, 35, 75, 155, 255, 355]);
}

#[tokio::test]
async fn sends_over_the_websocket_what_a_poll_did_not_get() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let mut raw = lab.second(&session).await;
    raw.send_text("2probe").await;
    assert_eq!(raw.text().await, "3probe");
    for n in 0..3 {
        let packet = Packet::event("/", "n", &n).unwrap();
        lab.io.broadcast("/", "early", &packet, None).await;
    }
    raw.send_text("5").await;
    for n in 0..3 {
        assert_eq!(raw.text().await, format!("42[\"n\",{n}]"));
    }
}

#[tokio::test]
async fn answers_the_poll_of_a_hasty_client_and_goes_on() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    // The poll is there before the probe: both are polled in this order.
    let poll = lab.call("GET", &session, "");
    let hasty = async {
        let mut raw = lab.second(&session).await;
        raw.send_text("2probe").await;
        raw.send_text("5").await;
        assert_eq!(raw.text().await, "3probe");
        raw.send_text("421[\"echo\",1]").await;
        // The one of the nudge may come over the WebSocket.
        let text = match raw.text().await {
            noop if noop == "6" => raw.text().await,
            text => text,
        };
        assert_eq!(text, "431[1]");
    };
    let ((status, _), ()) = soon(async { tokio::join!(poll, hasty) }).await;
    assert!(matches!(status, 200 | 400), "{status}");
}

#[tokio::test]
async fn ends_a_probe_with_its_session() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let mut raw = lab.second(&session).await;
    raw.send_text("2probe").await;
    assert_eq!(raw.text().await, "3probe");
    lab.leave(&session).await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::TransportClose);
    assert_eq!(raw.close_code().await, Some(1005));
    let mut late = lab.second(&session).await;
    if late.answer.status == 101 {
        assert_eq!(late.close_code().await, Some(1005));
    }
    soon(async {
        while lab.io.tasks() + lab.io.sessions() > 0 {
            yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn keeps_nothing_of_upgrades_that_are_abandoned() {
    // socketioxide #731: each of them left a task behind.
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for query in [
        &session.replace("polling", "websocket"),
        "EIO=4&transport=websocket",
    ] {
        for _ in 0..50 {
            drop(lab.begin("GET", query, &headers, b"").await);
        }
    }
    // This is accepted after all of those.
    polls_on(&lab, &session).await;
    soon(async {
        while lab.io.tasks() > 1 || lab.io.sessions() > 1 {
            yield_now().await;
        }
    })
    .await;
    lab.upgraded(&session).await;
}
