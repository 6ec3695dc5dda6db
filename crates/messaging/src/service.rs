//! What a backend asks for through the service API. Its callers have the role `service`; each acts
//! for one organization.

use switchboard_protocol::service::{
    DeadLetters, PostEvent, PostedEvent, Recipients, ServiceStats,
};
use switchboard_protocol::{
    ConversationId, DeliveryClass, ErrorObject, OrganizationId, QueuedEventId, UserId,
};
use uuid::Uuid;

use crate::cursor;
use crate::hub::{BusEvent, Channel, Room};
use crate::pipeline::Messaging;
use crate::presence::{organization_channel, user_channel};
use crate::publish;
use crate::queue::plain;
use crate::rate::Rate;
use crate::store::{DeadLetterPage, NewQueued, Refusal, Viewer};

/// Most users whom one event may concern: members of the conversations that it is for, or users of
/// the organization who are a member of something.
pub const MAX_CONCERNED: usize = 10_000;
/// Users that are asked for, or queued for, at a time.
const AT_ONCE: usize = 500;

/// Whom an event is for, found out.
struct Concerned {
    /// Where those who are there hear of it.
    channels: Option<Vec<Channel>>,
    users: Vec<UserId>,
}

impl Messaging {
    /// Takes a token from a caller's bucket of this name.
    ///
    /// # Errors
    ///
    /// `RATE_LIMITED`.
    pub async fn admit_request(
        &self,
        caller: &Viewer,
        bucket: &'static str,
        rate: Rate,
    ) -> Result<(), ErrorObject> {
        self.take(&caller.organization, &caller.user, bucket, rate)
            .await?;
        self.take_of_organization(&caller.organization).await
    }

    /// Sends an event of a service's own: now to whom is there, later to whom is not. `id` names the
    /// call: carried out twice under the same, it is queued once.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` for conversations that are not the organization's, `VALIDATION_FAILED` when it
    /// concerns too many; those of the store. Nobody was sent anything then.
    pub async fn post_event(
        &self,
        organization: &OrganizationId,
        id: Uuid,
        input: PostEvent,
    ) -> Result<PostedEvent, ErrorObject> {
        let concerned = self.concerned(organization, &input.to).await?;
        let (there, away) = self.by_presence(organization, concerned.users).await?;
        let queued = match input.class {
            DeliveryClass::Volatile => 0,
            _ => self.keep(organization, id, &away, &input).await?,
        };
        let channels = concerned.channels.unwrap_or_else(|| {
            let own = there.iter().map(|user| user_channel(organization, user));
            own.collect()
        });
        let data = publish::raw(&input.data)?;
        let (name, at) = ((input.event.as_str(), input.class), self.clock.now());
        let event = |channel| -> BusEvent { plain(channel, name, data.clone(), at) };
        self.publish(channels.into_iter().map(event).collect())
            .await;
        if queued > 0 {
            self.tell_of_queued(organization, &away).await;
        }
        Ok(PostedEvent {
            event_id: QueuedEventId(id),
            live: there.len(),
            queued,
        })
    }

    async fn concerned(
        &self,
        organization: &OrganizationId,
        to: &Recipients,
    ) -> Result<Concerned, ErrorObject> {
        let queue = self.store.queue();
        let limit = MAX_CONCERNED as i64 + 1;
        match to {
            Recipients::Users(users) => {
                let distinct: std::collections::BTreeSet<_> = users.iter().cloned().collect();
                Ok(Concerned {
                    channels: None,
                    users: distinct.into_iter().collect(),
                })
            }
            Recipients::Conversations(ids) => {
                let users = queue.members_of(organization, ids, limit).await?;
                let users = users.ok_or(Refusal::NoConversation)?;
                let distinct: std::collections::BTreeSet<_> = ids.iter().copied().collect();
                let channel = |id: ConversationId| Channel {
                    organization: organization.clone(),
                    room: Room::Conversation(id),
                };
                let channels = Some(distinct.into_iter().map(channel).collect());
                not_too_many("to.conversationIds", users.len())?;
                Ok(Concerned { channels, users })
            }
            Recipients::Organization(named) => {
                if named.as_ref().is_some_and(|named| named != organization) {
                    return Err(ErrorObject::not_found("organization"));
                }
                let users = queue.users_of(organization, limit).await?;
                not_too_many("to.organization", users.len())?;
                let channels = Some(vec![organization_channel(organization)]);
                Ok(Concerned { channels, users })
            }
        }
    }

