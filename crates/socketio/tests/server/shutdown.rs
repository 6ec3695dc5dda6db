//! Draining and closing, with a clock that stands still while anybody has something to do.

use std::time::Duration;

use switchboard_socketio::{DisconnectReason, Options, Pace, Packet};
use tokio::time::Instant;

use crate::support::{Lab, Local, Seen, options};

const SECOND: Duration = Duration::from_secs(1);
/// More than any of these tests takes.
const LONG: Duration = Duration::from_mins(10);

async fn clients(lab: &Lab, count: usize) -> Vec<Local> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = lab.local("EIO=4").await;
        client.join().await;
        clients.push(client);
    }
    clients
}

/// A server whose clients live through a long test.
async fn lab() -> Lab {
    Lab::with(Options {
        ping_interval: LONG,
        handler_grace: 2 * SECOND,
        ..options()
    })
    .await
}

/// Drains a server with ten clients; gives when the connections closed and what the clients were
/// told, in tenths of a second.
async fn drained(pace: Pace) -> (Vec<u128>, Vec<u128>) {
    let lab = lab().await;
    let mut clients = clients(&lab, 10).await;
    let start = Instant::now();
    let mut told = Vec::new();
    let drain = lab.io.drain(pace, SECOND, |socket, time| {
        assert!(socket.is_connected());
        told.push(time.as_millis() / 100);
    });
    let watch = async {
        let closing = clients.iter_mut().map(|client| async {
            client.close_code().await;
            start.elapsed().as_millis() / 100
        });
        futures_util::future::join_all(closing).await
    };
    let ((), mut closed) = tokio::join!(drain, watch);
    closed.sort_unstable();
    assert_eq!(lab.io.sessions(), 0);
    (closed, told)
}

