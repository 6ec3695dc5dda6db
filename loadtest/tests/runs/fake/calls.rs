//! What guests may ask for.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Fault, Guest, Outbox, Room, World, event, new_message};

/// Users that one call may name.
const USERS_IN_A_CALL: usize = 500;

fn data(data: &Value) -> Value {
    json!({ "ok": true, "data": data })
}

fn refusal(code: &str) -> Value {
    json!({ "ok": false, "error": { "code": code } })
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], |list| &list[..]);
    let names = list.iter().map(|name| name.as_str().expect("a name"));
    names.map(str::to_owned).collect()
}

impl World {
    pub(super) async fn carry_out(&mut self, call: &Value, from: &Outbox, fault: Fault) -> Value {
        let payload = &call[1];
        match call[0].as_str().unwrap_or_default() {
            "conversation:create" => self.create(payload, from, fault),
            "conversation:add-members" => self.invite(payload, fault),
            "message:send" => self.send(payload, from, fault).await,
            "message:history" => self.page(payload, fault),
            "presence:subscribe" => {
                let users = names(&payload["userIds"]);
                self.guest(from).watches.extend(users);
                data(&json!({}))
            }
            "presence:update" => {
                let user = self.guest(from).user.clone();
                self.statuses.insert(user.clone(), payload.clone());
                self.changes += 1;
                self.tell_presence(&user, fault);
                data(&json!({}))
            }
            _ => data(&json!({})),
        }
    }

    fn create(&mut self, payload: &Value, from: &Outbox, fault: Fault) -> Value {
        let user = self.guest(from).user.clone();
        let is_noisy = user.starts_with("noisy");
        let mut members = names(&payload["participantIds"]);
        if members.len() > USERS_IN_A_CALL {
            return refusal("VALIDATION_FAILED");
        }
        if is_noisy {
            for member in &mut members {
                *member = format!("noisy {member}");
            }
        }
        members.push(user);
        if let Fault::LimitMembers(most) = fault
            && members.len() > most
        {
            return refusal("FORBIDDEN");
        }
        let conversation =
            json!({ "conversation": { "id": format!("room-{}", self.rooms.len()) } });
        let frame = event("conversation:created", &conversation, "0");
        let are_in = |guest: &&Guest| members.contains(&guest.user);
        let invited = self.guests.iter().filter(are_in);
        invited.for_each(|guest| guest.to.tell(&frame));
        let room = Room {
            members: members.into_iter().collect(),
            ..Room::default()
        };
        self.rooms
            .insert(format!("room-{}", self.rooms.len()), room);
        data(&conversation)
    }

    fn invite(&mut self, payload: &Value, fault: Fault) -> Value {
        let users = names(&payload["userIds"]);
        let id = payload["conversationId"].as_str().unwrap_or_default();
        let room = self.rooms.get_mut(id).expect("a room");
        if users.len() > USERS_IN_A_CALL {
            return refusal("VALIDATION_FAILED");
        }
        if let Fault::LimitMembers(most) = fault
            && room.members.len() + users.len() > most
        {
            return refusal("FORBIDDEN");
        }
        room.members.extend(users);
        data(&json!({}))
    }

    async fn send(&mut self, payload: &Value, from: &Outbox, fault: Fault) -> Value {
        let user = self.guest(from).user.clone();
        if user.starts_with("noisy") {
            self.noises += 1;
            match fault {
                Fault::RefuseNoisy if self.noises.is_multiple_of(2) => {
                    return refusal("RATE_LIMITED");
                }
                Fault::Neighbour(time) => sleep(time).await,
                _ => {}
            }
        }
        let id = payload["conversationId"].as_str().unwrap_or_default();
        let room = self.rooms.get_mut(id).expect("a room");
        let is_other = |it: &&Guest| !it.to.is(from) && room.members.contains(&it.user);
        let others: Vec<Outbox> = self
            .guests
            .iter()
            .filter(is_other)
            .map(|it| it.to.clone())
            .collect();
        room.send(payload, &others, fault).await
    }

    fn page(&self, payload: &Value, fault: Fault) -> Value {
        let id = payload["conversationId"].as_str().unwrap_or_default();
        let log = &self.rooms[id].log;
        let limit = payload["limit"].as_u64().expect("a limit") as usize;
        let (page, has_more) = if let Some(after) = payload["afterSeq"].as_u64() {
            let rest = &log[after as usize..];
            (&rest[..rest.len().min(limit)], rest.len() > limit)
        } else {
            let before = payload["beforeSeq"].as_u64().map(|seq| seq as usize - 1);
            let end = before.unwrap_or(log.len());
            let start = end.saturating_sub(limit);
            (&log[start..end], start > 0)
        };
        let mut page = page.to_vec();
        if fault == Fault::Gap {
            page.remove(1);
        }
        data(&json!({ "messages": page, "hasMore": has_more }))
    }
}

impl Room {
    async fn send(&mut self, payload: &Value, others: &[Outbox], fault: Fault) -> Value {
        let message = self.store(payload);
        let frame = new_message(&message);
        let to_all = |frame: &str| others.iter().for_each(|it| deliver(it, frame, fault));
        let answer = data(&json!({ "message": message }));
        if self.seq != 5 {
            to_all(&frame);
            if let Some(late) = self.late.take() {
                to_all(&late);
            }
            return answer;
        }
        match fault {
            Fault::Lose => others[1..].iter().for_each(|it| it.tell(&frame)),
            Fault::Repeat => [&frame, &frame].iter().for_each(|frame| to_all(frame)),
            Fault::StoreTwice => {
                to_all(&frame);
                let again = self.store(payload);
                to_all(&new_message(&again));
            }
            Fault::Swap => self.late = Some(frame),
            Fault::Refuse => {
                self.log.pop();
                return refusal("RATE_LIMITED");
            }
            Fault::HangUp => {
                others[0].tell("1");
                to_all(&frame);
            }
            Fault::Stall(time) => {
                sleep(time).await;
                to_all(&frame);
            }
            _ => to_all(&frame),
        }
        answer
    }

    fn store(&mut self, payload: &Value) -> Value {
        self.seq += 1;
        let mut message = payload.clone();
        message["seq"] = json!(self.seq);
        self.log.push(message.clone());
        message
    }
}

fn deliver(to: &Outbox, frame: &str, fault: Fault) {
    match fault {
        Fault::CutOffSlow if to.is_slow() => to.cut.notify_one(),
        Fault::LoseForSlow if to.is_slow() => {}
        _ => to.tell(frame),
    }
}
