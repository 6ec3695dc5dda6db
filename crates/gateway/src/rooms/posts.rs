//! Which messages a room's newest numbers are, and whose: receipts speak of numbers, and there are
//! dialects that speak of messages.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

/// Messages of a room that are remembered, while somebody listens who is told of them.
const MOST: usize = 256;
/// Members of whom it is remembered what was told. When there are more, all are forgotten.
const MOST_MEMBERS: usize = 1_024;

/// A message, as far as receipts concern it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) sender: String,
}

impl Post {
    /// Of a message as it goes over the wire.
    pub(crate) fn of(message: &Value) -> Option<Self> {
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        Some(Self {
            seq: message["seq"].as_i64()?,
            id: text("id")?,
            sender: text("senderId")?,
        })
    }

    fn value(&self) -> Value {
        json!({"id": self.id, "seq": self.seq, "senderId": self.sender})
    }
}

/// The newest messages of a room, in ascending `seq`, perhaps with holes.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    newest: VecDeque<Post>,
    /// Up to which `seq` a member's messages were told to be delivered.
    told: HashMap<String, i64>,
}

impl Posts {
    pub(crate) fn add(&mut self, post: Post) {
        let place = self.newest.partition_point(|known| known.seq < post.seq);
        if self
            .newest
            .get(place)
            .is_some_and(|known| known.seq == post.seq)
        {
            return;
        }
        self.newest.insert(place, post);
        if self.newest.len() > MOST {
            self.newest.pop_front();
        }
    }

    /// The message with a number.
    pub(crate) fn at(&self, seq: i64) -> Option<&Post> {
        self.newest.iter().find(|post| post.seq == seq)
    }

    /// A receipt with the messages that it is about: `message`, the newest, and for those that are new
    /// to be delivered by it `messages`. `None` when it is not known which is the newest.
    pub(crate) fn explain(&mut self, native: &str, receipt: &Value) -> Option<Value> {
        let (up_to, user) = (receipt["upToSeq"].as_i64()?, receipt["userId"].as_str()?);
        let newest = self.at(up_to)?.value();
        let told = self.told.get(user).copied().unwrap_or(0);
        let is_news = |post: &&Post| post.seq > told && post.seq <= up_to && post.sender != user;
        let news: Vec<Value> = self
            .newest
            .iter()
            .filter(is_news)
            .map(Post::value)
            .collect();
        if native == "message:delivered" {
            self.note(user, up_to);
        }
        let mut explained = receipt.clone();
        explained["message"] = newest;
        explained["messages"] = news.into();
        Some(explained)
    }

    fn note(&mut self, user: &str, up_to: i64) {
        if self.told.len() >= MOST_MEMBERS && !self.told.contains_key(user) {
            self.told.clear();
        }
        let told = self.told.entry(user.to_owned()).or_default();
        *told = (*told).max(up_to);
    }
}

impl Extend<Post> for Posts {
    fn extend<I: IntoIterator<Item = Post>>(&mut self, posts: I) {
        posts.into_iter().for_each(|post| self.add(post));
    }
}

/// Whether an event is about numbers that have to be explained.
pub(crate) fn is_receipt(native: &str) -> bool {
    matches!(native, "message:delivered" | "message:read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posts(seqs: impl IntoIterator<Item = (i64, &'static str)>) -> Posts {
        let mut posts = Posts::default();
        for (seq, sender) in seqs {
            let (id, sender) = (format!("m{seq}"), sender.to_owned());
            posts.add(Post { seq, id, sender });
        }
        posts
    }

    fn try_news(posts: &mut Posts, user: &str, up_to: i64) -> Option<(String, Vec<String>)> {
        let receipt = json!({"userId": user, "upToSeq": up_to});
        let told = posts.explain("message:delivered", &receipt)?;
        let id = |post: &Value| post["id"].as_str().unwrap().to_owned();
        let ids = told["messages"].as_array().unwrap().iter().map(id);
        Some((id(&told["message"]), ids.collect()))
    }

    fn news(posts: &mut Posts, user: &str, up_to: i64) -> (String, Vec<String>) {
        try_news(posts, user, up_to).unwrap()
    }

    fn owned(newest: &str, ids: &[&str]) -> (String, Vec<String>) {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        (newest.to_owned(), ids)
    }

    #[test]
    fn each_message_of_another_is_told_once_to_be_delivered_to_somebody() {
        let mut posts = posts([(1, "ann"), (2, "bob"), (3, "ann"), (4, "ann")]);
        assert_eq!(news(&mut posts, "bob", 3), owned("m3", &["m1", "m3"]));
        assert_eq!(news(&mut posts, "bob", 4), owned("m4", &["m4"]));
        assert_eq!(
            news(&mut posts, "eve", 4),
            owned("m4", &["m1", "m2", "m3", "m4"])
        );
    }

    #[test]
    fn what_was_read_is_told_without_an_end_to_what_is_delivered() {
        let mut posts = posts([(1, "ann")]);
        let receipt = json!({"userId": "bob", "upToSeq": 1});
        posts.explain("message:read", &receipt).unwrap();
        assert_eq!(news(&mut posts, "bob", 1), owned("m1", &["m1"]));
    }

    #[test]
    fn a_number_that_is_not_remembered_cannot_be_explained_until_it_is_found() {
        let mut posts = posts((1..=MOST as i64 + 1).map(|seq| (seq, "ann")));
        assert_eq!(try_news(&mut posts, "bob", 1), None);
        assert_eq!(news(&mut posts, "bob", 2), owned("m2", &["m2"]));
        let (id, sender) = ("m500".to_owned(), "ann".to_owned());
        posts.add(Post {
            seq: 500,
            id,
            sender,
        });
        assert!(try_news(&mut posts, "bob", 500).is_some());
    }
}
