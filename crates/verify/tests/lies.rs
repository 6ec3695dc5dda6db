//! Every broken promise is found, counted once, and named; and nothing else is.
#![expect(clippy::expect_used, reason = "everything in this file is a test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use switchboard_testkit::lying::{Lie, LyingServer};
use switchboard_verify::{Options, Parts, Report, Timing, run};
use tokio_util::sync::CancellationToken;

/// Four clients in one conversation, in a hurry.
fn options(url: String) -> Options {
    Options {
        urls: vec![url],
        run: "lies".to_owned(),
        seed: 7,
        clients: 4,
        conversations: 1,
        members: 4..=4,
        organizations: 1,
        rate: 100.0,
        duration: Duration::from_secs(1),
        grace: Duration::from_secs(3),
        timing: Timing {
            reconnect_delay: Duration::from_millis(100),
            reconnect_delay_max: Duration::from_millis(200),
            ack_timeout: Duration::from_secs(2),
            ..Timing::default()
        },
    }
}

fn parts() -> Parts {
    Parts {
        signer: Arc::new(|_, user| user.to_owned()),
        enough: CancellationToken::new(),
        progress: Box::new(|_| {}),
    }
}

async fn verified(lie: Lie) -> Report {
    let server = LyingServer::start(lie).await;
    let report = run(options(server.url()), parts()).await.expect("a report");
    assert_eq!((report.sent, report.acked), (100, 100), "{report}");
    report
}

/// The kinds of broken promises that were found, with how often.
fn found(report: &Report) -> BTreeMap<&'static str, u64> {
    let defects = report.defects.iter().filter(|(_, count)| **count > 0);
    defects.map(|(kind, count)| (*kind, *count)).collect()
}

#[tokio::test]
async fn a_server_that_keeps_its_promises_is_not_blamed() {
    let report = verified(Lie::None).await;
    assert!(report.kept, "{report}");
    assert_eq!(report.delivery.delivered, 300, "{report}");
    assert_eq!(report.delivery.same_node_ms.count, 300);
    assert_eq!(report.sending.attempts, 100);
}

#[rstest]
#[case::an_event_that_is_withheld(Lie::Withhold, "missed", (1, 0, 0))]
#[case::an_event_that_comes_twice(Lie::Repeat, "repeated", (0, 1, 0))]
#[case::two_events_in_the_wrong_order(Lie::Swap, "late", (0, 0, 1))]
#[case::an_acked_message_that_is_forgotten(Lie::Forget, "ackedLost", (1, 0, 0))]
#[case::a_message_that_is_stored_twice(Lie::StoreTwice, "storedTwice", (0, 1, 0))]
#[case::a_message_that_is_altered(Lie::Alter, "altered", (0, 0, 0))]
#[case::a_recovery_that_leaves_one_out(Lie::CutAndRecoverBadly, "missed", (1, 0, 0))]
#[tokio::test]
async fn it_finds(
    #[case] lie: Lie,
    #[case] kind: &'static str,
    #[case] (lost, duplicated, reordered): (u64, u64, u64),
) {
    let report = verified(lie).await;
    assert!(!report.kept);
    assert_eq!(found(&report), BTreeMap::from([(kind, 1)]), "{report}");
    let counts = (report.lost, report.duplicated, report.reordered);
    assert_eq!(counts, (lost, duplicated, reordered));
    let example = &report.examples[0];
    assert_eq!((example.kind.name(), report.examples.len()), (kind, 1));
    assert_eq!(example.conversation, "verify-lies-0");
    assert!(
        report.to_string().contains(&format!("BROKEN: 1 {kind}")),
        "{report}"
    );
}

#[tokio::test]
async fn a_recovered_reconnect_owes_nothing_and_is_counted() {
    let report = verified(Lie::CutAndRecover).await;
    assert!(report.kept, "{report}");
    let connections = &report.connections;
    assert_eq!((connections.disconnects, connections.recovered), (1, 1));
    assert_eq!(
        (connections.not_recovered, connections.disagreements),
        (0, 0)
    );
    assert_eq!(connections.offline_ms.count, 1);
    assert_eq!(report.delivery.read_back, 0);
}

#[tokio::test]
async fn after_a_reconnect_that_is_not_recovered_what_was_missed_is_read_and_may_overlap() {
    let report = verified(Lie::CutAndOverlap).await;
    assert!(report.kept, "{report}");
    let connections = &report.connections;
    assert_eq!((connections.disconnects, connections.recovered), (1, 0));
    assert_eq!(connections.recovery_failures["not_offered"], 1);
    assert!(report.delivery.read_back > 0, "{report}");
    assert!(report.delivery.overlap >= 3, "{report}");
}

#[tokio::test]
async fn a_send_whose_answer_is_lost_is_repeated_and_stored_once() {
    let report = verified(Lie::CutBeforeAck).await;
    assert!(report.kept, "{report}");
    assert!(report.sending.retried >= 1);
    assert!((report.sending.availability - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn sending_can_be_ended_early_and_is_checked_all_the_same() {
    let server = LyingServer::start(Lie::Withhold).await;
    let mut parts = parts();
    let enough = parts.enough.clone();
    parts.progress = Box::new(move |progress| {
        if progress.to_string().contains("sending: sent 1") {
            enough.cancel();
        }
    });
    let options = Options {
        duration: Duration::from_mins(10),
        ..options(server.url())
    };
    let report = tokio::time::timeout(Duration::from_mins(1), run(options, parts)).await;
    let report = report.expect("ended").expect("a report");
    assert!(report.shape.interrupted);
    assert_eq!(found(&report), BTreeMap::from([("missed", 1)]), "{report}");
}

#[tokio::test]
async fn nothing_is_reported_of_servers_that_do_not_answer() {
    let server = LyingServer::start(Lie::None).await;
    let url = server.url();
    drop(server);
    tokio::task::yield_now().await; // its listener is dropped by its task
    let failure = run(options(url.clone()), parts()).await.unwrap_err();
    assert!(failure.to_string().contains(&url), "{failure}");
}

#[tokio::test]
async fn the_report_has_the_fields_that_are_documented() {
    let report = serde_json::to_value(verified(Lie::Withhold).await).unwrap();
    let page = include_str!("../../../docs/operations/verify.md");
    let mut fields = Vec::new();
    names(&report, &mut fields);
    for field in fields {
        assert!(
            page.contains(&format!("`{field}`")),
            "{field} is not documented"
        );
    }
}

/// The names of all fields, but not of those that are counted words.
fn names(value: &serde_json::Value, into: &mut Vec<String>) {
    let counted = [
        "errors",
        "nodes",
        "disconnectReasons",
        "failedConnects",
        "recoveryFailures",
    ];
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                into.push(name.clone());
                if !counted.contains(&name.as_str()) {
                    names(value, into);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}
