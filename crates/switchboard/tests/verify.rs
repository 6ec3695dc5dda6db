//! `switchboard verify`, as it is used: against a real node, and against one that lies.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use switchboard_testkit::gateway::EmbeddedGateway;
use switchboard_testkit::lying::{Lie, LyingServer};

const BINARY: &str = env!("CARGO_BIN_EXE_switchboard");

/// A short run with few clients, in `folder`, whose development key it signs with.
async fn verify(folder: &Path, url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command
        .args([
            "verify",
            "--url",
            url,
            "--clients",
            "8",
            "--conversations",
            "2",
        ])
        .args([
            "--members",
            "4",
            "--rate",
            "30",
            "--duration",
            "2s",
            "--grace",
            "15s",
        ])
        .args(more)
        .current_dir(folder);
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_its_promises_and_the_report_says_so() {
    let node = EmbeddedGateway::start(Path::new(BINARY)).await.unwrap();
    let output = verify(node.folder(), &node.url(), &["--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["kept"], true);
    assert_eq!(report["acked"], 60, "{report}");
    assert_eq!(report["delivery"]["delivered"], 180, "{report}");

    let output = verify(node.folder(), &node.url(), &["--json", "report.json"]).await;
    assert!(
        text(&output.stdout).starts_with("KEPT"),
        "{}",
        text(&output.stdout)
    );
    let report = std::fs::read(node.folder().join("report.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&report).unwrap()["kept"],
        true
    );

    // Another secret than the node's.
    let other = ["--secret", "0123456789abcdef0123456789abcdef"];
    let output = verify(node.folder(), &node.url(), &other).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("UNAUTHENTICATED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_is_named_and_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let liar = LyingServer::start(Lie::Forget).await;
    let output = verify(folder.path(), &liar.url(), &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.starts_with("BROKEN: 1 ackedLost"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_answer_is_exit_code_69_and_a_mistake_2() {
    let folder = tempfile::tempdir().unwrap();
    let liar = LyingServer::start(Lie::None).await;
    let url = liar.url();
    drop(liar);
    let output = verify(folder.path(), &url, &[]).await;
    assert_eq!(output.status.code(), Some(69), "{}", text(&output.stderr));
    let output = verify(folder.path(), &url, &["--organizations", "3"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
