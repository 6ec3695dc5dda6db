//! What the server knows, and where it lies.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{LIES_ABOUT, Lie};

#[derive(Debug)]
pub(super) struct World {
    lie: Lie,
    /// The victim of the lie, once it is told.
    victim: Option<String>,
    conversations: BTreeMap<String, Conversation>,
    users: BTreeMap<String, User>,
}

#[derive(Debug, Default)]
struct Conversation {
    members: Vec<String>,
    messages: Vec<Value>,
}

#[derive(Debug, Default)]
struct User {
    /// Every event with its offset, which is its place here.
    log: Vec<Value>,
    /// The open connection.
    line: Option<mpsc::Sender<String>>,
    /// An event that comes after the next one.
    held: Option<Value>,
    /// How often it has connected; part of its `pid`.
    sessions: usize,
}

impl World {
    pub(super) fn new(lie: Lie) -> Self {
        Self {
            lie,
            victim: None,
            conversations: BTreeMap::new(),
            users: BTreeMap::new(),
        }
    }

    fn recovers(&self) -> bool {
        matches!(self.lie, Lie::CutAndRecover | Lie::CutAndRecoverBadly)
    }

    /// A CONNECT. Says whose connection it is.
    pub(super) fn join(&mut self, auth: &Value, frames: mpsc::Sender<String>) -> Option<String> {
        let name = name_in(auth["token"].as_str()?);
        let (recovers, lie) = (self.recovers(), self.lie);
        let is_victim = self.victim.as_ref() == Some(&name);
        let rooms: Vec<&String> = self.conversations.keys().collect();
        let rooms = json!(rooms);
        let user = self.users.entry(name.clone()).or_default();
        let pid = |session| json!(format!("{name}-{session}"));
        let recovered = recovers && user.sessions > 0 && auth["pid"] == pid(user.sessions);
        if !recovered {
            user.sessions += 1;
        }
        let mut granted = json!({ "sid": format!("{name}-{}", user.sessions) });
        if recovers {
            granted["pid"] = pid(user.sessions);
        }
        frames.try_send(format!("40{granted}")).ok()?;
        user.line = Some(frames);
        let seen = auth["offset"]
            .as_str()
            .and_then(|offset| offset.parse::<usize>().ok());
        let again = match (recovered, lie) {
            (true, Lie::CutAndRecoverBadly) if is_victim => seen.map_or(0, |seen| seen + 2),
            (true, _) => seen.map_or(0, |seen| seen + 1),
            (false, Lie::CutAndOverlap) if is_victim => user.log.len().saturating_sub(3),
            (false, _) => user.log.len(),
        };
        user.log
            .iter()
            .skip(again)
            .for_each(|event| user.write(event));
        let failure = if recovers {
            Value::Null
        } else {
            json!("not_offered")
        };
        let ready = json!({
            "nodeId": "liar", "recovered": recovered, "recoveryFailure": failure, "rooms": rooms
        });
        user.tell("session:ready", &ready, recovers);
        Some(name)
    }

    pub(super) fn call(&mut self, user: &str, id: &str, args: &Value) {
        let payload = &args[1];
        let of = payload["conversationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let data = match args[0].as_str().unwrap_or_default() {
            "conversation:create" => self.create(user, payload),
            "conversation:join" => {
                let changes = self.sync(&of, payload);
                json!({ "conversation": { "rev": changes["rev"] }, "changes": changes })
            }
            "conversation:sync" => self.sync(&of, payload),
            "message:history" => self.history(&of, payload),
            "message:send" => match self.send(user, &of, payload) {
                Some(data) => data,
                None => return,
            },
            other => panic!("the lying server does not know {other}"),
        };
        let answer = json!([{ "ok": true, "data": data }]);
        if let Some(line) = self.users.get(user).and_then(|user| user.line.as_ref()) {
            line.try_send(format!("43{id}{answer}")).ok();
        }
    }

    fn create(&mut self, user: &str, payload: &Value) -> Value {
        let id = payload["clientConversationId"].as_str().unwrap_or_default();
        let others = payload["participantIds"].as_array().into_iter().flatten();
        let mut members = vec![user.to_owned()];
        members.extend(others.filter_map(Value::as_str).map(str::to_owned));
        self.conversations.entry(id.to_owned()).or_default().members = members;
        json!({ "conversation": { "id": id, "rev": 1 }, "created": true })
    }

