//! Presence: one script per change, one round trip for any number of questions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use fred::interfaces::{HashesInterface, KeysInterface, SetsInterface};
use fred::types::Value;
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{
    Headcount, HubError, HubResult, PresenceAnswer, PresenceBook, PresenceChange, PresenceOutcome,
    Roster,
};
use switchboard_protocol::{OrganizationId, Presence, PresenceStatus, Timestamp, UserId};

use super::incarnation::Incarnation;
use super::keys::Keys;
use super::link::Link;
use super::roster::SEEN;
use super::{RedisHub, kept};
use crate::own_devices::{Own, Seen, Who};

/// How often a change is tried when nodes turn up of which it is not known whether they live.
const TRIES: usize = 3;

/// What `presence.lua` is told beside who it is about.
pub(super) enum Telling<'a> {
    Change(&'a PresenceChange),
    /// These are all devices that the user has on this node.
    Sync {
        own: &'a Own,
        settles: bool,
    },
}

impl Telling<'_> {
    fn args(&self) -> Vec<Value> {
        let text = |text: &str| Value::from(text);
        match self {
            Self::Change(PresenceChange::Device(device)) => {
                let said = said(device.status, device.name.as_deref());
                vec![text(&device.socket), said]
            }
            Self::Change(PresenceChange::Gone { socket }) => vec![text(socket)],
            Self::Change(PresenceChange::Settle) => Vec::new(),
            Self::Change(PresenceChange::Choose {
                status,
                custom_status,
            }) => {
                let (what, custom) = match custom_status {
                    None => ("keep", ""),
                    Some(None) => ("clear", ""),
                    Some(Some(custom)) => ("set", custom.as_str()),
                };
                let status = status.map_or("", PresenceStatus::as_str);
                vec![text(status), text(what), text(custom)]
            }
            Self::Sync { own, settles } => {
                let devices = own.devices.iter();
                let devices = devices.flat_map(|(socket, kept)| {
                    [text(socket), said(kept.status, kept.name.as_deref())]
                });
                let settles = text(if *settles { "1" } else { "0" });
                std::iter::once(settles).chain(devices).collect()
            }
        }
    }

    fn op(&self) -> &'static str {
        match self {
            Self::Change(PresenceChange::Device(_)) => "device",
            Self::Change(PresenceChange::Gone { .. }) => "gone",
            Self::Change(PresenceChange::Settle) => "settle",
            Self::Change(PresenceChange::Choose { .. }) => "choose",
            Self::Sync { .. } => "sync",
        }
    }
}

/// A device as the script reads it.
fn said(status: PresenceStatus, name: Option<&str>) -> Value {
    match name {
        Some(name) => format!("{}/{name}", status.as_str()).into(),
        None => status.as_str().into(),
    }
}

/// What `presence.lua` is told of one user.
#[derive(Debug)]
pub(super) struct Telegram {
    user: UserId,
    node: Incarnation,
    op: &'static str,
    at: Timestamp,
    /// The live and the dead nodes.
    fates: [String; 2],
    args: Vec<Value>,
}

/// Tells Redis of users of one organization.
pub(super) struct Teller {
    pub(super) link: Arc<Link>,
    pub(super) keys: Keys,
}

#[async_trait]
impl Together for Teller {
    type Item = Telegram;
    /// The script's words.
    type Answer = Vec<String>;
    type Error = HubError;

    async fn ask(
        &self,
        organization: &OrganizationId,
        telegrams: Vec<Telegram>,
    ) -> HubResult<Vec<Vec<String>>> {
        let seen = SEEN.map(|status| self.keys.seen(organization, status));
        let mut keys = Vec::from(seen);
        keys.push(self.keys.counts(organization));
        let mut args: Vec<Value> = vec![kept().into()];
        for told in telegrams {
            let (user, node) = (&told.user, told.node.as_str());
            keys.push(self.keys.presence(organization, user));
            keys.push(self.keys.users_of_node(organization, node));
            args.extend([told.op.into(), node.into(), user.as_str().into()]);
            args.push(told.at.as_millis().into());
            args.extend(told.fates.map(Value::from));
            args.push(i64::try_from(told.args.len()).unwrap_or(i64::MAX).into());
            args.extend(told.args);
        }
        self.link
            .call(&self.link.scripts.presence, keys, args)
            .await
    }
}

