//! How sockets end, and how the server does.

use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use switchboard_socketio::{DisconnectReason, Options, Packet, SendError};
use tokio::time::Instant;

use crate::support::{Client, Lab, Seen, options, soon};

/// The one socket ended with `reason`: once, and it is nowhere any more.
async fn ended(lab: &Lab, client: &Client, reason: DisconnectReason) {
    let (id, seen) = lab.next_end().await;
    assert_eq!((id.as_str(), seen), (client.id.as_str(), reason));
    assert!(lab.io.sockets().is_empty());
    assert!(lab.io.sockets_in("/", "early").is_empty());
    // Whatever is still under way comes before a later client's end.
    let later = lab.joined().await;
    later.vanish();
    let (id, _) = lab.next_end().await;
    assert_ne!(id.as_str(), client.id);
}

#[tokio::test]
async fn ends_once_when_the_client_leaves_the_namespace() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("1").await;
    ended(&lab, &client, DisconnectReason::ClientNamespaceDisconnect).await;
}

#[tokio::test]
async fn ends_once_when_the_client_closes_the_engine() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send_engine("1").await;
    ended(&lab, &client, DisconnectReason::TransportClose).await;
}

#[tokio::test]
async fn ends_once_when_the_client_breaks_the_transport_rules() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send_engine("nonsense").await;
    ended(&lab, &client, DisconnectReason::ParseError).await;
}

#[tokio::test]
async fn ends_once_when_the_client_vanishes() {
    let lab = Lab::start().await;
    let client = lab.joined().await;
    let id = client.id.clone();
    client.vanish();
    let (seen, reason) = lab.next_end().await;
    assert_eq!(seen.as_str(), id);
    assert!(matches!(
        reason,
        DisconnectReason::TransportClose | DisconnectReason::TransportError
    ));
}

#[tokio::test]
async fn ends_once_when_the_client_answers_no_ping() {
    let options = Options {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(100),
        ..options()
    };
    let lab = Lab::with(options).await;
    // Reading stops here, and with it the answers to pings.
    let client = lab.joined().await;
    let (id, reason) = lab.next_end().await;
    assert_eq!(
        (id.as_str(), reason),
        (client.id.as_str(), DisconnectReason::PingTimeout)
    );
    assert!(lab.rest().await.is_empty());
}

#[tokio::test]
async fn ends_once_when_the_server_disconnects_it_and_says_so() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"kick\"]").await;
    assert_eq!(client.until_closed().await, ["1"]);
    ended(&lab, &client, DisconnectReason::ServerNamespaceDisconnect).await;
}

#[tokio::test]
async fn keeps_the_connection_while_another_namespace_is_joined() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.join("0/chat,").await;
    client.send("2/chat,[\"kick\"]").await;
    assert_eq!(client.recv().await, "1/chat,");
    assert_eq!(
        lab.next_end().await.1,
        DisconnectReason::ServerNamespaceDisconnect
    );
    client.send("20[\"echo\",1]").await;
    assert_eq!(client.recv().await, "30[1]");
    // And it may come back.
    client.join("0/chat,").await;
}

#[tokio::test]
async fn ends_once_when_the_server_closes_it_and_sends_no_disconnect() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"close\"]").await;
    assert!(client.until_closed().await.is_empty());
    ended(&lab, &client, DisconnectReason::ForcedClose).await;
}

#[tokio::test]
async fn gives_a_polling_client_time_to_fetch_its_disconnect() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    lab.http("POST", &session, "42[\"kick\"]").await;
    assert_eq!(
        lab.next_end().await.1,
        DisconnectReason::ServerNamespaceDisconnect
    );
    lab.poll_until(&session, "41").await;
}

#[tokio::test]
async fn runs_the_disconnect_handler_after_the_running_one() {
    for name in ["hold", "overlap"] {
        let lab = Lab::start().await;
        let mut client = lab.joined().await;
        client.send(&format!("2[\"{name}\"]")).await;
        lab.until(&Seen::Held).await;
        client.vanish();
        while !lab.io.sockets().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(lab.rest().await.is_empty());
        lab.app.gate.add_permits(1);
        assert_eq!(lab.next().await, Seen::Event(name.to_owned(), vec![]));
        assert!(matches!(lab.next().await, Seen::Disconnected(..)));
    }
}

#[tokio::test]
async fn drops_a_handler_that_outlives_its_socket_by_the_grace() {
    for name in ["hold", "overlap"] {
        let options = Options {
            handler_grace: Duration::from_millis(50),
            ..options()
        };
        let lab = Lab::with(options).await;
        let mut client = lab.joined().await;
        client.send(&format!("2[\"{name}\"]")).await;
        lab.until(&Seen::Held).await;
        client.vanish();
        assert!(matches!(lab.next().await, Seen::Disconnected(..)));
    }
}