    fn sync(&self, of: &str, payload: &Value) -> Value {
        let messages = &self.conversations[of].messages;
        let after = payload["afterRev"].as_u64().unwrap_or(0);
        let all = messages
            .iter()
            .filter(|message| message["rev"].as_u64() > Some(after));
        let page: Vec<&Value> = all.clone().take(30).collect();
        let rev = page
            .last()
            .map_or(after.max(1), |last| last["rev"].as_u64().unwrap_or(0));
        json!({ "messages": page, "members": [], "rev": rev, "hasMore": all.count() > page.len() })
    }

    fn history(&self, of: &str, payload: &Value) -> Value {
        let messages = &self.conversations[of].messages;
        let after = payload["afterSeq"].as_u64().unwrap_or(0);
        let all = messages
            .iter()
            .filter(|message| message["seq"].as_u64() > Some(after));
        let page: Vec<&Value> = all.clone().take(30).collect();
        json!({ "messages": page, "hasMore": all.count() > page.len() })
    }

    /// `None`: no answer comes.
    fn send(&mut self, user: &str, of: &str, payload: &Value) -> Option<Value> {
        let conversation = self.conversations.get_mut(of)?;
        let sent = &payload["clientMessageId"];
        let known = conversation
            .messages
            .iter()
            .find(|known| known["clientMessageId"] == *sent);
        if let Some(known) = known {
            return Some(json!({ "message": known, "duplicate": true }));
        }
        let seq = conversation.messages.len() as u64 + 1;
        let mut message = message(user, of, payload, seq);
        let lies = seq == LIES_ABOUT && self.victim.is_none();
        if lies {
            let others = conversation.members.iter().filter(|member| *member != user);
            self.victim = others.min().cloned();
        }
        let answer = json!({ "message": message });
        if lies && self.lie == Lie::Forget {
            return Some(answer);
        }
        if lies && self.lie == Lie::Alter {
            message["content"] = json!("something else");
        }
        conversation.messages.push(message.clone());
        self.publish(user, of, &message, lies);
        if lies && self.lie == Lie::StoreTwice {
            (message["seq"], message["rev"]) = (json!(seq + 1), json!(seq + 2));
            self.conversations
                .get_mut(of)?
                .messages
                .push(message.clone());
            self.publish(user, of, &message, false);
        }
        if lies && self.lie == Lie::CutBeforeAck {
            self.users.get_mut(user)?.line = None; // its frames end, and with them the connection
            return None;
        }
        Some(answer)
    }

    fn publish(&mut self, sender: &str, of: &str, message: &Value, lies: bool) {
        let members = self.conversations[of].members.clone();
        for name in members.iter().filter(|name| *name != sender) {
            let with_offsets = self.recovers();
            let Some(user) = self.users.get_mut(name) else {
                continue;
            };
            let lie = if lies && self.victim.as_ref() == Some(name) {
                self.lie
            } else {
                Lie::None
            };
            let payload = json!({ "message": message });
            match lie {
                Lie::Withhold => continue,
                Lie::Swap => {
                    user.held = Some(payload);
                    continue;
                }
                Lie::CutAndRecover | Lie::CutAndRecoverBadly | Lie::CutAndOverlap => {
                    user.line = None; // its frames end, and with them the connection
                }
                _ => {}
            }
            user.tell("message:new", &payload, with_offsets);
            if lie == Lie::Repeat {
                user.tell("message:new", &payload, with_offsets);
            }
            if let Some(held) = user.held.take() {
                user.tell("message:new", &held, with_offsets);
            }
        }
    }
}

fn message(user: &str, of: &str, payload: &Value, seq: u64) -> Value {
    json!({
        "conversationId": of, "seq": seq, "rev": seq + 1, "senderId": user,
        "content": payload["content"], "clientMessageId": payload["clientMessageId"],
    })
}

/// A token is a user's name, or a JWT with it, which is believed.
fn name_in(token: &str) -> String {
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    let name = claims.as_ref().and_then(|claims| claims["sub"].as_str());
    name.unwrap_or(token).to_owned()
}

impl User {
    /// Logs an event, with its offset if it can be recovered from there, and sends it.
    fn tell(&mut self, name: &str, payload: &Value, with_offset: bool) {
        let event = if with_offset {
            json!([name, payload, self.log.len().to_string()])
        } else {
            json!([name, payload])
        };
        self.write(&event);
        self.log.push(event);
    }

    fn write(&self, event: &Value) {
        if let Some(line) = &self.line {
            line.try_send(format!("42{event}")).ok();
        }
    }
}
