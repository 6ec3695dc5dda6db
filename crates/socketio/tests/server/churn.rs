//! Clients of every kind that come and go, and nothing that is left of them.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::yield_now};

use crate::support::{Lab, PATIENCE};

const CLIENTS: usize = 2_000;
/// As many at a time.
const CROWD: usize = 50;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One client, of a kind that depends on its number.
async fn come_and_go(lab: &Lab, number: usize) {
    match number % 10 {
        0 => {
            let mut client = lab.joined().await;
            client.send("2[\"join\",\"a\"]").await;
            client.send("1").await;
        }
        1 => {
            let mut client = lab.joined().await;
            client.send("2[\"join\",\"b\"]").await;
            client.vanish();
        }
        2 => {
            let mut raw = lab.raw("EIO=3", &[]).await;
            raw.send_text("42[\"join\",\"c\"]").await;
            raw.reset();
        }
        3 => {
            let session = lab.polling_session().await;
            lab.http("POST", &session, "42[\"join\",\"a\"]\u{1e}1")
                .await;
        }
        4 => {
            let session = lab.polling_session().await;
            drop(lab.begin("GET", &session, &[], b"").await);
            // A request that was aborted before it was looked at ended nothing.
            lab.leave(&session).await;
        }
        5 => {
            let session = lab.polling_session().await;
            lab.upgraded(&session).await.send("1").await;
        }
        6 => {
            let session = lab.polling_session().await;
            let mut raw = lab.second(&session).await;
            raw.send_text("2probe").await;
            drop(raw);
            lab.http("POST", &session, "41\u{1e}1").await;
        }
        7 => {
            let mut raw = lab.raw("EIO=4", &[]).await;
            raw.join().await;
            raw.send(b"\xff\xff\xff").await;
            raw.close_code().await;
        }
        8 => {
            let mut client = lab.client().await;
            client.send(r#"0{"refuse":1}"#).await;
            client.recv().await;
            client.join("0/chat,").await;
            client.send("2/chat,[\"close\"]").await;
            client.until_closed().await;
        }
        _ => {
            let mut local = lab.local("EIO=4").await;
            local.join().await;
            local.send_text("42[\"kick\"]").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_nothing_of_two_thousand_clients_of_every_kind() {
    let lab = Lab::start().await;
    lab.joined().await.vanish();
    lab.next_end().await;
    // Of the client's sockets and the server's: those of the first client may still be closing.
    let before = descriptors();
    let places = Arc::new(Semaphore::new(CROWD));
    let clients = (0..CLIENTS).map(|number| {
        let places = places.clone();
        let lab = &lab;
        async move {
            let _place = places.acquire().await.unwrap();
            come_and_go(lab, number).await;
            lab.rest().await;
        }
    });
    Box::pin(futures_util::future::join_all(clients)).await;
    let all_gone = async {
        while lab.io.tasks() + lab.io.sessions() + lab.io.rooms("/") + lab.io.rooms("/chat") > 0 {
            yield_now().await;
        }
        while descriptors() > before {
            yield_now().await;
        }
    };
    tokio::time::timeout(2 * PATIENCE, all_gone)
        .await
        .unwrap_or_else(|_| {
            panic!(
                "{} tasks, {} sessions, {} rooms, {} instead of {before} descriptors",
                lab.io.tasks(),
                lab.io.sessions(),
                lab.io.rooms("/"),
                descriptors()
            )
        });
    assert_eq!(lab.io.queued_bytes(), 0);
    assert!(lab.io.sockets().is_empty());
    assert_eq!(lab.io.handler_panics(), 0);
    lab.joined().await;
}