/// Sends to a client that does not read until the server has had enough of it.
async fn fill(lab: &Lab) {
    let packet = Packet::event("/", "big", &"x".repeat(60_000)).unwrap();
    let mut sent = 0;
    while lab.io.broadcast("/", "early", &packet, None).await > 0 {
        sent += 1;
        assert!(
            sent < 10_000,
            "600 MB queued for a client that does not read"
        );
        if sent % 8 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn cuts_a_client_that_does_not_read_and_ends_it_at_once() {
    let lab = Lab::with(Options {
        send_queue: 1_000_000,
        ..options()
    })
    .await;
    let client = lab.joined().await;
    let socket = lab.io.sockets().pop().unwrap();
    soon(fill(&lab)).await;
    assert_eq!(lab.io.slow_consumers(), 1);
    assert!(lab.io.sockets_in("/", "early").is_empty());
    assert!(!socket.is_connected());
    assert!(matches!(
        socket.emit(&Packet::event("/", "more", &1).unwrap()),
        Err(SendError::Closed)
    ));
    let (id, reason) = lab.next_end().await;
    assert_eq!(
        (id.as_str(), reason),
        (client.id.as_str(), DisconnectReason::ForcedClose)
    );
}

#[tokio::test]
async fn leaves_no_task_behind_of_a_client_that_never_reads() {
    let lab = Lab::with(Options {
        send_queue: 1_000_000,
        ..options()
    })
    .await;
    let _client = lab.joined().await;
    assert_eq!(lab.io.tasks(), 1, "a connection has one task");
    soon(fill(&lab)).await;
    soon(async {
        while lab.io.tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(lab.io.sessions(), 0);
}

#[tokio::test]
async fn leaves_no_task_behind_of_clients_that_come_and_go() {
    let lab = Lab::start().await;
    for _ in 0..10 {
        lab.joined().await.vanish();
        lab.client().await.vanish();
        lab.next_end().await;
    }
    soon(async {
        while lab.io.tasks() + lab.io.sessions() + lab.io.rooms("/") > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Of a broadcast in which nothing waits for the writer, because the test gives it no time.
fn now<T>(what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    match what.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// What `42["n",1]` counts: its bytes, its WebSocket header and the overhead of a frame.
const SMALL: usize = 9 + 2 + 64;

#[tokio::test]
async fn drops_volatile_packets_once_the_queue_is_half_full_and_cuts_nobody() {
    let lab = Lab::with(Options {
        send_queue: 64 * SMALL,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    let packet = Packet::event("/", "n", &1).unwrap();
    let mut sent = 0;
    while now(lab.io.broadcast_volatile("/", "early", &packet, None)) == 1 {
        sent += 1;
    }
    assert_eq!(sent, 32);
    assert_eq!(lab.io.queued_bytes(), 32 * SMALL);
    // The other half is for what matters.
    for _ in 0..32 {
        assert_eq!(now(lab.io.broadcast("/", "early", &packet, None)), 1);
    }
    for _ in 0..64 {
        assert_eq!(client.recv().await, r#"2["n",1]"#);
    }
    assert_eq!(
        now(lab.io.broadcast_volatile("/", "early", &packet, None)),
        1
    );
    assert_eq!(lab.io.slow_consumers(), 0);
}

#[tokio::test]
async fn cuts_nobody_who_reads_however_much_is_sent_in_one_go() {
    let lab = Lab::with(Options {
        send_queue: 10_000,
        ..options()
    })
    .await;
    let mut client = lab.joined().await;
    // More than the queue, less than the kernel's buffers, and no await between.
    let packet = Packet::event("/", "n", &"x".repeat(1000)).unwrap();
    for _ in 0..50 {
        assert_eq!(now(lab.io.broadcast("/", "early", &packet, None)), 1);
    }
    for _ in 0..50 {
        assert!(client.recv().await.starts_with("2[\"n\""));
    }
    assert_eq!(lab.io.slow_consumers(), 0);
}

#[tokio::test]
async fn refuses_handshakes_on_demand_and_keeps_open_connections() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    lab.io.refuse_new();
    assert_eq!(lab.http("GET", "EIO=4&transport=polling", "").await.0, 503);
    client.send("20[\"echo\",1]").await;
    assert_eq!(client.recv().await, "30[1]");
}

#[tokio::test]
async fn closes_all_transports_and_waits_for_the_disconnect_handlers() {
    let lab = Lab::start().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(lab.joined().await);
    }
    let mut idle = lab.client().await;
    soon(lab.io.close(Duration::from_secs(5))).await;
    let ends: Vec<_> = lab
        .rest()
        .await
        .into_iter()
        .filter(|seen| {
            matches!(
                seen,
                Seen::Disconnected(_, DisconnectReason::ServerShuttingDown)
            )
        })
        .collect();
    assert_eq!(ends.len(), 5);
    for client in &mut clients {
        // No DISCONNECT packet: stock clients come back.
        assert!(client.until_closed().await.is_empty());
    }
    idle.until_closed().await;
    assert_eq!(lab.http("GET", "EIO=4&transport=polling", "").await.0, 503);
}

#[tokio::test]
async fn closes_at_once_though_a_client_never_reads() {
    let lab = Lab::with(Options {
        send_queue: 100_000_000,
        ..options()
    })
    .await;
    let _client = lab.joined().await;
    let packet = Packet::event("/", "big", &"x".repeat(60_000)).unwrap();
    for _ in 0..500 {
        assert_eq!(lab.io.broadcast("/", "early", &packet, None).await, 1);
    }
    let start = Instant::now();
    lab.io.close(Duration::from_secs(30)).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(matches!(
        lab.rest().await.last(),
        Some(Seen::Disconnected(..))
    ));
}

#[tokio::test]
async fn closes_within_the_deadline_though_a_handler_never_ends() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    let start = Instant::now();
    lab.io.close(Duration::from_millis(200)).await;
    assert!(start.elapsed() < Duration::from_secs(2));
}
