//! Whole runs against a server that does one thing wrong.
#![expect(clippy::expect_used, reason = "everything in this file is a test")]

mod fake;
mod others;
mod sources;
mod storms;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use switchboard_load::report::{Report, text};
use switchboard_load::scenario::Scenario;
use switchboard_load::{Failure, Options, Signer, run};

use self::fake::{Fault, SECRET, serve};

/// Five members, one of whom sends.
const FANOUT: &str = r#"
kind = "fanout"
rooms = 1
room_size = 5
connect_rate = 500
pace = { open = 100 }
content_bytes = 20
warmup = "0s"
duration = "200ms"
grace = "300ms"
"#;

fn options(scenario: &str, url: &str, secret: &[u8]) -> Options {
    Options {
        scenario: Scenario::parse(scenario).expect("a good scenario"),
        urls: vec![url.to_owned()],
        sources: Vec::new(),
        signer: Signer::new(secret, "load", 1_800_000_000),
        pids: vec![std::process::id()],
        run: "r1".to_owned(),
        seed: 1,
        patience: Duration::from_secs(20),
        interrupt: Arc::new(AtomicBool::new(false)),
    }
}

async fn attempt(scenario: &str, fault: Fault, secret: &[u8]) -> Result<Report, Failure> {
    let server = serve(fault).await;
    run(options(scenario, &server.url, secret), &|_| {}).await
}

async fn report(scenario: &str, fault: Fault) -> Report {
    attempt(scenario, fault, SECRET).await.expect("a run")
}

/// What is said of a fan-out with a fault: lost, doubled, out of order.
async fn broken(fault: Fault) -> (u64, u64, u64) {
    let report = report(FANOUT, fault).await;
    let it = &report.deliveries;
    assert!(!report.kept, "{}", text(&report));
    assert!(text(&report).contains("BROKEN"));
    (it.lost, it.doubled, it.out_of_order)
}

#[tokio::test]
async fn everything_is_counted_when_nothing_goes_wrong() {
    let report = report(FANOUT, Fault::None).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    assert_eq!((report.messages.sent, report.messages.acked), (20, 20));
    assert_eq!(
        (report.deliveries.owed, report.deliveries.delivered),
        (80, 80)
    );
    assert_eq!((report.ack_ms.count, report.delivery_ms.count), (20, 80));
    assert_eq!(report.connections.ready, 5);
    assert!(report.costs.cpu_us_per_delivery.is_some());
}

