//! Peers that are too slow, and crowds.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use switchboard_socketio::{DisconnectReason, Options, Packet, listen};
use tokio::{task::yield_now, time::Instant};

use crate::support::{Lab, Local, Raw, Seen, options, soon};

/// A server on which a write may stand still for a moment only.
async fn impatient() -> Lab {
    let limits = Options {
        send_queue: 100_000_000,
        // What waits for the kernel shall be all that waits.
        write_interval: Duration::ZERO,
        ..options()
    };
    let stall = listen::Options {
        write_stall: Duration::from_millis(200),
        ..listen::Options::default()
    };
    Lab::listening(limits, stall).await
}

/// Sends until the kernel takes no more.
async fn fill(lab: &Lab) {
    let packet = Packet::event("/", "big", &"x".repeat(100_000)).unwrap();
    let mut stuck = 0;
    while stuck < 100 {
        stuck = match lab.io.queued_bytes() {
            0 => {
                lab.io.broadcast("/", "early", &packet, None).await;
                0
            }
            _ => stuck + 1,
        };
        yield_now().await;
    }
}

#[tokio::test]
async fn cuts_a_websocket_whose_peer_stopped_reading_though_little_is_sent() {
    let lab = impatient().await;
    let mut raw = lab.raw("EIO=4", &[]).await;
    raw.join().await;
    soon(fill(&lab)).await;
    let (_, reason) = lab.next_end().await;
    assert_eq!(reason, DisconnectReason::TransportError);
    assert_eq!(lab.io.slow_consumers(), 0, "the queue was not full");
    assert_eq!(lab.io.sessions(), 0);
}

#[tokio::test]
async fn closes_the_connection_of_a_poll_whose_answer_is_not_read() {
    let lab = impatient().await;
    let session = lab.polling_session().await;
    let packet = Packet::event("/", "big", &"x".repeat(20_000_000)).unwrap();
    lab.io.broadcast("/", "early", &packet, None).await;
    let unread = lab.begin("GET", &session, &[], b"").await;
    // Nothing tells the peer that it was cut before it reads on.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(unread.length().await < 20_000_000);
    // The session lives on, for the client to come back or to time out.
    assert_eq!(lab.http("POST", &session, "421[\"echo\",1]").await.0, 200);
    lab.poll_until(&session, "431[1]").await;
}

#[tokio::test]
async fn does_not_cut_a_peer_that_reads_slowly() {
    let lab = impatient().await;
    let mut raw = lab.raw("EIO=4", &[]).await;
    raw.join().await;
    let packet = Packet::event("/", "big", &"x".repeat(100_000)).unwrap();
    for _ in 0..100 {
        lab.io.broadcast("/", "early", &packet, None).await;
    }
    for n in 0..100 {
        if n % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(raw.text().await.len(), 100_000 + 12);
    }
}

#[tokio::test]
async fn serves_one_namespace_while_a_handler_of_another_is_stuck() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.join("0/chat,").await;
    client.send("2[\"hold\"]").await;
    client.send("2[\"waits\"]").await;
    lab.until(&Seen::Held).await;
    for n in 0..50 {
        client.send(&format!("2/chat,{n}[\"echo\",{n}]")).await;
        assert_eq!(client.recv().await, format!("3/chat,{n}[{n}]"));
    }
    lab.app.gate.add_permits(1);
    lab.until_event("waits").await;
}

#[tokio::test]
async fn gives_each_connection_its_turn_while_one_floods() {
    let lab = Lab::start().await;
    let (mut flooding, mut calm) = (lab.joined().await, lab.joined().await);
    let done = AtomicBool::new(false);
    let flood = async {
        while !done.load(Ordering::Relaxed) {
            flooding.send("2[\"yield\",0]").await;
        }
    };
    let echo = async {
        for n in 0..50 {
            calm.send(&format!("2{n}[\"echo\",{n}]")).await;
            assert_eq!(calm.recv().await, format!("3{n}[{n}]"));
        }
        done.store(true, Ordering::Relaxed);
    };
    let drain = async {
        while !done.load(Ordering::Relaxed) {
            lab.rest().await;
            yield_now().await;
        }
    };
    soon(async { tokio::join!(flood, echo, drain) }).await;
}

/// Packets that a crowd gets.
const PACKETS: usize = 30;

/// All packets come to the client, in order.
async fn gets_all(mut client: Local) {
    for n in 0..PACKETS {
        assert_eq!(client.text().await, format!("42[\"n\",{n}]"));
    }
}

/// Clients that come, join, leave and go until the crowd is served.
async fn come_and_go(lab: &Lab, served: &AtomicBool) {
    let mut rounds = 0;
    while !served.load(Ordering::Relaxed) || rounds < 20 {
        let mut client = lab.local("EIO=4").await;
        client.send_text("40").await;
        client.send_text("42[\"leave\",\"early\"]").await;
        client.send_text("42[\"join\",\"early\"]").await;
        if rounds % 2 == 0 {
            client.send_text("41").await;
        }
        rounds += 1;
        drop(client);
        lab.rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reaches_all_of_a_crowd_in_order_while_others_come_and_go() {
    let lab = Lab::start().await;
    let mut crowd = Vec::new();
    for _ in 0..1_000 {
        let mut client = lab.local("EIO=4").await;
        client.join().await;
        crowd.push(client);
    }
    let served = AtomicBool::new(false);
    let broadcasts = async {
        for n in 0..PACKETS {
            let packet = Packet::event("/", "n", &n).unwrap();
            let reached = lab.io.broadcast("/", "early", &packet, None).await;
            assert!(reached >= 1_000, "{reached}");
        }
    };
    let readers = async {
        futures_util::future::join_all(crowd.into_iter().map(gets_all)).await;
        served.store(true, Ordering::Relaxed);
    };
    let others = futures_util::future::join_all((0..8).map(|_| come_and_go(&lab, &served)));
    let start = Instant::now();
    Box::pin(async { tokio::join!(broadcasts, readers, others) }).await;
    assert!(start.elapsed() < 3 * crate::support::PATIENCE);
}

#[tokio::test]
async fn closes_a_websocket_that_never_reads_its_open_packet_with_the_server() {
    let lab = Lab::start().await;
    // It holds less than the answer to the handshake.
    let mut pipe = lab.pipe(16);
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: localhost\r\n\
                   connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut pipe, request.as_bytes())
        .await
        .unwrap();
    assert_eq!(lab.io.sessions(), 0, "it is none before the answer is out");
    drop(pipe);
    soon(lab.io.close(Duration::from_secs(5))).await;
    assert_eq!(lab.io.tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_websocket_that_opened_and_never_reads_by_its_heartbeat() {
    let lab = Lab::with(Options {
        ping_interval: Duration::from_secs(1),
        ping_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(100),
        ..options()
    })
    .await;
    let mut raw = Raw::open(lab.pipe(4096), "EIO=4", &[]).await;
    raw.send_text("40").await;
    let packet = Packet::event("/", "big", &"x".repeat(100_000)).unwrap();
    while !matches!(lab.next().await, Seen::Connected(_)) {}
    lab.io.broadcast("/", "early", &packet, None).await;
    assert_eq!(lab.next_end().await.1, DisconnectReason::PingTimeout);
    assert_eq!((lab.io.tasks(), lab.io.queued_bytes()), (0, 0));
}