#[tokio::test(start_paused = true)]
async fn drains_evenly_over_a_time() {
    let (closed, told) = drained(Pace::Over(5 * SECOND)).await;
    let expected: Vec<u128> = (0..10).map(|n| n * 5).collect();
    assert_eq!(closed, expected);
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn drains_so_many_a_second() {
    let (closed, told) = drained(Pace::PerSecond(5)).await;
    let expected: Vec<u128> = (0..10).map(|n| n * 2).collect();
    assert_eq!(closed, expected);
    assert_eq!(told, expected);
    let (closed, _) = drained(Pace::PerSecond(0)).await;
    assert_eq!(closed, (0..10).map(|n| n * 10).collect::<Vec<_>>());
}

/// When, in tenths of a second, a server closes ten connections that stands still from 2.25 s to 3.75 s.
async fn drained_with_a_pause(pace: Pace) -> Vec<u128> {
    let lab = lab().await;
    let mut clients = clients(&lab, 10).await;
    let start = Instant::now();
    let drain = lab.io.drain(pace, SECOND, |_, _| ());
    let pause = async {
        tokio::time::sleep(SECOND * 9 / 4).await;
        tokio::time::advance(SECOND * 3 / 2).await;
    };
    let closing = clients.iter_mut().map(|client| async {
        client.close_code().await;
        start.elapsed().as_millis() / 100
    });
    let closing = futures_util::future::join_all(closing);
    let ((), (), mut closed) = tokio::join!(drain, pause, closing);
    closed.sort_unstable();
    closed
}

#[tokio::test(start_paused = true)]
async fn does_not_close_at_once_what_it_should_have_closed_while_it_stood_still() {
    let closed = drained_with_a_pause(Pace::Over(9 * SECOND)).await;
    // What is left is spread over what is left.
    assert_eq!(closed, [0, 9, 18, 37, 45, 52, 60, 67, 75, 82]);
    let closed = drained_with_a_pause(Pace::PerSecond(2)).await;
    assert_eq!(closed, [0, 5, 10, 15, 20, 37, 42, 47, 52, 57]);
}

#[tokio::test(start_paused = true)]
async fn refuses_new_clients_while_it_drains_and_serves_the_others() {
    let lab = lab().await;
    let mut clients = clients(&lab, 2).await;
    let drain = lab.io.drain(Pace::PerSecond(1), SECOND, |_, _| ());
    let meanwhile = async {
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(lab.call("GET", "EIO=4&transport=polling", "").await.0, 503);
        let (open, closed) = clients.split_at_mut(1);
        let (open, closed) = (&mut open[0], &mut closed[0]);
        for client in [&mut *open, &mut *closed] {
            client.send_text("421[\"echo\",1]").await;
        }
        let (one, other) = tokio::join!(open.next(), closed.next());
        let answers = [one, other].into_iter().flatten();
        let served = answers.filter(|(_, payload)| payload == b"431[1]");
        assert_eq!(served.count(), 1);
        tokio::join!(open.close_code(), closed.close_code());
    };
    tokio::join!(drain, meanwhile);
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_handler_that_runs_and_sends_its_answer_before_it_closes() {
    let lab = lab().await;
    let mut client = clients(&lab, 1).await.remove(0);
    client.send_text("42[\"hold\"]").await;
    client.send_text("427[\"echo\",\"done\"]").await;
    lab.until(&Seen::Held).await;
    let start = Instant::now();
    let drain = lab.io.drain(Pace::PerSecond(100), LONG, |_, _| ());
    let meanwhile = async {
        tokio::time::sleep(3 * SECOND).await;
        lab.app.gate.add_permits(1);
        assert_eq!(client.text().await, "437[\"done\"]");
        assert_eq!(client.close_code().await, Some(1005));
    };
    tokio::join!(drain, meanwhile);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_handler_no_longer_than_its_patience() {
    let lab = lab().await;
    let mut client = clients(&lab, 1).await.remove(0);
    client.send_text("42[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    let start = Instant::now();
    let drain = lab.io.drain(Pace::PerSecond(100), 4 * SECOND, |_, _| ());
    tokio::join!(drain, client.close_code());
    assert_eq!(start.elapsed().as_secs(), 4);
    let (_, reason) = lab.next_end().await;
    assert_eq!(reason, DisconnectReason::ServerShuttingDown);
}

#[tokio::test(start_paused = true)]
async fn sends_what_waits_before_it_closes() {
    let lab = lab().await;
    let mut client = clients(&lab, 1).await.remove(0);
    // More than the connection holds.
    let packet = Packet::event("/", "big", &"x".repeat(50_000)).unwrap();
    for _ in 0..5 {
        lab.io.broadcast("/", "early", &packet, None).await;
    }
    lab.io.drain(Pace::PerSecond(100), SECOND, |_, _| ()).await;
    for _ in 0..5 {
        assert_eq!(client.text().await.len(), 50_000 + 12);
    }
    assert_eq!(client.close_code().await, Some(1005));
}

#[tokio::test(start_paused = true)]
async fn closes_in_bounded_time_whatever_its_clients_do() {
    let lab = lab().await;
    let mut clients = clients(&lab, 3).await;
    // One whose handler never ends, one that never reads, one that never hangs up, one that joined
    // nothing, and one that does not poll.
    clients[0].send_text("42[\"hold\"]").await;
    lab.until(&Seen::Held).await;
    let packet = Packet::event("/", "big", &"x".repeat(100_000)).unwrap();
    let never_reads = lab.io.sockets();
    never_reads[1].emit(&packet).unwrap();
    let _idle = lab.local("EIO=4").await;
    let session = lab.opened_in_memory(4).await;
    lab.call("POST", &session, "40").await;
    let start = Instant::now();
    lab.io.close(LONG).await;
    // The time to hang up, and the grace of the handler.
    assert!(start.elapsed() <= 4 * SECOND, "{:?}", start.elapsed());
    assert_eq!((lab.io.tasks(), lab.io.sessions()), (0, 0));
    assert_eq!(lab.io.queued_bytes(), 0);
    let seen = lab.rest().await;
    let ends = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Disconnected(..)));
    assert_eq!(ends.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn closes_at_once_when_everybody_is_well_behaved() {
    let lab = lab().await;
    let mut clients = clients(&lab, 5).await;
    let session = lab.opened_in_memory(4).await;
    let start = Instant::now();
    let closing = futures_util::future::join_all(clients.iter_mut().map(Local::close_code));
    let (close, poll) = (lab.io.close(LONG), lab.call("GET", &session, ""));
    let ((), codes, poll) = tokio::join!(close, closing, poll);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(codes, [Some(1005); 5]);
    assert_eq!(poll, (200, "1".to_owned()));
}
