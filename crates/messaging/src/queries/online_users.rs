//! `presence:online-users`: who is there, in the order of their ids; whoever appears offline is not.

use switchboard_protocol::calls::OnlineUsers;
use switchboard_protocol::{ConversationId, ErrorObject, PresenceStatus, UserId, answers};

use crate::actor::Caller;
use crate::cursor;
use crate::hub::Roster;
use crate::pipeline::{Messaging, Outcome};

/// Members of a conversation who are looked at, in the order of joining.
const MOST_MEMBERS: i64 = 1_000;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: OnlineUsers,
) -> Result<Outcome, ErrorObject> {
    let after = input.cursor.as_deref().map(place).transpose()?;
    let limit = usize::try_from(input.limit).unwrap_or(usize::MAX);
    let organization = &caller.viewer().organization;
    let roster = match input.conversation {
        Some(conversation) => members(app, caller, conversation, (after, limit)).await?,
        None => app.hub.roster(organization, after.as_ref(), limit).await?,
    };
    Outcome::of(&answers::OnlineUsers {
        users: roster.presences,
        total: i64::try_from(roster.total).unwrap_or(i64::MAX),
        next_cursor: roster.next.map(cursor::write),
        degraded: roster.degraded,
    })
}

/// Those of a conversation who are there.
async fn members(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    (after, limit): (Option<UserId>, usize),
) -> Result<Roster, ErrorObject> {
    let organization = &caller.viewer().organization;
    let members = app.store.members(organization, conversation, MOST_MEMBERS);
    let mut users: Vec<UserId> = members.await?.into_iter().map(|one| one.user_id).collect();
    users.sort_unstable();
    let found = app.hub.presence_of(organization, &users).await?;
    let mut presences = found.presences;
    presences.retain(|presence| presence.status != PresenceStatus::Offline);
    let total = presences.len() as u64;
    presences.retain(|presence| after.as_ref().is_none_or(|after| presence.user_id > *after));
    let has_more = presences.len() > limit;
    presences.truncate(limit);
    let last = presences.last().filter(|_| has_more);
    Ok(Roster {
        next: last.map(|presence| presence.user_id.clone()),
        presences,
        total,
        degraded: found.degraded,
    })
}

fn place(cursor: &str) -> Result<UserId, ErrorObject> {
    cursor::read(cursor, |text| UserId::new(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    cursor::hostile_cursors_are_refused!(place);
}
