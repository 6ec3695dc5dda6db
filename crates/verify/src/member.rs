//! One client of a run: a user with a socket, who sends, listens, and judges what comes.

mod answers;
mod jobs;
mod reading;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::jobs::{Jobs, Reading, Task};
use crate::board::{Board, Standing};
use crate::checks::defect::Kind;
use crate::checks::stream::{Judgement, Stream};
use crate::client::{Failure, Joined, Signal, Socket};
use crate::facts::{self, Names};
use crate::options::Timing;

/// What a client is told to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Follow a conversation, which has been made.
    Follow { conversation: usize, id: String },
    /// Send a message to one of its conversations; `choice` picks which.
    Send { choice: usize, at: Instant },
    /// Give up what is not acked.
    GiveUp,
    /// Read the whole history of all its conversations.
    Read,
    /// Judge what was missed, given that all is told that will be.
    Judge,
}

/// Messages that a client keeps for later, when it is not connected or not answered.
const BACKLOG: usize = 1000;

/// A conversation that it is in.
#[derive(Debug)]
struct Seat {
    conversation: usize,
    id: String,
    stream: Stream,
}

pub(crate) struct Member {
    pub(crate) client: usize,
    pub(crate) user: String,
    pub(crate) socket: Socket,
    pub(crate) board: Arc<Board>,
    pub(crate) timing: Timing,
    seats: Vec<Seat>,
    /// Conversation ids to places in `seats`.
    slots: HashMap<String, usize>,
    /// Conversations to make, with the users to invite.
    to_make: BTreeMap<usize, Vec<String>>,
    jobs: Jobs,
    node: Option<String>,
    /// Since when it is not connected, after it was.
    offline_since: Option<Instant>,
    /// The answer to CONNECT, until `session:ready` says more.
    joined: Option<Joined>,
}

impl Member {
    pub(crate) fn new(
        (client, user): (usize, String),
        socket: Socket,
        board: Arc<Board>,
        timing: Timing,
        to_make: BTreeMap<usize, Vec<String>>,
    ) -> Self {
        let now = Instant::now();
        let mut jobs = Jobs::new(now);
        for conversation in to_make.keys() {
            jobs.add(Task::Create(*conversation), now);
        }
        Self {
            client,
            user,
            socket,
            board,
            timing,
            seats: Vec::new(),
            slots: HashMap::new(),
            to_make,
            jobs,
            node: None,
            offline_since: None,
            joined: None,
        }
    }