#[tokio::test]
async fn messages_of_the_warm_up_are_judged_and_not_measured() {
    let scenario = FANOUT.replace(r#"warmup = "0s""#, r#"warmup = "100ms""#);
    let report = report(&scenario, Fault::Lose).await;
    assert_eq!((report.messages.acked, report.ack_ms.count), (30, 20));
    assert_eq!((report.deliveries.lost, report.delivery_ms.count), (1, 80));
}

#[tokio::test]
async fn a_message_that_one_receiver_did_not_get_is_lost() {
    assert_eq!(broken(Fault::Lose).await, (1, 0, 0));
}

#[tokio::test]
async fn a_message_that_came_twice_is_doubled_at_each_receiver() {
    assert_eq!(broken(Fault::Repeat).await, (0, 4, 0));
}

#[tokio::test]
async fn a_message_that_was_stored_twice_is_doubled_at_each_receiver() {
    assert_eq!(broken(Fault::StoreTwice).await, (0, 4, 0));
}

#[tokio::test]
async fn a_message_after_a_later_one_is_out_of_order_at_each_receiver() {
    assert_eq!(broken(Fault::Swap).await, (0, 0, 4));
}

#[tokio::test]
async fn a_message_refused_as_one_too_many_is_no_lost_one_but_the_run_is_incomplete() {
    let report = report(FANOUT, Fault::Refuse).await;
    assert!(report.kept && !report.complete, "{}", text(&report));
    assert!(text(&report).contains("INCOMPLETE: calls were refused"));
    assert_eq!(report.messages.refused["message:send RATE_LIMITED"], 1);
    assert_eq!((report.messages.sent, report.messages.acked), (20, 19));
}

#[tokio::test]
async fn nothing_is_owed_to_a_receiver_that_was_hung_up_on_but_the_run_is_incomplete() {
    let report = report(FANOUT, Fault::HangUp).await;
    assert!(report.kept && !report.complete, "{}", text(&report));
    assert_eq!(report.connections.ended["transport close"], 1);
    assert_eq!(report.deliveries.owed, 60);
}

#[tokio::test]
async fn a_stall_is_charged_to_all_that_was_due_in_it_by_an_open_loop_and_to_one_by_a_closed_one() {
    let stall = Fault::Stall(Duration::from_millis(500));
    let open = FANOUT.replace("200ms", "1s");
    let closed = open.replace("open = 100", "closed = 1");
    let (open, closed) = (report(&open, stall).await, report(&closed, stall).await);
    assert_eq!(open.messages.acked, 100);
    // Half of the sends were due while nothing was answered.
    assert!(open.ack_ms.p90 > 300.0, "{}", text(&open));
    assert!(open.delivery_ms.p90 > 300.0, "{}", text(&open));
    assert!(
        closed.ack_ms.max >= 500.0 && closed.ack_ms.p90 < 300.0,
        "{}",
        text(&closed)
    );
}

#[tokio::test]
async fn what_had_to_wait_for_calls_in_flight_is_measured_from_when_it_was_due() {
    let scenario = FANOUT
        .replace("200ms", "1s")
        .replace("open = 100", "open = 400");
    let report = report(&scenario, Fault::Stall(Duration::from_millis(700))).await;
    // Of 280 that were due in the stall, 100 were in flight and 180 had to wait.
    assert_eq!((report.messages.acked, report.messages.unsent), (400, 0));
    assert!(report.lag_ms.max > 300.0, "{}", text(&report));
    assert!(report.ack_ms.p50 > 100.0, "{}", text(&report));
    assert!(report.delivery_ms.p50 > 100.0, "{}", text(&report));
}

#[tokio::test]
async fn everybody_sends_in_a_chat_and_some_read_and_type() {
    let chat = FANOUT.replace("fanout", "chat") + "receipts = 1.0\ntyping = 1.0\n";
    let report = report(&chat, Fault::None).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    assert_eq!((report.messages.acked, report.deliveries.owed), (20, 80));
    assert_eq!((report.extras.receipts, report.extras.typing), (80, 20));
}

#[tokio::test]
async fn sockets_get_in_at_a_pace_or_so_many_at_a_time_and_leave() {
    for pace in ["{ open = 1000 }", "{ closed = 3 }"] {
        let scenario = format!("kind = 'connect'\nconnections = 20\npace = {pace}\nhold = '1ms'");
        let report = report(&scenario, Fault::None).await;
        assert!(report.complete, "{}", text(&report));
        assert_eq!(
            (report.connections.ready, report.connect_ms.count),
            (20, 20)
        );
        assert!(report.costs.cpu_us_per_connect.is_some());
    }
}

#[tokio::test]
async fn idle_sockets_have_a_price_in_memory() {
    let scenario = "kind = 'idle'\nconnections = 10\nconnect_rate = 1000\nhold = '50ms'";
    let report = report(scenario, Fault::None).await;
    assert!(report.complete, "{}", text(&report));
    assert!(report.costs.rss_bytes_per_connection.is_some());
}

#[tokio::test]
async fn who_is_not_let_in_is_named_with_the_servers_reason() {
    let failure = attempt(FANOUT, Fault::None, b"another secret").await;
    let failure = failure.expect_err("nobody is let in").to_string();
    assert_eq!(failure, "5 of 5 connections failed: UNAUTHENTICATED (5)");
}

#[tokio::test]
async fn long_polling_finds_what_a_websocket_finds() {
    let scenario = FANOUT.replace("rooms = 1", "rooms = 1\ntransport = 'polling'");
    let whole = report(&scenario, Fault::None).await;
    assert!(whole.kept && whole.complete, "{}", text(&whole));
    assert_eq!((whole.messages.acked, whole.deliveries.owed), (20, 80));
    assert_eq!((whole.ack_ms.count, whole.delivery_ms.count), (20, 80));
    let lossy = report(&scenario, Fault::Lose).await;
    assert_eq!((lossy.kept, lossy.deliveries.lost), (false, 1));
    let cut = report(&scenario, Fault::HangUp).await;
    assert_eq!(cut.connections.ended["transport close"], 1);
}

#[tokio::test]
async fn an_interrupted_run_reports_what_was_measured_until_then() {
    let server = serve(Fault::None).await;
    let scenario = FANOUT.replace("200ms", "1h").replace("300ms", "1h");
    let options = options(&scenario, &server.url, SECRET);
    let interrupt = Arc::clone(&options.interrupt);
    let begun = std::time::Instant::now();
    let progress = |text: &str| {
        if text.contains("delivered") {
            interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let report = run(options, &progress).await.expect("a report");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(report.interrupted && report.kept, "{}", text(&report));
    assert!(text(&report).contains("INTERRUPTED"));
    assert!(report.messages.acked > 20 && report.measured_seconds > 0.2);
    assert_eq!(report.deliveries.delivered, report.messages.acked * 4);
}

#[tokio::test]
async fn who_interrupts_while_they_come_in_has_a_report_of_that() {
    let server = serve(Fault::None).await;
    let scenario = "kind = 'idle'\nconnections = 1000\nconnect_rate = 1\nhold = '1h'";
    let options = options(scenario, &server.url, SECRET);
    let interrupt = Arc::clone(&options.interrupt);
    let progress = |_: &str| interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
    let report = run(options, &progress).await.expect("a report");
    assert!(report.interrupted && !report.complete, "{}", text(&report));
    assert!(report.connections.ready >= 1 && report.connections.ready < 10);
}
