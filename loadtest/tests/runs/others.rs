//! Slow readers, tenants, old messages, and large rooms.

use std::time::Duration;

use switchboard_load::report::{History, Report, Slow, text};

use crate::fake::{Fault, SECRET};
use crate::{FANOUT, attempt, report};

/// Two of five stop reading.
const SLOW: &str = r#"
kind = "slow-consumers"
rooms = 1
room_size = 5
slow = 0.4
connect_rate = 500
pace = { open = 400 }
content_bytes = 5000
warmup = "50ms"
duration = "500ms"
grace = "2s"
"#;

const TENANTS: &str = r#"
kind = "tenants"
rooms = 1
noisy_rooms = 1
room_size = 3
connect_rate = 500
quiet_rate = 50
limit = 20
times = 10.0
content_bytes = 20
warmup = "100ms"
alone = "400ms"
beside = "400ms"
grace = "1s"
"#;

const HISTORY: &str = r#"
kind = "history"
rooms = 2
room_size = 3
messages = 70
page = 30
connect_rate = 500
pace = { open = 100 }
content_bytes = 20
warmup = "100ms"
duration = "300ms"
grace = "1s"
"#;

fn slow(report: &Report) -> &Slow {
    report.slow.as_ref().expect("slow ones")
}

fn history(report: &Report) -> &History {
    report.history.as_ref().expect("pages")
}

#[tokio::test]
async fn who_reads_again_catches_up_and_the_others_do_not_wait() {
    let report = report(SLOW, Fault::None).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let slow = slow(&report);
    assert_eq!((slow.members, slow.caught_up, slow.lost), (2, 2, 0));
    assert_eq!((slow.owed, slow.delivered), (440, 440));
    assert_eq!(report.deliveries.owed, 440);
    assert_eq!(report.deliveries.delivered, 440);
    assert_eq!(slow.catch_up_ms.count, 2);
    // Two others, in the measured time.
    assert_eq!(report.delivery_ms.count, 400);
    assert!(report.delivery_ms.p90 < 300.0, "{}", text(&report));
}

#[tokio::test]
async fn a_slow_one_who_is_cut_off_is_owed_nothing() {
    let report = report(SLOW, Fault::CutOffSlow).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let slow = slow(&report);
    assert_eq!(slow.cut_off["transport close"], 2);
    assert_eq!((slow.caught_up, slow.owed), (0, 0));
    assert_eq!(slow.catch_up_ms.count, 0);
    assert_eq!(report.deliveries.owed, 440);
}

#[tokio::test]
async fn what_a_slow_one_is_not_sent_while_it_stays_is_lost() {
    let report = report(SLOW, Fault::LoseForSlow).await;
    assert!(!report.kept, "{}", text(&report));
    assert!(slow(&report).lost > 0 && report.deliveries.lost == 0);
}

#[tokio::test]
async fn a_quiet_organization_is_measured_alone_and_beside_a_noisy_one() {
    let report = report(TENANTS, Fault::RefuseNoisy).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let tenants = report.tenants.as_ref().expect("two of them");
    assert_eq!((report.ack_ms.count, tenants.beside_ack_ms.count), (20, 20));
    assert_eq!(report.delivery_ms.count, 40);
    assert_eq!(tenants.beside_delivery_ms.count, 40);
    assert_eq!((tenants.noisy_sent, tenants.noisy_acked), (80, 40));
    assert_eq!(tenants.noisy_refused["message:send RATE_LIMITED"], 40);
    assert_eq!(tenants.noisy_delivery_ms.count, 80);
}

#[tokio::test]
async fn a_noisy_one_that_takes_the_quiet_ones_time_is_seen() {
    // Ten a second, each of which leaves others a tenth of its tenth of a second.
    let noise = Fault::Neighbour(Duration::from_millis(90));
    let scenario = TENANTS.replace("times = 10.0", "times = 0.5");
    let report = report(&scenario, noise).await;
    let tenants = report.tenants.as_ref().expect("two of them");
    assert!(tenants.p99_ratio > Some(1.5), "{}", text(&report));
    assert!(tenants.beside_ack_ms.p50 > report.ack_ms.p50);
}

#[tokio::test]
async fn old_messages_are_read_page_by_page_and_begun_anew() {
    let report = report(HISTORY, Fault::None).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let history = history(&report);
    assert_eq!((history.asked, history.pages, history.wrong), (40, 40, 0));
    // Each of six reads pages of 30, 30 and 10, again and again: 40 turns are 6 or 7 each.
    assert_eq!(history.messages, 2 * 6 * 70 + 4 * 30);
    assert_eq!(history.page_ms.count, 30);
    assert_eq!(report.messages.acked, 140);
    assert!(report.costs.cpu_us_per_page.is_some());
    assert!(report.costs.cpu_us_per_message.is_none());
}

#[tokio::test]
async fn a_page_that_lacks_a_message_is_wrong() {
    let report = report(HISTORY, Fault::Gap).await;
    assert!(!report.kept && report.complete, "{}", text(&report));
    assert_eq!(history(&report).wrong, 40);
}

/// More than one call can name.
fn large(size: u32) -> String {
    let size = format!("room_size = {size}");
    let scenario = FANOUT.replace("room_size = 5", &size);
    let scenario = scenario.replace("connect_rate = 500", "connect_rate = 5000");
    let scenario = scenario.replace("open = 100", "open = 20");
    scenario.replace("300ms", "10s")
}

#[tokio::test]
async fn a_large_room_is_filled_by_several_calls() {
    for size in [501, 502, 1003] {
        let report = report(&large(size), Fault::None).await;
        assert!(report.kept && report.complete, "{}", text(&report));
        assert_eq!(report.messages.acked, 4);
        assert_eq!(report.deliveries.owed, 4 * (u64::from(size) - 1));
    }
}

#[tokio::test]
async fn a_server_that_does_not_want_so_many_in_a_room_is_named_with_its_reason() {
    let limit = Fault::LimitMembers(900);
    let failure = attempt(&large(1003), limit, SECRET).await;
    let failure = failure.expect_err("no room").to_string();
    assert!(
        failure.ends_with("conversation:add-members FORBIDDEN (1)"),
        "{failure}"
    );
}