/// What came of telling Redis something.
pub(super) struct Told {
    pub(super) outcome: PresenceOutcome,
    /// Whether this node had thought otherwise.
    pub(super) differs: bool,
}

impl RedisHub {
    /// Tells Redis something of a user.
    pub(super) async fn tell(
        &self,
        who: &Who,
        telling: Telling<'_>,
        at: Timestamp,
    ) -> HubResult<Told> {
        let (organization, user) = who;
        let now = self.identity.now();
        self.note_organization(organization, &now).await?;
        let mut strangers = Vec::new();
        for _ in 0..TRIES {
            let (live, dead) = self.others(std::mem::take(&mut strangers)).await?;
            let told = Telegram {
                user: user.clone(),
                node: now.clone(),
                op: telling.op(),
                at,
                fates: [live, dead],
                args: telling.args(),
            };
            let reply = self.gathered.tellings.submit(organization, told).await?;
            match reply.split_first() {
                Some((word, rest)) if word == "strangers" => strangers = rest.to_vec(),
                _ => {
                    let (outcome, choice) = outcome(user, &reply)?;
                    let seen = Seen::new(&outcome.presence, choice);
                    let differs = self.own.heard(who, seen, outcome.devices);
                    return Ok(Told { outcome, differs });
                }
            }
        }
        Err(HubError("nodes come and go too fast".into()))
    }

    /// The live and the dead nodes. Strangers are nodes whose fate is to be found out.
    async fn others(&self, strangers: Vec<String>) -> HubResult<(String, String)> {
        if strangers.is_empty()
            && let Some(others) = self.identity.others()
        {
            return Ok(others);
        }
        let asked = Instant::now();
        let live = self.live_nodes().await?;
        let ids = live.into_iter().map(|(id, _)| id).collect();
        self.identity.refresh(ids, strangers, asked);
        Ok(self.identity.others().unwrap_or_default())
    }

    /// Makes sure that whoever reaps this node finds its users in an organization.
    pub(super) async fn note_organization(
        &self,
        organization: &OrganizationId,
        now: &Incarnation,
    ) -> HubResult<()> {
        if self.identity.has_noted(organization, now) {
            return Ok(());
        }
        let key = self.keys.organizations_of_node(now.as_str());
        let pipeline = self.link.client.pipeline();
        let noting = async {
            let () = pipeline.sadd(key.as_str(), organization.as_str()).await?;
            let () = pipeline.pexpire(key.as_str(), kept(), None).await?;
            pipeline.all::<(i64, i64)>().await
        };
        self.link.run(noting).await?;
        self.identity.noted(organization, now);
        Ok(())
    }
}

#[async_trait]
impl PresenceBook for RedisHub {
    async fn presence_change(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        change: PresenceChange,
        at: Timestamp,
    ) -> HubResult<PresenceOutcome> {
        let who = (organization.clone(), user.clone());
        self.own.note(&who, &change, at);
        match self.tell(&who, Telling::Change(&change), at).await {
            Ok(told) => Ok(told.outcome),
            // Its own devices are what a node knows; `make_good` tells Redis when it is back.
            Err(_) => Ok(self.own.decide_alone(&who, &change, at)),
        }
    }

    async fn presence_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<PresenceAnswer> {
        let asked = self.ask(organization, users).await;
        let degraded = asked.is_err();
        let presences = asked.unwrap_or_else(|_| self.own.presence_alone(organization, users));
        Ok(PresenceAnswer {
            presences,
            degraded,
        })
    }

