//! A Socket.IO server, small enough to see that it does what it is told to do wrong.

mod calls;
mod polling;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

pub(crate) const SECRET: &[u8] = b"a secret for tests";

/// Frames that may wait for one guest, and how many a slow one has waiting.
const QUEUE: usize = 10_000;
const SLOW: usize = 50;

/// What goes wrong, with the fifth message if nothing else is said.
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
    /// A room may have so many members.
    LimitMembers(usize),
    /// Whoever comes back is somebody new.
    Forget,
    /// Whoever comes back does not get the first of what was missed.
    LoseMissed,
    /// Whoever comes back gets all of it twice.
    RepeatMissed,
    /// The first attempts to come back, so many of them, are turned away.
    TurnAway(usize),
    /// Nobody gets back.
    ShutOut,
    /// Whoever has too much waiting is cut off.
    CutOffSlow,
    /// Whoever has too much waiting does not get all of it.
    LoseForSlow,
    /// Whatever a noisy organization sends makes everything wait for this long.
    Neighbour(Duration),
    /// Half of what a noisy organization sends is refused.
    RefuseNoisy,
    /// Pages lack their second message.
    Gap,
    /// One watcher is not told of one user.
    LosePresence,
    /// The fifth change of presence is told twice.
    RepeatPresence,
}

/// Somebody who is in.
#[derive(Clone, Debug)]
struct Guest {
    user: String,
    to: Outbox,
    /// To whom it is subscribed.
    watches: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Outbox {
    frames: mpsc::Sender<String>,
    /// Ends the connection.
    cut: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Room {
    members: BTreeSet<String>,
    seq: u64,
    log: Vec<Value>,
    late: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    guests: Vec<Guest>,
    /// Whose session a secret is.
    sessions: HashMap<String, String>,
    rooms: BTreeMap<String, Room>,
    /// By user.
    statuses: HashMap<String, Value>,
    /// How many changes of presence there were, messages of noisy ones, and attempts to come back.
    changes: usize,
    noises: usize,
    comebacks: usize,
    polls: HashMap<String, Arc<polling::Poll>>,
    /// Addresses that connections came from.
    pub(crate) sources: BTreeSet<std::net::IpAddr>,
}

pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) world: Arc<Mutex<World>>,
    _tasks: JoinSet<()>,
}

pub(crate) async fn serve(fault: Fault) -> Fake {
    let socket = TcpSocket::new_v4().expect("a socket");
    // So that who does not read is noticed soon.
    socket.set_send_buffer_size(4096).expect("a size");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let listener = socket.listen(1024).expect("a port");
    let address = listener.local_addr().expect("an address");
    let world = Arc::new(Mutex::new(World::default()));
    let mut tasks = JoinSet::new();
    let shared = Arc::clone(&world);
    tasks.spawn(async move {
        let mut guests = JoinSet::new();
        while let Ok((stream, from)) = listener.accept().await {
            shared.lock().await.sources.insert(from.ip());
            guests.spawn(guest(stream, Arc::clone(&shared), fault));
        }
    });
    Fake {
        url: format!("http://{address}"),
        world,
        _tasks: tasks,
    }
}

fn outbox(sid: &str) -> (Outbox, mpsc::Receiver<String>) {
    let (frames, receiver) = mpsc::channel::<String>(QUEUE);
    let cut = Arc::new(Notify::new());
    let open = json!({
        "sid": sid, "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 100_000,
    });
    let outbox = Outbox { frames, cut };
    outbox.tell(&format!("0{open}"));
    (outbox, receiver)
}

async fn guest(stream: TcpStream, world: Arc<Mutex<World>>, fault: Fault) {
    let mut head = [0; 200];
    let length = stream.peek(&mut head).await.expect("a request");
    if String::from_utf8_lossy(&head[..length]).contains("transport=polling") {
        return polling::serve(stream, world, fault).await;
    }
    let mut socket = accept_async(stream).await.expect("a WebSocket");
    let (to_guest, mut outbox) = outbox("e");
    loop {
        tokio::select! {
            Some(frame) = outbox.recv() => {
                let is_close = frame == "1";
                let sent = tokio::select! {
                    sent = socket.send(Message::text(frame)) => sent.is_ok(),
                    () = to_guest.cut.notified() => false,
                };
                if !sent || is_close {
                    break;
                }
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    hear(&text, &to_guest, &mut *world.lock().await, fault).await;
                }
                Some(Ok(_)) => {}
                _ => break,
            }
        }
    }
    world.lock().await.forget(&to_guest, fault);
}

async fn hear(text: &str, from: &Outbox, world: &mut World, fault: Fault) {
    if let Some(auth) = text.strip_prefix("40") {
        world.let_in(auth, from, fault);
    } else if let Some(call) = text.strip_prefix("42") {
        let (id, call) = call.split_at(call.find('[').expect("an event"));
        let call: Value = serde_json::from_str(call).expect("JSON");
        let answer = world.carry_out(&call, from, fault).await;
        from.tell(&format!("43{id}[{answer}]"));
    } else if text == "1" {
        world.forget(from, fault);
    }
}