    /// Those who have a live device and those who have none.
    async fn by_presence(
        &self,
        organization: &OrganizationId,
        users: Vec<UserId>,
    ) -> Result<(Vec<UserId>, Vec<UserId>), ErrorObject> {
        let (mut there, mut away) = (Vec::new(), Vec::new());
        for some in users.chunks(AT_ONCE) {
            let are_there = self.hub.are_there(organization, some).await?;
            for (user, is_there) in some.iter().zip(are_there) {
                let list = if is_there { &mut there } else { &mut away };
                list.push(user.clone());
            }
        }
        Ok((there, away))
    }

    /// Keeps an event for users who are away; in how many queues it is.
    async fn keep(
        &self,
        organization: &OrganizationId,
        id: Uuid,
        away: &[UserId],
        input: &PostEvent,
    ) -> Result<usize, ErrorObject> {
        let (rules, at) = (self.rules.get().queue, self.clock.now());
        let own = |seconds: i64| std::time::Duration::from_secs(seconds.unsigned_abs());
        let ttl = input.expires_in.map_or(rules.ttl, own);
        let mut new = NewQueued {
            organization: organization.clone(),
            users: Vec::new(),
            source: QueuedEventId(id),
            event: input.event.clone(),
            data: input.data.to_string(),
            priority: input.priority,
            at,
            expires_at: at.plus(ttl),
        };
        let mut kept = 0;
        for some in away.chunks(AT_ONCE) {
            let own_id = |user: &UserId| (user.clone(), QueuedEventId(self.ids.next()));
            new.users = some.iter().map(own_id).collect();
            let done = self.store.queue().enqueue(&new, rules.bounds).await?;
            kept += done.kept;
            metrics::counter!("switchboard_queued_events_total", "result" => "kept")
                .increment(done.kept as u64);
            metrics::counter!("switchboard_queued_events_total", "result" => "dropped")
                .increment(done.dropped as u64);
        }
        Ok(kept)
    }

    /// A page of an organization's dead letters.
    ///
    /// # Errors
    ///
    /// `VALIDATION_FAILED` for a cursor that is none; those of the store.
    pub async fn dead_letters(
        &self,
        organization: &OrganizationId,
        user: Option<UserId>,
        (cursor, limit): (Option<&str>, i64),
    ) -> Result<DeadLetters, ErrorObject> {
        let after = cursor.map(cursor::read_timed).transpose()?;
        let page = DeadLetterPage {
            user,
            after,
            // One more tells whether there are more.
            limit: limit + 1,
        };
        let mut items = self.store.queue().dead_letters(organization, &page).await?;
        let next_cursor = cursor::cut(&mut items, limit, |last| {
            cursor::write_timed(last.failed_at, last.id)
        });
        Ok(DeadLetters { items, next_cursor })
    }

    /// Puts a dead letter back into its user's queue.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` when the organization has no such dead letter; those of the store.
    pub async fn retry_dead_letter(
        &self,
        organization: &OrganizationId,
        event: QueuedEventId,
    ) -> Result<(), ErrorObject> {
        let now = self.clock.now();
        let expires_at = now.plus(self.rules.get().queue.ttl);
        let queue = self.store.queue();
        let user = queue
            .retry_dead_letter(organization, event, now, expires_at)
            .await?;
        let user = user.ok_or_else(|| ErrorObject::not_found("dead letter"))?;
        self.tell_of_queued(organization, &[user]).await;
        Ok(())
    }

    /// What an organization has.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn service_stats(
        &self,
        organization: &OrganizationId,
    ) -> Result<ServiceStats, ErrorObject> {
        let now = self.clock.now();
        Ok(self.store.queue().service_stats(organization, now).await?)
    }
}

fn not_too_many(path: &str, count: usize) -> Result<(), ErrorObject> {
    if count <= MAX_CONCERNED {
        return Ok(());
    }
    let text = format!("concerns more than {MAX_CONCERNED} users; address them in several calls");
    Err(ErrorObject::invalid(path, text))
}
