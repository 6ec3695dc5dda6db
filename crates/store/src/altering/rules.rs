//! Who may change what of a conversation, and what that writes: pure, so that the rules can be tested
//! without a database.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use switchboard_messaging::store::{Altering, Refusal};
use switchboard_protocol::{ConversationStatus, ConversationView, Kind, Member, Role, UserId};

/// What is known of a conversation whose row is locked.
#[derive(Debug)]
pub(crate) struct Scene {
    /// As the caller sees it.
    pub(crate) view: ConversationView,
    pub(crate) caller: UserId,
    /// Those of the named users who are or were members.
    pub(crate) named: HashMap<UserId, Member>,
    /// Whose the caller's place is when the caller goes; `None` when nobody else is there.
    pub(crate) heir: Option<UserId>,
}

/// What is written together; each user takes a `rev`, and so does each of the others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Add(Vec<UserId>, Role),
    Leave(Vec<UserId>),
    SetRole(Vec<UserId>, Role),
    Details {
        title: Option<String>,
        metadata: Map<String, Value>,
    },
    Archive,
    Reopen,
}

/// What an alteration writes; nothing when all is so already.
pub(crate) fn steps(what: &Altering, scene: &Scene) -> Result<Vec<Step>, Refusal> {
    scene.may_try(what)?;
    let steps = match what {
        Altering::Details { title, metadata } => {
            vec![scene.details(title.as_ref(), metadata.as_ref())]
        }
        Altering::Archive => vec![scene.is_active().then_some(Step::Archive)],
        Altering::Reopen => vec![(!scene.is_active()).then_some(Step::Reopen)],
        Altering::Add { users, role } => vec![scene.add(users, *role)],
        Altering::Remove { users } => vec![scene.remove(users)?],
        Altering::SetRole { users, role } => scene.set_role(users, *role)?,
        Altering::Exit => scene.exit(),
    };
    Ok(steps.into_iter().flatten().collect())
}

impl Scene {
    fn is_active(&self) -> bool {
        self.view.conversation.status == ConversationStatus::Active
    }

    fn is_owner(&self) -> bool {
        self.view.my_role == Role::Owner
    }

    /// What does not depend on who is named.
    fn may_try(&self, what: &Altering) -> Result<(), Refusal> {
        use Altering::{Add, Archive, Details, Exit, Remove, Reopen, SetRole};
        let is_direct = self.view.conversation.kind == Kind::Direct;
        let is_manager = self.is_owner() || self.view.my_role == Role::Admin;
        let may = match what {
            Add { .. } | Remove { .. } | SetRole { .. } | Exit if is_direct => {
                return Err(Refusal::Direct);
            }
            Exit => true,
            Archive | Reopen => is_direct || is_manager,
            Details { .. } | Add { .. } | Remove { .. } | SetRole { .. } => is_manager,
        };
        if !may {
            return Err(Refusal::NotManager);
        }
        if matches!(what, Details { .. } | Add { .. } | SetRole { .. }) && !self.is_active() {
            return Err(Refusal::Archived(Box::new(self.view.clone())));
        }
        Ok(())
    }

    fn details(
        &self,
        title: Option<&Option<String>>,
        metadata: Option<&Map<String, Value>>,
    ) -> Option<Step> {
        let now = &self.view.conversation;
        let title = title.unwrap_or(&now.title);
        let metadata = metadata.unwrap_or(&now.metadata);
        (*title != now.title || *metadata != now.metadata).then(|| Step::Details {
            title: title.clone(),
            metadata: metadata.clone(),
        })
    }

    fn add(&self, users: &[UserId], role: Role) -> Option<Step> {
        let new = each_once(users).filter(|user| self.active(user).is_none());
        some(new, |new| Step::Add(new, role))
    }

    fn remove(&self, users: &[UserId]) -> Result<Option<Step>, Refusal> {
        let mut leaving = Vec::new();
        for user in each_once(users) {
            let Some(member) = self.named.get(user) else {
                return Err(Refusal::NoMember(user.clone()));
            };
            if member.left_at.is_none() {
                self.may_change(member)?;
                leaving.push(user);
            }
        }
        Ok(some(leaving.into_iter(), Step::Leave))
    }

    fn set_role(&self, users: &[UserId], role: Role) -> Result<Vec<Option<Step>>, Refusal> {
        let mut changing = Vec::new();
        for user in each_once(users) {
            let member = self.active(user);
            let member = member.ok_or_else(|| Refusal::NoMember(user.clone()))?;
            if member.role != role {
                self.may_change(member)?;
                changing.push(user);
            }
        }
        if role == Role::Owner && !self.is_owner() {
            return Err(Refusal::NotOwner);
        }
        let gives_place = role == Role::Owner && !changing.is_empty();
        let steps_down = gives_place.then(|| Step::SetRole(vec![self.caller.clone()], Role::Admin));
        let changing = some(changing.into_iter(), |users| Step::SetRole(users, role));
        Ok(vec![steps_down, changing])
    }

    fn exit(&self) -> Vec<Option<Step>> {
        let succession = match &self.heir {
            Some(heir) => self
                .is_owner()
                .then(|| Step::SetRole(vec![heir.clone()], Role::Owner)),
            None => self.is_active().then_some(Step::Archive),
        };
        vec![Some(Step::Leave(vec![self.caller.clone()])), succession]
    }

    fn active(&self, user: &UserId) -> Option<&Member> {
        self.named
            .get(user)
            .filter(|member| member.left_at.is_none())
    }

    /// Owners may change everybody else; admins themselves and those below them.
    fn may_change(&self, member: &Member) -> Result<(), Refusal> {
        let is_self = member.user_id == self.caller;
        match member.role {
            Role::Owner if is_self => Err(Refusal::OwnerStays),
            Role::Owner => Err(Refusal::NotOwner),
            Role::Admin if !is_self && !self.is_owner() => Err(Refusal::NotOwner),
            Role::Admin | Role::Member | Role::ReadOnly => Ok(()),
        }
    }
}

/// In the order in which they are first named.
fn each_once(users: &[UserId]) -> impl Iterator<Item = &UserId> {
    let mut seen = HashSet::new();
    users.iter().filter(move |user| seen.insert(*user))
}

fn some<'a>(
    users: impl Iterator<Item = &'a UserId>,
    step: impl FnOnce(Vec<UserId>) -> Step,
) -> Option<Step> {
    let users: Vec<UserId> = users.cloned().collect();
    (!users.is_empty()).then(|| step(users))
}

#[cfg(test)]
mod tests;
