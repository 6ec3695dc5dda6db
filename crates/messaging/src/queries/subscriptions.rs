//! `room:subscription-status` and `room:subscription-details`: what the socket follows, or whether it
//! follows these. A conversation that the caller is not in is left out.

use std::collections::{HashMap, HashSet};

use switchboard_protocol::answers::{
    Subscription, SubscriptionDetail, SubscriptionDetails, Subscriptions,
};
use switchboard_protocol::{ConversationId, ErrorObject, PresenceStatus, UserId};

use super::each_once;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::Seen;

/// Members of each conversation that are looked at for who is there, in the order of joining.
const MEMBERS: i64 = 100;

pub(crate) async fn status(
    app: &Messaging,
    caller: &Caller,
    asked: Option<Vec<ConversationId>>,
) -> Result<Outcome, ErrorObject> {
    let found = subscriptions(app, caller, asked).await?;
    let subscriptions = found.into_iter().map(|(subscription, _)| subscription);
    Outcome::of(&Subscriptions {
        subscriptions: subscriptions.collect(),
    })
}

pub(crate) async fn details(
    app: &Messaging,
    caller: &Caller,
    asked: Option<Vec<ConversationId>>,
) -> Result<Outcome, ErrorObject> {
    let found = subscriptions(app, caller, asked).await?;
    let ids = found.iter().map(|(one, _)| one.conversation_id);
    let online = online(app, caller, ids.collect()).await?;
    let detail = |(subscription, seen): (Subscription, Seen)| SubscriptionDetail {
        online: online
            .get(&subscription.conversation_id)
            .copied()
            .unwrap_or(0),
        conversation: seen.view,
        subscription,
    };
    Outcome::of(&SubscriptionDetails {
        subscriptions: found.into_iter().map(detail).collect(),
    })
}

/// In the order of the question; without one, the oldest conversation first.
async fn subscriptions(
    app: &Messaging,
    caller: &Caller,
    asked: Option<Vec<ConversationId>>,
) -> Result<Vec<(Subscription, Seen)>, ErrorObject> {
    let mut followed = caller.conversations();
    followed.sort();
    let asked = asked.map_or_else(|| followed.clone(), each_once);
    let followed: HashSet<_> = followed.into_iter().collect();
    let sights = app.store.sights(caller.viewer(), &asked).await?;
    let seen = |sight: crate::store::Sight| Some((sight.conversation, sight.seen?));
    let mut seen: HashMap<_, _> = sights.into_iter().filter_map(seen).collect();
    let subscription = |id: ConversationId| {
        let seen = seen.remove(&id)?;
        let subscription = Subscription {
            conversation_id: id,
            subscribed: followed.contains(&id),
            joined_at: seen.joined_at,
            last_seq: seen.view.conversation.last_seq,
            unread_count: seen.view.unread_count,
        };
        Some((subscription, seen))
    };
    Ok(asked.into_iter().filter_map(subscription).collect())
}

/// How many members of each conversation are there: one question to the store and one to the hub.
async fn online(
    app: &Messaging,
    caller: &Caller,
    conversations: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, i64>, ErrorObject> {
    let organization = &caller.viewer().organization;
    let members = app
        .store
        .members_of(organization, &conversations, MEMBERS)
        .await?;
    let users: HashSet<&UserId> = members.iter().map(|(_, user)| user).collect();
    let users: Vec<UserId> = users.into_iter().cloned().collect();
    let found = app.hub.presence_of(organization, &users).await?;
    let here = found.presences.into_iter();
    let here = here.filter(|presence| presence.status != PresenceStatus::Offline);
    let here: HashSet<UserId> = here.map(|presence| presence.user_id).collect();
    let mut online = HashMap::new();
    for (conversation, _) in members.iter().filter(|(_, user)| here.contains(user)) {
        *online.entry(*conversation).or_default() += 1;
    }
    Ok(online)
}
