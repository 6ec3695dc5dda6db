//! A Socket.IO server of one room, small enough to see that it does what it is told to do wrong.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

pub(crate) const SECRET: &[u8] = b"a secret for tests";

/// What happens to the fifth message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// One receiver does not get it.
    Lose,
    /// All receivers get it twice.
    Repeat,
    /// It is stored, and delivered, twice.
    StoreTwice,
    /// It is delivered after the sixth.
    Swap,
    /// It is refused.
    Refuse,
    /// One receiver is hung up on instead.
    HangUp,
    /// Everything waits for this long.
    Stall(Duration),
}

#[derive(Debug, Default)]
struct Room {
    guests: Vec<mpsc::Sender<String>>,
    seq: u64,
    late: Option<String>,
}

pub(crate) struct Fake {
    pub(crate) url: String,
    _tasks: JoinSet<()>,
}

pub(crate) async fn serve(fault: Fault) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let room = Arc::new(Mutex::new(Room::default()));
        let mut guests = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            guests.spawn(guest(stream, Arc::clone(&room), fault));
        }
    });
    Fake {
        url: format!("http://{address}"),
        _tasks: tasks,
    }
}

async fn guest(stream: TcpStream, room: Arc<Mutex<Room>>, fault: Fault) {
    let mut socket = accept_async(stream).await.expect("a WebSocket");
    let (to_guest, mut outbox) = mpsc::channel::<String>(10_000);
    let open = r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    to_guest.send(open.to_owned()).await.expect("a queue");
    loop {
        tokio::select! {
            Some(frame) = outbox.recv() => {
                if socket.send(Message::text(frame)).await.is_err() {
                    return;
                }
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    hear(&text, &to_guest, &mut *room.lock().await, fault).await;
                }
                Some(Ok(_)) => {}
                _ => return,
            }
        }
    }
}

async fn hear(text: &str, from: &mpsc::Sender<String>, room: &mut Room, fault: Fault) {
    if let Some(auth) = text.strip_prefix("40") {
        let answers = if is_good(auth) {
            room.guests.push(from.clone());
            vec![r#"40{"sid":"s"}"#, r#"42["session:ready",{}]"#]
        } else {
            vec![r#"44{"message":"UNAUTHENTICATED"}"#]
        };
        for answer in answers {
            tell(from, answer);
        }
    } else if let Some(call) = text.strip_prefix("42") {
        let (id, call) = call.split_at(call.find('[').expect("an event"));
        let call: Value = serde_json::from_str(call).expect("JSON");
        let answer = carry_out(&call, from, room, fault).await;
        tell(from, &format!("43{id}[{answer}]"));
    }
}

fn is_good(auth: &str) -> bool {
    let auth: Value = serde_json::from_str(auth).expect("JSON");
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false; // the tests' clock stands still
    let key = DecodingKey::from_secret(SECRET);
    let token = auth["token"].as_str().unwrap_or_default();
    decode::<Value>(token, &key, &rules).is_ok_and(|token| token.claims["org"] == "load")
}

async fn carry_out(
    call: &Value,
    from: &mpsc::Sender<String>,
    room: &mut Room,
    fault: Fault,
) -> Value {
    match call[0].as_str() {
        Some("conversation:create") => {
            let conversation = json!({ "conversation": { "id": "the-room" } });
            let frame = format!("42{}", json!(["conversation:created", conversation]));
            room.guests.iter().for_each(|guest| tell(guest, &frame));
            json!({ "ok": true, "data": conversation })
        }
        Some("message:send") => send(&call[1], from, room, fault).await,
        _ => json!({ "ok": true, "data": {} }),
    }
}

async fn send(
    payload: &Value,
    from: &mpsc::Sender<String>,
    room: &mut Room,
    fault: Fault,
) -> Value {
    room.seq += 1;
    let mut message = payload.clone();
    message["seq"] = json!(room.seq);
    let frame = format!(
        "42{}",
        json!(["message:new", { "message": message }, "offset"])
    );
    let others: Vec<_> = room
        .guests
        .iter()
        .filter(|guest| !guest.same_channel(from))
        .cloned()
        .collect();
    let to_all = |frame: &str| others.iter().for_each(|guest| tell(guest, frame));
    let answer = json!({ "ok": true, "data": { "message": message } });
    if room.seq != 5 {
        to_all(&frame);
        if let Some(late) = room.late.take() {
            to_all(&late);
        }
        return answer;
    }
    match fault {
        Fault::None => to_all(&frame),
        Fault::Lose => others[1..].iter().for_each(|guest| tell(guest, &frame)),
        Fault::Repeat => [&frame, &frame].iter().for_each(|frame| to_all(frame)),
        Fault::StoreTwice => {
            to_all(&frame);
            room.seq += 1;
            to_all(&frame.replace(r#""seq":5"#, r#""seq":6"#));
        }
        Fault::Swap => room.late = Some(frame),
        Fault::Refuse => return json!({ "ok": false, "error": { "code": "RATE_LIMITED" } }),
        Fault::HangUp => {
            tell(&others[0], "1");
            to_all(&frame);
        }
        Fault::Stall(time) => {
            sleep(time).await;
            to_all(&frame);
        }
    }
    answer
}

/// A guest that has gone hears nothing.
fn tell(guest: &mpsc::Sender<String>, frame: &str) {
    guest.try_send(frame.to_owned()).ok();
}
