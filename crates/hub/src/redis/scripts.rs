//! The scripts, each in a file of its own beside this one.

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::LuaInterface;
use fred::types::scripts::Script;
use fred::types::{FromValue, Key, Value};

/// Every script of the hub.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) presence: Script,
    pub(super) roster: Script,
    pub(super) reap: Script,
    pub(super) renew: Script,
    pub(super) nodes: Script,
    pub(super) leave: Script,
    pub(super) claim: Script,
    pub(super) bury: Script,
    pub(super) take: Script,
    pub(super) typing_start: Script,
    pub(super) typing_stop: Script,
    pub(super) typing_users: Script,
    pub(super) unread_note: Script,
    pub(super) publish: Script,
    pub(super) standing: Script,
    pub(super) session: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            presence: Script::from_lua(include_str!("presence.lua")),
            roster: Script::from_lua(include_str!("roster.lua")),
            reap: Script::from_lua(include_str!("reap.lua")),
            renew: Script::from_lua(include_str!("renew.lua")),
            nodes: Script::from_lua(include_str!("nodes.lua")),
            leave: Script::from_lua(include_str!("leave.lua")),
            claim: Script::from_lua(include_str!("claim.lua")),
            bury: Script::from_lua(include_str!("bury.lua")),
            take: Script::from_lua(include_str!("take.lua")),
            typing_start: Script::from_lua(include_str!("typing_start.lua")),
            typing_stop: Script::from_lua(include_str!("typing_stop.lua")),
            typing_users: Script::from_lua(include_str!("typing_users.lua")),
            unread_note: Script::from_lua(include_str!("unread_note.lua")),
            publish: Script::from_lua(include_str!("publish.lua")),
            standing: Script::from_lua(include_str!("standing.lua")),
            session: Script::from_lua(include_str!("session.lua")),
        }
    }
}

/// Calls a script by its hash, and with its text when the server does not know it (yet, or again
/// after a restart or failover): that is also how it is loaded, on whichever server has the keys.
pub(super) async fn call<T: FromValue>(
    client: &Client,
    script: &Script,
    keys: Vec<Key>,
    args: Vec<Value>,
) -> Result<T, Error> {
    let answer = client
        .evalsha(script.sha1().clone(), keys.clone(), args.clone())
        .await;
    match (answer, script.lua()) {
        (Err(error), Some(text)) if error.details().starts_with("NOSCRIPT") => {
            client.eval(text.clone(), keys, args).await
        }
        (answer, _) => answer,
    }
}