    /// Until nobody gives orders any more.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            self.call_what_is_due();
            self.tell_standing();
            let now = Instant::now();
            let next = self.jobs.next_time(now, self.socket.is_connected());
            tokio::select! {
                signal = self.socket.next() => self.hear(signal, Instant::now()),
                order = orders.recv() => match order {
                    Some(order) => self.obey(order, Instant::now()),
                    None => break,
                },
                () = sleep_until(next.unwrap_or(now)), if next.is_some() => {
                    let overdue = self.jobs.time_out(Instant::now());
                    let mut state = self.board.lock();
                    (0..overdue).for_each(|_| state.tally.errors.add("no answer"));
                }
            }
        }
        self.socket.leave().await;
    }

    fn obey(&mut self, order: Order, now: Instant) {
        match order {
            Order::Follow { conversation, id } => self.follow(conversation, id, now),
            Order::Send { choice, at } => self.send(choice, at, now),
            Order::GiveUp => {
                let given_up = self.jobs.drop_if(|task| matches!(task, Task::Send { .. }));
                self.board.lock().tally.unacked += given_up as u64;
            }
            Order::Read => {
                for slot in 0..self.seats.len() {
                    self.jobs.add(Task::Read(slot, Reading::default()), now);
                }
            }
            Order::Judge => self.judge(now),
        }
    }

    fn follow(&mut self, conversation: usize, id: String, now: Instant) {
        let slot = self.seats.len();
        self.slots.insert(id.clone(), slot);
        let stream = Stream::new();
        self.seats.push(Seat {
            conversation,
            id,
            stream,
        });
        self.jobs.add(Task::Follow(slot), now);
    }

    fn send(&mut self, choice: usize, ordered: Instant, now: Instant) {
        let mut state = self.board.lock();
        if self.jobs.len() >= BACKLOG || self.seats.is_empty() {
            state.tally.skipped += 1;
            return;
        }
        state.tally.sent += 1;
        let author = state.next_message(self.client);
        let slot = choice % self.seats.len();
        let task = Task::Send {
            slot,
            author,
            ordered,
        };
        self.jobs.add(task, now);
    }

    fn call_what_is_due(&mut self) {
        if !self.socket.is_connected() {
            return;
        }
        let now = Instant::now();
        for key in self.jobs.due(now) {
            let Some((event, payload)) = self.jobs.get(key).map(|task| self.request(task)) else {
                continue;
            };
            if let Some(id) = self.socket.emit(event, &payload) {
                self.jobs.called(key, id, now + self.timing.ack_timeout);
                if event == "message:send" {
                    self.board.lock().tally.attempts += 1;
                }
            }
        }
    }

    /// The event and payload of a call.
    fn request(&self, task: &Task) -> (&'static str, Value) {
        let id = |slot: &usize| &self.seats[*slot].id;
        let names = &self.board.names;
        match task {
            Task::Create(conversation) => {
                let others = &self.to_make[conversation];
                ("conversation:create", create(names, *conversation, others))
            }
            Task::Follow(slot) => {
                let known = self.seats[*slot].stream.known();
                let payload = json!({ "conversationId": id(slot), "afterRev": known });
                ("conversation:join", payload)
            }
            Task::CatchUp(slot) => (
                "conversation:sync",
                sync(id(slot), self.seats[*slot].stream.known()),
            ),
            Task::Send { slot, author, .. } => {
                let payload = json!({
                    "conversationId": id(slot),
                    "content": names.content(*author),
                    "clientMessageId": names.message_id(*author),
                });
                ("message:send", payload)
            }
            Task::Read(slot, reading) => match &reading.paged {
                None => ("conversation:sync", sync(id(slot), reading.upto)),
                Some(paged) => {
                    let after = paged.last().map_or(0, |entry| entry.seq);
                    let payload =
                        json!({ "conversationId": id(slot), "afterSeq": after, "limit": 100 });
                    ("message:history", payload)
                }
            },
        }
    }

    fn hear(&mut self, signal: Signal, now: Instant) {
        match signal {
            Signal::Connected(joined) => self.connected(joined, now),
            Signal::Event { name, payload } if name == "session:ready" => {
                self.ready(&payload, now);
            }
            Signal::Event { name, payload } if name.starts_with("message:") => {
                self.event(&payload, now);
            }
            Signal::Event { .. } => {}
            Signal::Ack { id, answer } => {
                if let Some(job) = self.jobs.answered(id) {
                    self.answered(job, &answer, now);
                }
            }
            Signal::Disconnected(reason) => {
                self.offline_since = Some(now);
                self.node = None;
                self.jobs.disconnected(now);
                self.board.lock().tally.disconnects.add(&reason);
            }
            Signal::Failed(failure) => {
                let mut state = self.board.lock();
                state.tally.failed_connects.add(&failure.to_string());
                if let Failure::Refused(code) = failure {
                    state.tally.errors.add(&code);
                }
            }
        }
    }

    /// As a front end does: whole again when recovered, and else to be caught up when `session:ready`
    /// says what the socket follows, or when that does not come.
    fn connected(&mut self, joined: Joined, now: Instant) {
        let mut state = self.board.lock();
        state.tally.connects += 1;
        if let Some(since) = self.offline_since {
            state.tally.offline.add(now.duration_since(since));
            state.tally.recovered += u64::from(joined.recovered);
        }
        drop(state);
        self.joined = Some(joined);
        if joined.recovered {
            return;
        }
        self.seats
            .iter_mut()
            .for_each(|seat| seat.stream.begin_line());
        self.forget_catch_ups();
        for slot in 0..self.seats.len() {
            let patience = now + self.timing.ack_timeout;
            self.jobs.add(Task::Follow(slot), patience);
        }
    }

    fn forget_catch_ups(&mut self) {
        self.jobs
            .drop_if(|task| matches!(task, Task::Follow(_) | Task::CatchUp(_)));
    }

    fn ready(&mut self, payload: &Value, now: Instant) {
        let text = |name: &str| payload[name].as_str().map(str::to_owned);
        self.node = text("nodeId");
        let Some(joined) = self.joined.take() else {
            return;
        };
        let mut state = self.board.lock();
        state
            .tally
            .nodes
            .add(self.node.as_deref().unwrap_or("unknown"));
        let said = payload["recovered"] == true;
        state.tally.disagreements += u64::from(said != joined.recovered);
        let returned = self.offline_since.take().is_some();
        if returned && !joined.recovered {
            let why = match (text("recoveryFailure"), joined.asked) {
                (Some(why), _) => why,
                (None, true) => "no reason given".to_owned(),
                (None, false) => "not offered".to_owned(),
            };
            state.tally.not_recovered.add(&why);
        }
        drop(state);
        if !joined.recovered {
            self.catch_up(&payload["rooms"], now);
        }
    }

    /// Reads what was missed, and follows what the new socket does not follow by itself.
    fn catch_up(&mut self, rooms: &Value, now: Instant) {
        self.forget_catch_ups();
        let rooms: Vec<&str> = rooms
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (slot, seat) in self.seats.iter().enumerate() {
            let follows = rooms.contains(&seat.id.as_str());
            let task = if follows {
                Task::CatchUp(slot)
            } else {
                Task::Follow(slot)
            };
            self.jobs.add(task, now);
        }
    }

    /// A change of a message, whichever event told of it.
    fn event(&mut self, payload: &Value, now: Instant) {
        let message = &payload["message"];
        let id = message["conversationId"].as_str().unwrap_or_default();
        let (Some(slot), Some(place)) = (self.slots.get(id), facts::place(message)) else {
            return;
        };
        let seat = &mut self.seats[*slot];
        let own = message["senderId"] == self.user.as_str();
        let (judgement, skipped) = seat.stream.event(place.rev, own);
        let mut state = self.board.lock();
        let head = &mut state.conversations[seat.conversation].head;
        *head = (*head).max(place.rev);
        state.tally.delivered += 1;
        state.tally.skipped_by_events += skipped;
        state.tally.echoes += u64::from(own);
        let author = self
            .board
            .names
            .entry(message)
            .and_then(|entry| entry.author);
        let kind = match (judgement, author) {
            (Judgement::New, Some(author)) if !own => {
                return state.delivered(author, self.node.as_deref(), now);
            }
            (Judgement::New | Judgement::Echo, _) => return,
            (Judgement::Overlap, _) => {
                state.tally.overlap += 1;
                return;
            }
            (Judgement::Duplicate, _) => Kind::Repeated,
            (Judgement::Late, _) => Kind::Late,
        };
        let whom = (Some(self.user.clone()), self.node.clone());
        state.defect(kind, seat.conversation, place.rev, whom, now);
    }

    fn tell_standing(&self) {
        let known = self.seats.iter().map(|seat| {
            let known = seat.stream.follows().then(|| seat.stream.known());
            (seat.conversation, known)
        });
        let standing = Standing {
            connected: self.socket.is_connected(),
            pending: self.jobs.len(),
            known: known.collect(),
        };
        self.board.lock().standings[self.client] = standing;
    }
}

fn create(names: &Names, conversation: usize, others: &[String]) -> Value {
    json!({
        "kind": "group",
        "title": format!("verify {} {conversation}", names.run),
        "participantIds": others,
        "clientConversationId": format!("verify-{}-{conversation}", names.run),
    })
}

fn sync(id: &str, after: u64) -> Value {
    json!({ "conversationId": id, "afterRev": after, "limit": 100 })
}
