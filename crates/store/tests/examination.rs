//! What an operator is told of a PostgreSQL.

use switchboard_messaging::{Clock as _, SystemClock};
use switchboard_store::{PostgresExamination, PostgresTrouble};
use switchboard_testkit::postgres::fresh_database;

#[tokio::test]
async fn a_server_says_what_it_is_and_what_time_it_is() {
    let url = fresh_database().await.url;
    let mut examination = PostgresExamination::connect(&url).await.unwrap();
    let facts = examination.facts().await.unwrap();
    assert!(url.ends_with(&facts.database), "{facts:?}");
    assert!(facts.version_number >= 150_000, "{facts:?}");
    assert!(!facts.is_standby && !facts.is_read_only, "{facts:?}");
    assert_eq!(
        (facts.fsync.as_str(), facts.synchronous_commit.as_str()),
        ("on", "on")
    );
    assert!(facts.connections > 0 && facts.connected >= 1, "{facts:?}");
    let time = examination.time().await.unwrap().as_millis();
    assert!((time - SystemClock.now().as_millis()).abs() < 5_000);
    examination.close().await;
}

#[tokio::test]
async fn why_it_cannot_be_used_is_told_apart() {
    let url = fresh_database().await.url;
    let trouble =
        |url: String| async move { PostgresExamination::connect(&url).await.unwrap_err() };
    let stranger = trouble(url.replace("postgres@", "nobody:hunter2@")).await;
    assert!(
        matches!(stranger, PostgresTrouble::Credentials(_)),
        "{stranger:?}"
    );
    let missing = trouble(format!("{url}_not")).await;
    assert!(
        matches!(missing, PostgresTrouble::Database(_)),
        "{missing:?}"
    );
    let gone = trouble("postgres://postgres@127.0.0.1:1/x".to_owned()).await;
    assert!(matches!(gone, PostgresTrouble::Unreachable(_)), "{gone:?}");
    for told in [stranger, missing, gone] {
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }
}
