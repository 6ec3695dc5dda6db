//! Emoji on messages.

use switchboard_messaging::store::{MAX_EMOJI, React, Reacted, Refusal};
use switchboard_protocol::{Reaction, Role, UserId};

use crate::amend::{Locked, Made, lock, record};
use crate::conversations;
use crate::database::{Database, Session, Statement};
use crate::failure::Failure;
use crate::rows::kept;
use crate::values::args;

const REACT: Statement =
    Statement::both("update messages set reactions = $2, rev = $3 where id = $1");

pub(crate) async fn react(database: &Database, react: &React) -> Result<Reacted, Failure> {
    let mut session = database.transaction().await?;
    let locked = lock(&mut session, &react.by, react.message).await?;
    may_react(&mut session, react, &locked).await?;
    let mut message = locked.message;
    let changed = if react.add {
        put(&mut message.reactions, &react.emoji, &react.by.user)?
    } else {
        take(&mut message.reactions, &react.emoji, &react.by.user)
    };
    if !changed {
        return Ok(Reacted { message, changed });
    }
    message.rev = locked.rev + 1;
    let args = args![message.id, kept(&message.reactions), message.rev];
    session.execute(&REACT, args).await?;
    let made = Made {
        by: &react.by,
        socket: react.socket.as_deref(),
        at: react.at,
        emoji: Some(&react.emoji),
    };
    let kind = if react.add {
        "message_reacted"
    } else {
        "message_unreacted"
    };
    record(&mut session, &message, kind, made).await?;
    session.commit().await?;
    Ok(Reacted { message, changed })
}

/// In the order that the trait promises.
async fn may_react(session: &mut Session, react: &React, locked: &Locked) -> Result<(), Failure> {
    match locked.role {
        None => return Err(Refusal::NotMember.into()),
        Some(Role::ReadOnly) => return Err(Refusal::ReadOnly.into()),
        Some(_) => {}
    }
    let message = &locked.message;
    if locked.archived {
        let view = conversations::view_in(session, &react.by, message.conversation_id).await?;
        return Err(view
            .map_or(Refusal::NotMember, |view| Refusal::Archived(Box::new(view)))
            .into());
    }
    if message.deleted_at.is_some() {
        return Err(Refusal::Tombstone(Box::new(message.clone())).into());
    }
    Ok(())
}

/// Puts it there, after those that are there; whether that changes anything.
fn put(reactions: &mut Vec<Reaction>, emoji: &str, user: &UserId) -> Result<bool, Refusal> {
    let Some(reaction) = reactions.iter_mut().find(|one| one.emoji == emoji) else {
        if reactions.len() >= MAX_EMOJI {
            return Err(Refusal::TooManyEmoji);
        }
        reactions.push(Reaction {
            emoji: emoji.to_owned(),
            count: 1,
            user_ids: vec![user.clone()],
        });
        return Ok(true);
    };
    if reaction.user_ids.contains(user) {
        return Ok(false);
    }
    reaction.user_ids.push(user.clone());
    reaction.count += 1;
    Ok(true)
}

/// Takes it off; whether that changes anything.
fn take(reactions: &mut Vec<Reaction>, emoji: &str, user: &UserId) -> bool {
    let Some(at) = reactions.iter().position(|one| one.emoji == emoji) else {
        return false;
    };
    let reaction = &mut reactions[at];
    let Some(by) = reaction.user_ids.iter().position(|one| one == user) else {
        return false;
    };
    reaction.user_ids.remove(by);
    reaction.count -= 1;
    if reaction.user_ids.is_empty() {
        reactions.remove(at);
    }
    true
}
