//! When pings come and what their absence does, with a clock that stands still while anybody has
//! something to do (engine.io `test/server.js`, "ping").

use std::time::Duration;

use switchboard_socketio::{DisconnectReason, Options};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Lab, options};

const INTERVAL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);
/// The wheel rings up to one of its ticks early.
const TICK: Duration = Duration::from_millis(10);

async fn lab() -> Lab {
    Lab::with(Options {
        ping_interval: INTERVAL,
        ping_timeout: TIMEOUT,
        ..options()
    })
    .await
}

/// Since `start`, `expected` has passed, or a tick less.
#[track_caller]
fn passed(start: Instant, expected: Duration) {
    let passed = start.elapsed();
    assert!(
        passed <= expected && passed + 2 * TICK >= expected,
        "{passed:?} instead of {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn pings_first_after_the_interval_and_again_an_interval_after_the_pong() {
    let lab = lab().await;
    let start = Instant::now();
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    assert_eq!(client.text().await, "2");
    passed(start, INTERVAL);
    for delay in [0, 900, 300] {
        let delay = Duration::from_millis(delay);
        sleep(delay).await;
        client.send_text("3").await;
        let start = Instant::now();
        assert_eq!(client.text().await, "2");
        passed(start, INTERVAL);
    }
}

#[tokio::test(start_paused = true)]
async fn cuts_a_websocket_that_does_not_answer_a_ping_in_time() {
    let lab = lab().await;
    let start = Instant::now();
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    // Other packets are no answer.
    let chatter = async {
        loop {
            sleep(Duration::from_millis(400)).await;
            client.send_text("42[\"chatter\"]").await;
        }
    };
    let (_, reason) = tokio::select! {
        end = lab.next_end() => end,
        () = chatter => unreachable!(),
    };
    passed(start, INTERVAL + TIMEOUT);
    assert_eq!(reason, DisconnectReason::PingTimeout);
    assert_eq!(client.text().await, "2");
    assert_eq!(client.close_code().await, None, "cut without a word");
}

#[tokio::test(start_paused = true)]
async fn cuts_a_polling_client_that_does_not_answer_a_ping_in_time() {
    let lab = lab().await;
    let start = Instant::now();
    let session = lab.opened_in_memory(4).await;
    lab.call("POST", &session, "40").await;
    let (_, joined) = lab.call("GET", &session, "").await;
    assert!(joined.starts_with("40{"), "{joined}");
    assert_eq!(lab.call("GET", &session, "").await, (200, "2".to_owned()));
    passed(start, INTERVAL);
    // The poll that waits is ended with a close packet.
    assert_eq!(lab.call("GET", &session, "").await, (200, "1".to_owned()));
    passed(start, INTERVAL + TIMEOUT);
    assert_eq!(lab.next_end().await.1, DisconnectReason::PingTimeout);
    assert_eq!(lab.call("GET", &session, "").await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn keeps_a_polling_client_that_posts_its_pongs() {
    let lab = lab().await;
    let session = lab.opened_in_memory(4).await;
    lab.call("POST", &session, "40").await;
    lab.call("GET", &session, "").await;
    for _ in 0..20 {
        assert_eq!(lab.call("GET", &session, "").await, (200, "2".to_owned()));
        sleep(TIMEOUT.saturating_sub(TICK)).await;
        assert_eq!(lab.call("POST", &session, "3").await.0, 200);
    }
    assert_eq!(lab.io.sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_for_the_pings_of_an_engine_3_client_and_answers_them() {
    let lab = lab().await;
    let mut client = lab.local("EIO=3").await;
    assert_eq!(client.text().await, "40");
    assert_eq!(client.text().await, r#"42["early",1]"#);
    for _ in 0..10 {
        sleep((INTERVAL + TIMEOUT).saturating_sub(2 * TICK)).await;
        client.send_text("2").await;
        // Nothing else came: the server does not ping.
        assert_eq!(client.text().await, "3");
    }
    let start = Instant::now();
    assert_eq!(lab.next_end().await.1, DisconnectReason::PingTimeout);
    passed(start, INTERVAL + TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_polling_client_of_engine_3_that_does_not_ping() {
    let lab = lab().await;
    let start = Instant::now();
    let session = lab.opened_in_memory(3).await;
    assert!(lab.call("GET", &session, "").await.1.starts_with("2:40"));
    sleep(INTERVAL).await;
    lab.call("POST", &session, "1:2").await;
    assert_eq!(lab.call("GET", &session, "").await, (200, "1:3".to_owned()));
    assert_eq!(lab.call("GET", &session, "").await, (200, "1:1".to_owned()));
    passed(start, INTERVAL + INTERVAL + TIMEOUT);
    assert_eq!(lab.next_end().await.1, DisconnectReason::PingTimeout);
}

#[tokio::test]
async fn closes_on_a_heartbeat_in_the_wrong_direction() {
    let lab = Lab::start().await;
    for (query, packet) in [("EIO=4", "2"), ("EIO=4", "2abc"), ("EIO=3", "3")] {
        let mut client = lab.raw(query, &[]).await;
        if query == "EIO=4" {
            client.join().await;
        }
        client.send_text(packet).await;
        let (_, reason) = lab.next_end().await;
        assert_eq!(reason, DisconnectReason::TransportError, "{query} {packet}");
        assert_eq!(client.close_code().await, Some(1005));
    }
}

#[tokio::test]
async fn closes_on_a_posted_heartbeat_in_the_wrong_direction() {
    let lab = Lab::start().await;
    for (revision, packet) in [(4, "2"), (3, "1:3")] {
        let session = lab.opened(revision).await;
        if revision == 4 {
            lab.http("POST", &session, "40").await;
        }
        lab.http("GET", &session, "").await;
        assert_eq!(lab.http("POST", &session, packet).await.0, 400);
        let (_, reason) = lab.next_end().await;
        assert!(
            matches!(reason, DisconnectReason::TransportError),
            "{revision}: {reason}"
        );
        assert_eq!(lab.http("GET", &session, "").await.0, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_nobody_for_unasked_pongs_alone() {
    let lab = lab().await;
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    for _ in 0..10 {
        sleep(INTERVAL / 2).await;
        client.send_text("3").await;
    }
    // Each counted as a sign of life, as in the JavaScript server; the next ping must be answered.
    let start = Instant::now();
    assert_eq!(client.text().await, "2");
    passed(start, INTERVAL);
    assert_eq!(lab.next_end().await.1, DisconnectReason::PingTimeout);
}

#[tokio::test(start_paused = true)]
async fn closes_a_connection_that_is_in_no_namespace_for_too_long() {
    let lab = Lab::with(Options {
        connect_timeout: Duration::from_secs(5),
        ..options()
    })
    .await;
    let start = Instant::now();
    let mut client = lab.local("EIO=4").await;
    let session = lab.opened_in_memory(4).await;
    let poll = lab.call("GET", &session, "").await;
    assert_eq!(poll, (200, "1".to_owned()));
    assert_eq!(client.close_code().await, Some(1005));
    let passed = start.elapsed();
    assert!((4_900..=5_000).contains(&passed.as_millis()), "{passed:?}");
    // One that was in a namespace gets the same time again after it left.
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    sleep(Duration::from_secs(6)).await;
    client.send_text("41").await;
    lab.next_end().await;
    assert!(
        timeout(Duration::from_millis(4_800), client.next())
            .await
            .is_err()
    );
    assert_eq!(client.close_code().await, Some(1005));
}

#[tokio::test(start_paused = true)]
async fn excuses_silence_a_few_times_while_a_full_mailbox_keeps_it_from_reading() {
    let lab = Lab::with(Options {
        ping_interval: INTERVAL,
        ping_timeout: TIMEOUT,
        mailbox: 1,
        handler_grace: Duration::from_millis(10),
        ..options()
    })
    .await;
    let start = Instant::now();
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    client.send_text("42[\"hold\"]").await;
    client.send_text("42[\"fills the mailbox\"]").await;
    client.send_text("3").await;
    let (_, reason) = lab.next_end().await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    let passed = start.elapsed();
    let (least, most) = (INTERVAL + 3 * TIMEOUT, INTERVAL + 5 * TIMEOUT);
    assert!((least..=most).contains(&passed), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn reads_the_pong_that_waited_behind_a_full_mailbox() {
    let lab = Lab::with(Options {
        ping_interval: INTERVAL,
        ping_timeout: TIMEOUT,
        mailbox: 1,
        ..options()
    })
    .await;
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    client.send_text("42[\"hold\"]").await;
    client.send_text("42[\"fills the mailbox\"]").await;
    assert_eq!(client.text().await, "2");
    client.send_text("3").await;
    sleep(2 * TIMEOUT).await;
    lab.app.gate.add_permits(1);
    assert_eq!(client.text().await, "2", "the next ping");
    assert_eq!(lab.io.sockets().len(), 1);
}