    async fn are_there(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<bool>> {
        let asked = self.ask_devices(organization, users).await;
        Ok(asked.unwrap_or_else(|_| self.own.are_there(organization, users)))
    }

    async fn roster(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<Roster> {
        match self.ask_roster(organization, after, limit).await {
            Ok(roster) => Ok(roster),
            Err(_) => Ok(self.own.roster_alone(organization, after, limit)),
        }
    }

    async fn headcount(&self, organization: &OrganizationId) -> HubResult<Headcount> {
        match self.ask_headcount(organization).await {
            Ok(count) => Ok(count),
            Err(_) => Ok(self.own.headcount_alone(organization)),
        }
    }

    async fn reap_dead_nodes(&self) -> HubResult<Vec<Who>> {
        self.reap().await
    }
}

impl RedisHub {
    pub(super) async fn ask(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<Presence>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let pipeline = self.link.client.pipeline();
        let asking = async {
            for user in users {
                let key = self.keys.presence(organization, user);
                let fields = vec!["announced", "custom", "seen"];
                let () = pipeline.hmget(key, fields).await?;
            }
            let answers = pipeline.try_all::<Vec<Option<String>>>().await;
            answers.into_iter().collect::<Result<Vec<_>, _>>()
        };
        let answers = self.link.run(asking).await?;
        if answers.len() != users.len() {
            return Err(HubError("redis answered less than was asked".into()));
        }
        let presences = users.iter().zip(answers);
        Ok(presences
            .map(|(user, fields)| stored_presence(user, fields))
            .collect())
    }
}

impl RedisHub {
    async fn ask_devices(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<bool>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let pipeline = self.link.client.pipeline();
        let asking = async {
            for user in users {
                let key = self.keys.presence(organization, user);
                let () = pipeline.hkeys(key).await?;
            }
            let answers = pipeline.try_all::<Vec<String>>().await;
            answers.into_iter().collect::<Result<Vec<_>, _>>()
        };
        let answers = self.link.run(asking).await?;
        if answers.len() != users.len() {
            return Err(HubError("redis answered less than was asked".into()));
        }
        // Devices of a node that does not live are what it left behind.
        let owners = answers.iter().flatten().filter_map(|it| device_owner(it));
        let live = self.living(owners).await?;
        let has_device = |fields: &Vec<String>| {
            let mut nodes = fields.iter().filter_map(|field| device_owner(field));
            nodes.any(|node| live.contains(node))
        };
        Ok(answers.iter().map(has_device).collect())
    }

    /// Those of these nodes that live, this one among them. One that came just now is not taken for
    /// dead: of whom nothing is known, it is found out.
    async fn living<'n>(
        &self,
        nodes: impl Iterator<Item = &'n str>,
    ) -> HubResult<HashSet<&'n str>> {
        let mut nodes: HashSet<&str> = nodes.collect();
        let now = self.identity.now();
        let among = |names: &str, node: &str| names.split(',').any(|one| one == node);
        let (mut live, dead) = self.others(Vec::new()).await?;
        let is_known =
            |node: &&str| *node == now.as_str() || among(&live, node) || among(&dead, node);
        let strangers: Vec<String> = nodes
            .iter()
            .filter(|node| !is_known(node))
            .map(|node| (*node).to_owned())
            .collect();
        if !strangers.is_empty() {
            (live, _) = self.others(strangers).await?;
        }
        nodes.retain(|node| *node == now.as_str() || among(&live, node));
        Ok(nodes)
    }
}

/// The node that a device belongs to, whose field in a user's hash this is.
fn device_owner(field: &str) -> Option<&str> {
    Some(field.strip_prefix("d:")?.split_once('/')?.0)
}

fn stored_presence(user: &UserId, fields: Vec<Option<String>>) -> Presence {
    let mut fields = fields.into_iter();
    let mut next = || fields.next().flatten();
    let status = next().and_then(|word| PresenceStatus::from_word(&word));
    Presence {
        user_id: user.clone(),
        status: status.unwrap_or(PresenceStatus::Offline),
        custom_status: next(),
        last_seen_at: next().and_then(|text| timestamp(&text)),
    }
}

fn timestamp(millis: &str) -> Option<Timestamp> {
    millis.parse().ok().map(Timestamp::from_millis)
}

/// The outcome, and what the user chose.
fn outcome(
    user: &UserId,
    reply: &[String],
) -> HubResult<(PresenceOutcome, Option<PresenceStatus>)> {
    let unreadable = || HubError("the presence script answered something else".into());
    let [status, has_custom, custom, seen, changed, devices, choice] = reply else {
        return Err(unreadable());
    };
    let outcome = PresenceOutcome {
        presence: Presence {
            user_id: user.clone(),
            status: PresenceStatus::from_word(status).ok_or_else(unreadable)?,
            custom_status: (has_custom == "1").then(|| custom.clone()),
            last_seen_at: timestamp(seen),
        },
        changed: changed == "1",
        devices: devices.parse().map_err(|_| unreadable())?,
        degraded: false,
    };
    Ok((outcome, PresenceStatus::from_word(choice)))
}
