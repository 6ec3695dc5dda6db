//! The same by HTTP long-polling.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use super::{Fault, Outbox, World, hear, outbox};

#[derive(Debug)]
pub(super) struct Poll {
    to: Outbox,
    waiting: Mutex<mpsc::Receiver<String>>,
}

/// One connection, request after request.
pub(super) async fn serve(stream: TcpStream, world: Arc<Mutex<World>>, fault: Fault) {
    let mut stream = BufReader::new(stream);
    while let Some((line, body)) = request(&mut stream).await {
        let answer = answer(&line, &body, &world, fault).await;
        let (status, text) = match &answer {
            Some(text) => ("200 OK", text.as_str()),
            None => ("400 Bad Request", "{}"),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        let whole = head + text;
        if stream.write_all(whole.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The first line and the body.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut first, mut length) = (String::new(), 0);
    if stream.read_line(&mut first).await.ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        if line == "\r\n" {
            break;
        }
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, String::from_utf8(body).ok()?))
}

async fn answer(line: &str, body: &str, world: &Mutex<World>, fault: Fault) -> Option<String> {
    let sid = line.split_once("&sid=").map(|(_, rest)| {
        let end = rest.find([' ', '&']).expect("an end");
        rest[..end].to_owned()
    });
    let poll = match sid {
        Some(sid) => Arc::clone(world.lock().await.polls.get(&sid)?),
        None => begin(&mut *world.lock().await),
    };
    if line.starts_with("POST") {
        for packet in body.split('\x1e') {
            hear(packet, &poll.to, &mut *world.lock().await, fault).await;
        }
        return Some("ok".to_owned());
    }
    let mut waiting = poll.waiting.lock().await;
    let mut packets = waiting.recv().await?;
    while let Ok(next) = waiting.try_recv() {
        packets.push('\x1e');
        packets.push_str(&next);
    }
    Some(packets)
}

fn begin(world: &mut World) -> Arc<Poll> {
    let sid = format!("poll-{}", world.polls.len());
    let (to, waiting) = outbox(&sid);
    let waiting = Mutex::new(waiting);
    let poll = Arc::new(Poll { to, waiting });
    world.polls.insert(sid, Arc::clone(&poll));
    poll
}
