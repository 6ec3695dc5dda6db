//! Everybody is cut, or changes, at once.

use std::time::Duration;

use switchboard_load::report::{Presence, Report, Storm, text};

use crate::fake::Fault;
use crate::report;

/// One who sends, and four who are cut.
const RECONNECT: &str = r#"
kind = "reconnect-storm"
rooms = 1
room_size = 5
connect_rate = 500
pace = { open = 100 }
content_bytes = 20
delay = "100ms"
delay_max = "150ms"
jitter = 0.5
warmup = "100ms"
duration = "500ms"
grace = "1s"
"#;

/// Six users, each watched by two of three watchers.
const PRESENCE: &str = r#"
kind = "presence-storm"
users = 6
watchers = 3
watched = 4
connect_rate = 500
change_rate = 100
leaving = 0.0
away = "50ms"
warmup = "0s"
duration = "300ms"
grace = "1s"
"#;

fn storm(report: &Report) -> &Storm {
    report.storm.as_ref().expect("a storm")
}

fn presence(report: &Report) -> &Presence {
    report.presence.as_ref().expect("presence")
}

async fn in_both_ways(scenario: &str, fault: Fault) -> [Report; 2] {
    let polling = format!("transport = 'polling'\n{scenario}");
    [report(scenario, fault).await, report(&polling, fault).await]
}

#[tokio::test]
async fn who_is_cut_comes_back_after_a_while_and_has_missed_nothing() {
    for report in in_both_ways(RECONNECT, Fault::None).await {
        assert!(report.kept && report.complete, "{}", text(&report));
        let storm = storm(&report);
        assert_eq!((storm.cut, storm.back, storm.recovered), (4, 4, 4));
        assert_eq!((storm.attempts, storm.messages_read), (4, 0));
        // The wait before the first attempt is 50 to 150 ms.
        assert!(storm.back_ms.p50 >= 50.0 && storm.attempt_ms.p50 < 50.0);
        assert!(storm.all_back_ms >= Some(storm.back_ms.p50));
        assert_eq!((report.messages.acked, report.deliveries.owed), (60, 240));
        assert_eq!(report.deliveries.delivered, 240);
    }
}

#[tokio::test]
async fn what_somebody_missed_and_was_not_given_is_lost() {
    for report in in_both_ways(RECONNECT, Fault::LoseMissed).await {
        assert!(!report.kept && report.complete, "{}", text(&report));
        assert_eq!(report.deliveries.lost, 4);
    }
}

#[tokio::test]
async fn what_somebody_missed_and_was_given_twice_is_doubled() {
    let report = report(RECONNECT, Fault::RepeatMissed).await;
    assert!(!report.kept, "{}", text(&report));
    assert!(report.deliveries.doubled >= 4, "{}", text(&report));
}

#[tokio::test]
async fn who_is_not_recovered_reads_what_was_missed() {
    let report = report(RECONNECT, Fault::Forget).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let storm = storm(&report);
    assert_eq!((storm.back, storm.recovered), (4, 0));
    assert_eq!(storm.not_recovered["unknown"], 4);
    assert!(storm.messages_read >= 4, "{}", text(&report));
    assert_eq!(report.deliveries.delivered, 240);
}

#[tokio::test]
async fn who_is_turned_away_tries_again_and_the_longest_time_of_that_is_told() {
    let report = report(RECONNECT, Fault::TurnAway(6)).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let storm = storm(&report);
    assert_eq!((storm.back, storm.attempts), (4, 10));
    assert_eq!(storm.turned_away["RATE_LIMITED"], 6);
    assert!(storm.longest_refusal_ms >= 50.0, "{}", text(&report));
}

#[tokio::test]
async fn a_storm_after_which_somebody_is_not_back_is_incomplete() {
    let report = report(RECONNECT, Fault::ShutOut).await;
    assert!(report.kept && !report.complete, "{}", text(&report));
    let storm = storm(&report);
    assert_eq!((storm.back, storm.all_back_ms), (0, None));
    // From the first attempt to the end of the grace.
    assert!(storm.longest_refusal_ms >= 1000.0, "{}", text(&report));
    assert_eq!(report.deliveries.owed, 0);
}

#[tokio::test]
async fn each_change_of_a_user_is_told_to_its_watchers() {
    for report in in_both_ways(PRESENCE, Fault::None).await {
        assert!(report.kept && report.complete, "{}", text(&report));
        let presence = presence(&report);
        assert_eq!((presence.changes, presence.heard), (30, 60));
        assert_eq!((presence.last_states, presence.unknown), (12, 0));
        assert_eq!((presence.change_ms.count, report.ack_ms.count), (60, 30));
    }
}

#[tokio::test]
async fn users_leave_and_come_back_and_both_are_told() {
    let scenario = PRESENCE.replace("leaving = 0.0", "leaving = 0.3");
    let report = report(&scenario, Fault::None).await;
    assert!(report.kept && report.complete, "{}", text(&report));
    let presence = presence(&report);
    assert!(presence.left > 0 && presence.came == presence.left);
    let (gone, came) = (presence.gone_ms.count, presence.came_ms.count);
    assert_eq!((gone, came), (presence.left * 2, presence.left * 2));
    assert_eq!(presence.changes + presence.skipped + presence.left, 30);
    // From when they were due back, and not from when they left.
    let away = Duration::from_millis(50).as_secs_f64() * 1000.0;
    assert!(presence.came_ms.p50 < away, "{}", text(&report));
}

#[tokio::test]
async fn a_watcher_who_does_not_know_the_last_state_was_not_told() {
    let report = report(PRESENCE, Fault::LosePresence).await;
    assert!(!report.kept && report.complete, "{}", text(&report));
    assert_eq!(presence(&report).unknown, 1);
}

#[tokio::test]
async fn a_change_that_is_told_twice_is_doubled() {
    let report = report(PRESENCE, Fault::RepeatPresence).await;
    assert!(!report.kept, "{}", text(&report));
    assert_eq!(report.deliveries.doubled, 2);
}
