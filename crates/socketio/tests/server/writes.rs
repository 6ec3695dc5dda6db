//! When what is said to a room is written, with a clock that stands still while anybody has
//! something to do.

use std::time::Duration;

use switchboard_socketio::{Options, Packet};
use tokio::time::{Instant, sleep};

use crate::support::{Lab, Local, options};

const INTERVAL: Duration = Duration::from_millis(40);

async fn lab(write_interval: Duration) -> Lab {
    Lab::with(Options {
        write_interval,
        ..options()
    })
    .await
}

/// One that was not written to for a while.
async fn rested(lab: &Lab) -> Local {
    let mut client = lab.local("EIO=4").await;
    client.join().await;
    sleep(INTERVAL).await;
    client
}

/// One that was written to just now.
async fn told_just_now(lab: &Lab) -> Local {
    let mut client = rested(lab).await;
    tell_all(lab, "a").await;
    assert_eq!(client.text().await, r#"42["told","a"]"#);
    client
}

async fn tell_all(lab: &Lab, text: &str) {
    let packet = Packet::event("/", "told", &text).unwrap();
    lab.io.broadcast("/", "early", &packet, None).await;
}

/// What comes next, and how long after `start`.
async fn heard(client: &mut Local, start: Instant) -> (String, Duration) {
    let text = client.text().await;
    (text, start.elapsed())
}

fn told(text: &str, after: Duration) -> (String, Duration) {
    (format!(r#"42["told","{text}"]"#), after)
}

#[tokio::test(start_paused = true)]
async fn one_that_heard_nothing_for_the_interval_hears_at_once() {
    let lab = lab(INTERVAL).await;
    let mut client = rested(&lab).await;
    for n in ["a", "b", "c"] {
        let start = Instant::now();
        tell_all(&lab, n).await;
        assert_eq!(heard(&mut client, start).await, told(n, Duration::ZERO));
        sleep(INTERVAL).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_the_interval_is_over_comes_together_and_in_order_after_it() {
    let lab = lab(INTERVAL).await;
    let mut client = rested(&lab).await;
    let start = Instant::now();
    tell_all(&lab, "a").await;
    assert_eq!(heard(&mut client, start).await, told("a", Duration::ZERO));
    for n in ["b", "c", "d"] {
        tell_all(&lab, n).await;
        sleep(INTERVAL / 4).await;
    }
    for n in ["b", "c", "d"] {
        assert_eq!(heard(&mut client, start).await, told(n, INTERVAL));
    }
    // Again, from the write before on.
    tell_all(&lab, "e").await;
    assert_eq!(heard(&mut client, start).await, told("e", 2 * INTERVAL));
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_and_takes_along_what_does() {
    let lab = lab(INTERVAL).await;
    let mut client = told_just_now(&lab).await;
    let start = Instant::now();
    tell_all(&lab, "b").await;
    client.send_text(r#"427["echo",1]"#).await;
    assert_eq!(heard(&mut client, start).await, told("b", Duration::ZERO));
    let answer = ("437[1]".to_owned(), Duration::ZERO);
    assert_eq!(heard(&mut client, start).await, answer);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_one_alone_does_not_wait() {
    let lab = lab(INTERVAL).await;
    let mut client = told_just_now(&lab).await;
    let start = Instant::now();
    let packet = Packet::event("/", "told", &"you").unwrap();
    for socket in lab.io.sockets() {
        socket.emit(&packet).unwrap();
    }
    assert_eq!(heard(&mut client, start).await, told("you", Duration::ZERO));
}

/// Something that nobody waits for.
fn mention_to_all(lab: &Lab, text: &str) {
    let packet = Packet::event("/", "told", &text).unwrap();
    for socket in lab.io.sockets() {
        socket.emit_whenever(&packet).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_goes_with_what_comes_next_in_its_place() {
    let lab = lab(INTERVAL).await;
    let mut client = rested(&lab).await;
    let (start, later) = (Instant::now(), Duration::from_millis(200));
    mention_to_all(&lab, "a");
    sleep(later).await;
    tell_all(&lab, "b").await;
    mention_to_all(&lab, "c");
    assert_eq!(heard(&mut client, start).await, told("a", later));
    assert_eq!(heard(&mut client, start).await, told("b", later));
    client.send_text(r#"427["echo",1]"#).await;
    let heard_since = (heard(&mut client, start).await, client.text().await);
    assert_eq!(heard_since, (told("c", later), "437[1]".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_goes_by_itself_after_a_while() {
    let lab = lab(INTERVAL).await;
    let (mut client, mut other) = (rested(&lab).await, rested(&lab).await);
    let poller = lab.polling_session().await;
    let start = Instant::now();
    for text in ["a", "b"] {
        mention_to_all(&lab, text);
    }
    let a_while = Duration::from_millis(260);
    for client in [&mut client, &mut other] {
        assert_eq!(heard(client, start).await, told("a", a_while));
        assert_eq!(heard(client, start).await, told("b", a_while));
    }
    let before = lab.get(&poller).await;
    assert_eq!(before.text(), told_in_a_payload(&["a", "b"]));
    // And again, to a poll, which is not answered before.
    let start = Instant::now();
    mention_to_all(&lab, "c");
    let answer = lab.get(&poller).await;
    assert_eq!(answer.text(), told_in_a_payload(&["c"]));
    assert_eq!(heard(&mut client, start).await, told("c", a_while));
}

fn told_in_a_payload(texts: &[&str]) -> String {
    let packets = texts.iter().map(|text| format!(r#"42["told","{text}"]"#));
    packets.collect::<Vec<_>>().join("\u{1e}")
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_answer_does_not_end_the_rest() {
    let lab = lab(INTERVAL).await;
    let mut client = told_just_now(&lab).await;
    let start = Instant::now();
    tell_all(&lab, "b").await;
    client.send_text(r#"42["hello"]"#).await;
    lab.until_event("hello").await;
    assert_eq!(heard(&mut client, start).await, told("b", INTERVAL));
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_and_loses_nothing() {
    let lab = lab(INTERVAL).await;
    let mut client = told_just_now(&lab).await;
    let start = Instant::now();
    tell_all(&lab, "b").await;
    for socket in lab.io.sockets() {
        socket.close();
    }
    assert_eq!(heard(&mut client, start).await, told("b", Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_nothing_waits() {
    let lab = lab(Duration::ZERO).await;
    let mut client = rested(&lab).await;
    let start = Instant::now();
    for n in ["a", "b", "c"] {
        tell_all(&lab, n).await;
        assert_eq!(heard(&mut client, start).await, told(n, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_are_told_much_hear_everything_once_and_in_order() {
    const ROUNDS: usize = 200;
    let lab = lab(INTERVAL).await;
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(rested(&lab).await);
    }
    for n in 0..ROUNDS {
        tell_all(&lab, &n.to_string()).await;
        // Now and then somebody asks for something in between.
        clients[n % 30].send_text(r#"42["hello"]"#).await;
        sleep(Duration::from_millis((n % 7) as u64)).await;
    }
    for client in &mut clients {
        for n in 0..ROUNDS {
            assert_eq!(client.text().await, format!(r#"42["told","{n}"]"#));
        }
    }
}
