//! What the clients of a run know together: counters, what was acked, and where each of them is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::cast::Casting;
use crate::checks::defect::{Example, Kind};
use crate::checks::history::{Author, Entry, Place, difference};
use crate::facts::Names;
use crate::tally::Tally;

/// A conversation of the run.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Its id, once it is made.
    pub(crate) id: Option<String>,
    /// The greatest `rev` that anybody was told.
    pub(crate) head: u64,
    pub(crate) acked: HashMap<Author, Place>,
    /// The first complete reading of its history; all others have to be the same.
    pub(crate) history: Option<Vec<Entry>>,
    /// Members that have read it.
    pub(crate) readers: Vec<usize>,
}

/// One client, as it last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) connected: bool,
    /// Calls that it still has to make, or whose answer it waits for.
    pub(crate) pending: usize,
    /// The conversations that it follows, and how far each is known without a hole: `None` while it
    /// is being caught up.
    pub(crate) known: Vec<(usize, Option<u64>)>,
}

/// When a message was acked, and on which node: for the time that its delivery takes.
#[derive(Clone, Debug)]
struct Sent {
    acked: Option<(Instant, Option<String>)>,
    /// Deliveries that were seen before the ack, by node.
    early: Vec<Option<String>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tally: Tally,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) standings: Vec<Standing>,
    /// How many messages each client has sent.
    pub(crate) numbers: Vec<u32>,
    sent: HashMap<Author, Sent>,
    /// Pages of history read, to see whether reading still goes on.
    pub(crate) pages: u64,
    /// Why the conversations could not be made.
    pub(crate) setup_failure: Option<String>,
}

/// Shared by all clients. The lock is held for a few lines at a time, and never across an await.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    pub(crate) names: Names,
}

impl Board {
    pub(crate) fn new(names: Names, clients: usize, castings: &[Casting]) -> Self {
        let state = State {
            tally: Tally::default(),
            conversations: castings.iter().map(|_| Conversation::default()).collect(),
            standings: vec![Standing::default(); clients],
            numbers: vec![0; clients],
            sent: HashMap::new(),
            pages: 0,
            setup_failure: None,
        };
        Self {
            state: Mutex::new(state),
            names,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether every conversation has been made.
    pub(crate) fn all_made(&self) -> bool {
        self.conversations
            .iter()
            .all(|conversation| conversation.id.is_some())
    }

    /// Whether nobody waits for an answer.
    pub(crate) fn all_answered(&self) -> bool {
        self.standings.iter().all(|standing| standing.pending == 0)
    }

    /// Whether everybody is connected and knows all that anybody does.
    pub(crate) fn all_told(&self) -> bool {
        self.standings.iter().all(|standing| {
            let mut known = standing.known.iter();
            let is_told =
                |(at, rev): &(usize, Option<u64>)| *rev >= Some(self.conversations[*at].head);
            standing.connected && known.all(is_told)
        })
    }

    /// How many members follow their conversations, over all of these.
    pub(crate) fn following(&self) -> usize {
        let known = self.standings.iter().flat_map(|standing| &standing.known);
        known.filter(|(_, rev)| rev.is_some()).count()
    }

    /// How many histories have been read.
    pub(crate) fn readings(&self) -> usize {
        self.conversations
            .iter()
            .map(|conversation| conversation.readers.len())
            .sum()
    }

    pub(crate) fn connected(&self) -> usize {
        self.standings
            .iter()
            .filter(|standing| standing.connected)
            .count()
    }

    /// The next message of a client.
    pub(crate) fn next_message(&mut self, client: usize) -> Author {
        let number = self.numbers[client];
        self.numbers[client] += 1;
        Author {
            client: client as u32,
            number,
        }
    }

    pub(crate) fn was_sent(&self, author: Author) -> bool {
        let count = self.numbers.get(author.client as usize);
        count.is_some_and(|count| author.number < *count)
    }

    /// A message of `conversation` was acked on `node`.
    pub(crate) fn acked(
        &mut self,
        (conversation, author, place): (usize, Author, Place),
        node: Option<&str>,
        now: Instant,
    ) {
        let of = &mut self.conversations[conversation];
        of.acked.insert(author, place);
        of.head = of.head.max(place.rev);
        let sent = self.sent.entry(author).or_insert_with(Sent::new);
        sent.acked = Some((now, node.map(str::to_owned)));
        for receiver in std::mem::take(&mut sent.early) {
            self.tally
                .delivery_took(Duration::ZERO, (node, receiver.as_deref()));
        }
    }

    /// A message was delivered on `node`.
    pub(crate) fn delivered(&mut self, author: Author, node: Option<&str>, now: Instant) {
        let sent = self.sent.entry(author).or_insert_with(Sent::new);
        match &sent.acked {
            Some((acked, sender)) => {
                let took = now.duration_since(*acked);
                self.tally.delivery_took(took, (sender.as_deref(), node));
            }
            None => sent.early.push(node.map(str::to_owned)),
        }
    }

    /// A client has read a whole history, in `entries`, by two ways that gave the same or not.
    pub(crate) fn read(
        &mut self,
        (conversation, client, names): (usize, usize, &Names),
        entries: &[Entry],
        disagreement: Option<u64>,
        now: Instant,
    ) {
        let of = &mut self.conversations[conversation];
        of.readers.push(client);
        let history = of.history.get_or_insert_with(|| entries.to_vec());
        let other = difference(history, entries);
        if let Some(rev) = disagreement.or(other) {
            let user = Some(names.user(client as u32));
            self.defect(Kind::HistoriesDiffer, conversation, rev, (user, None), now);
        }
    }

    pub(crate) fn defect(
        &mut self,
        kind: Kind,
        conversation: usize,
        rev: u64,
        (user, node): (Option<String>, Option<String>),
        now: Instant,
    ) {
        let id = self.conversations[conversation].id.clone();
        let at_ms = self.tally.millis(now);
        self.tally.defect(Example {
            kind,
            conversation: id.unwrap_or_default(),
            rev,
            user,
            node,
            at_ms,
        });
    }
}

impl Sent {
    fn new() -> Self {
        Self {
            acked: None,
            early: Vec::new(),
        }
    }
}

impl Tally {
    /// A delivery took this long from a node to a node.
    fn delivery_took(&mut self, took: Duration, (from, to): (Option<&str>, Option<&str>)) {
        // Between a CONNECT and its `session:ready` a client does not know where it is.
        match (from, to) {
            (Some(from), Some(to)) if from == to => self.same_node.add(took),
            (Some(_), Some(_)) => self.other_node.add(took),
            _ => {}
        }
    }
}
