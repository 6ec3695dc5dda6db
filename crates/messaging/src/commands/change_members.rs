//! `conversation:add-members`, `conversation:remove-member` and `conversation:set-role`: by an owner or
//! admin of a group.

use switchboard_protocol::answers::MembersChanged;
use switchboard_protocol::calls::ChangeMembers;
use switchboard_protocol::{ConversationId, ErrorObject, Role};

use super::alter::alter;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::Altering;

pub(crate) async fn add(
    app: &Messaging,
    caller: &Caller,
    input: ChangeMembers,
) -> Result<Outcome, ErrorObject> {
    let (users, role) = (input.users, input.role.unwrap_or(Role::Member));
    let what = Altering::Add { users, role };
    change(app, caller, input.conversation, what).await
}

pub(crate) async fn remove(
    app: &Messaging,
    caller: &Caller,
    input: ChangeMembers,
) -> Result<Outcome, ErrorObject> {
    let what = Altering::Remove { users: input.users };
    change(app, caller, input.conversation, what).await
}

pub(crate) async fn set_role(
    app: &Messaging,
    caller: &Caller,
    input: ChangeMembers,
) -> Result<Outcome, ErrorObject> {
    let mut users = input.users;
    let role = input.role.ok_or_else(ErrorObject::internal)?;
    users.sort();
    users.dedup();
    if role == Role::Owner && users.len() > 1 {
        let text = "a conversation has one owner, so name one user";
        return Err(ErrorObject::invalid("userIds", text));
    }
    let what = Altering::SetRole { users, role };
    change(app, caller, input.conversation, what).await
}

async fn change(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    what: Altering,
) -> Result<Outcome, ErrorObject> {
    let (altered, events) = alter(app, caller, conversation, what).await?;
    let answer = MembersChanged {
        members: altered.members,
        rev: altered.rev,
    };
    Ok(Outcome {
        data: publish::raw(&answer)?,
        rooms: Vec::new(),
        events,
    })
}