/// Who it is, if the token is good.
fn user(auth: &Value) -> Option<String> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false; // the tests' clock stands still
    let key = DecodingKey::from_secret(SECRET);
    let token = auth["token"].as_str().unwrap_or_default();
    let claims = decode::<Value>(token, &key, &rules).ok()?.claims;
    let org = claims["org"].as_str()?;
    let name = claims["sub"].as_str()?;
    // In this house the noisy ones are known by their names.
    match org {
        "load" => Some(name.to_owned()),
        "load-noisy" => Some(format!("noisy {name}")),
        _ => None,
    }
}

impl World {
    fn let_in(&mut self, auth: &str, from: &Outbox, fault: Fault) {
        let auth: Value = serde_json::from_str(auth).expect("JSON");
        let Some(user) = user(&auth) else {
            return from.tell(r#"44{"message":"UNAUTHENTICATED"}"#);
        };
        let past = auth["pid"].as_str();
        self.comebacks += usize::from(past.is_some());
        let is_turned_away = match fault {
            Fault::TurnAway(count) => past.is_some() && self.comebacks <= count,
            Fault::ShutOut => past.is_some(),
            _ => false,
        };
        if is_turned_away {
            let refusal = json!({ "message": "RATE_LIMITED", "data": { "retryAfterMs": 50 } });
            return from.tell(&format!("44{refusal}"));
        }
        let is_known = past.is_some_and(|pid| self.sessions.get(pid) == Some(&user));
        let is_recovered = is_known && fault != Fault::Forget;
        let pid = match past {
            Some(pid) if is_recovered => pid.to_owned(),
            _ => format!("pid-{}", self.sessions.len()),
        };
        self.sessions.insert(pid.clone(), user.clone());
        from.tell(&format!("40{}", json!({ "sid": "s", "pid": pid })));
        if is_recovered {
            self.replay(&user, auth["offset"].as_str(), from, fault);
        }
        let failure = (past.is_some() && !is_recovered).then_some("unknown");
        let session = json!({ "recovered": is_recovered, "recoveryFailure": failure });
        from.tell(&event("session:ready", &session, "0"));
        self.guests.push(Guest {
            user: user.clone(),
            to: from.clone(),
            watches: BTreeSet::new(),
        });
        self.tell_presence(&user, fault);
    }

    /// An offset is the number of a message in its room.
    fn replay(&self, user: &str, offset: Option<&str>, to: &Outbox, fault: Fault) {
        let offset: u64 = offset.and_then(|text| text.parse().ok()).unwrap_or(0);
        let theirs = self.rooms.values().find(|it| it.members.contains(user));
        let log = theirs.map_or(&[][..], |room| &room.log[..]);
        let missed = log.iter().filter(|it| it["seq"].as_u64() > Some(offset));
        let skipped = usize::from(fault == Fault::LoseMissed);
        for message in missed.skip(skipped) {
            let frame = new_message(message);
            to.tell(&frame);
            if fault == Fault::RepeatMissed {
                to.tell(&frame);
            }
        }
    }

    fn forget(&mut self, gone: &Outbox, fault: Fault) {
        let place = self.guests.iter().position(|guest| guest.to.is(gone));
        if let Some(place) = place {
            let user = self.guests.remove(place).user;
            self.tell_presence(&user, fault);
        }
    }

    /// How a user is now, to all who are subscribed.
    fn tell_presence(&mut self, user: &str, fault: Fault) {
        let is_there = self.guests.iter().any(|guest| guest.user == user);
        let mut presence = self.statuses.get(user).cloned().unwrap_or(json!({}));
        presence["userId"] = json!(user);
        if !is_there {
            presence["status"] = json!("offline");
        } else if presence["status"].is_null() {
            presence["status"] = json!("online");
        }
        let frame = event("presence:changed", &json!({ "changes": [presence] }), "0");
        let is_lost = fault == Fault::LosePresence && user.ends_with("-0");
        let watchers = self.guests.iter().filter(|it| it.watches.contains(user));
        for watcher in watchers.skip(usize::from(is_lost)) {
            watcher.to.tell(&frame);
            if fault == Fault::RepeatPresence && self.changes == 5 {
                watcher.to.tell(&frame);
            }
        }
    }

    fn guest(&mut self, outbox: &Outbox) -> &mut Guest {
        let mut guests = self.guests.iter_mut();
        guests
            .find(|guest| guest.to.is(outbox))
            .expect("somebody who is in")
    }
}

fn event(name: &str, payload: &Value, offset: &str) -> String {
    format!("42{}", json!([name, payload, offset]))
}

fn new_message(message: &Value) -> String {
    let offset = message["seq"].to_string();
    event("message:new", &json!({ "message": message }), &offset)
}

impl Outbox {
    fn is(&self, other: &Self) -> bool {
        self.frames.same_channel(&other.frames)
    }

    /// A guest that has gone hears nothing.
    fn tell(&self, frame: &str) {
        self.frames.try_send(frame.to_owned()).ok();
    }

    fn is_slow(&self) -> bool {
        self.frames.capacity() < QUEUE - SLOW
    }
}
