//! The way of every call, whichever door it came through.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_protocol::{
    Call, ClientEvent, ConversationId, Detail, ErrorObject, OrganizationId, UserId,
};

use switchboard_trace::{Tracer, span};

use crate::access::{self, Access};
use crate::actor::Caller;
use crate::bridges::Bridges;
use crate::hub::{Admission, BusEvent, Hub};
use crate::limits::RateTable;
use crate::live::Live;
use crate::presence::PresenceService;
use crate::queue::QueueRules;
use crate::rate::Rate;
use crate::receipts::ReceiptService;
use crate::revocations::Revocations;
use crate::store::{Refusal, Store, Viewer};
use crate::typing::TypingService;
use crate::{Clock, Ids, commands, publish, queries};

/// What an operator may set about messages.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Longest content, in characters.
    pub max_length: usize,
    /// How long a message can be edited; `None` is for ever.
    pub edit_window: Option<Duration>,
    /// Whether messages can be deleted (leaving a tombstone).
    pub deletion: bool,
    /// Most conversations that a socket enters by itself when it connects; 0 is none.
    pub auto_join: i64,
    /// The offline queue.
    pub queue: QueueRules,
}

impl Default for Rules {
    fn default() -> Self {
        let edit_window = Some(Duration::from_hours(24));
        Self {
            max_length: 5000,
            edit_window,
            deletion: true,
            auto_join: 200,
            queue: QueueRules::default(),
        }
    }
}

/// Everything that the use cases work with.
#[derive(Clone, Debug)]
pub struct Messaging {
    pub store: Arc<dyn Store>,
    pub hub: Arc<dyn Hub>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub rules: Live<Rules>,
    pub rates: Live<RateTable>,
    pub presence: PresenceService,
    pub typing: TypingService,
    /// Gathers the receipts of large groups.
    pub receipts: ReceiptService,
    /// Looks after events that came before their predecessors.
    pub bridges: Bridges,
    /// The tokens that are no longer believed.
    pub revocations: Revocations,
    /// Begins the traces of events; `None`: nobody wants them.
    pub tracer: Option<Tracer>,
}

/// The bucket of all calls of an organization. No event has that name, so whose it is called does not
/// matter.
const ORGANIZATION: &str = "organization";

fn everybody() -> Result<UserId, ErrorObject> {
    UserId::new(ORGANIZATION).map_err(|_| ErrorObject::internal())
}

/// What a call means for the room of a conversation on the calling socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomEffect {
    /// The socket follows it from now on; it knows everything up to `rev`.
    Enter {
        conversation: ConversationId,
        rev: i64,
    },
    /// The socket no longer follows it.
    Leave { conversation: ConversationId },
}

/// What a call came to.
#[derive(Debug)]
pub struct Outcome {
    /// `data` of the ack.
    pub data: Box<RawValue>,
    /// To be carried out before the ack is sent.
    pub rooms: Vec<RoomEffect>,
    /// What the others are to hear: to be given to [`Messaging::publish`] once the ack is sent.
    pub events: Vec<BusEvent>,
}

impl Outcome {
    /// An answer that changes nothing for anybody else.
    pub fn of(answer: &impl serde::Serialize) -> Result<Self, ErrorObject> {
        publish::raw(answer).map(Self::answer)
    }

    /// The same, with the answer written already.
    pub fn answer(data: Box<RawValue>) -> Self {
        Self {
            data,
            rooms: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl Messaging {
    /// Carries out one call. When this returns an `Ok`, everything that the answer promises is
    /// committed; when it returns an `Err`, nothing was changed.
    pub async fn call(
        &self,
        caller: &Caller,
        event: &str,
        payload: &Value,
    ) -> Result<Outcome, ErrorObject> {
        let call = self.understand(caller, event, payload).await?;
        self.carry_out(caller, call).await
    }

    /// The first half of [`call`](Self::call): what is asked, if it may be asked now.
    pub async fn understand(
        &self,
        caller: &Caller,
        event: &str,
        payload: &Value,
    ) -> Result<Call, ErrorObject> {
        let decode = |known| Call::decode(known, payload);
        self.understand_as(caller, ClientEvent::from_name(event), decode)
            .await
    }

    /// The same for a door where events have other names and payloads, which it decodes itself.
    pub async fn understand_as(
        &self,
        caller: &Caller,
        known: Option<ClientEvent>,
        decode: impl FnOnce(ClientEvent) -> Result<Call, Vec<Detail>>,
    ) -> Result<Call, ErrorObject> {
        // A call costs before it is looked at, so that refused ones cost too.
        self.admit(caller, known).await?;
        let known = known.ok_or_else(|| ErrorObject::not_found("event"))?;
        // Every mistake in the payload is told at once.
        let _span = span("decode");
        decode(known).map_err(ErrorObject::validation)
    }

    /// The second half.
    pub async fn carry_out(&self, caller: &Caller, call: Call) -> Result<Outcome, ErrorObject> {
        self.carry_out_in_turn(caller, call, || {}).await
    }

    /// The same for a door that carries out several calls of a caller at a time: `placed` is called once
    /// whatever comes later cannot come before this one any more.
    pub async fn carry_out_in_turn(
        &self,
        caller: &Caller,
        call: Call,
        placed: impl FnOnce() + Send,
    ) -> Result<Outcome, ErrorObject> {
        // Reads are allowed or not here. Writes are judged under the row lock that they take, so
        // that a removal which commits first wins.
        self.authorize(caller, &call).await?;
        // The command or query; a command returns when its change is committed.
        match call {
            Call::SendMessage(input) => {
                commands::send_message::run(self, caller, input, placed).await
            }
            call => self.execute(caller, call).await,
        }
    }

    async fn admit(&self, caller: &Caller, event: Option<ClientEvent>) -> Result<(), ErrorObject> {
        let _span = span("admit");
        let viewer = caller.viewer();
        let rates = self.rates.get();
        let (bucket, rate) = match event {
            Some(event) => (event.name(), rates.of(event)),
            None => ("unknown", rates.other()),
        };
        self.take(&viewer.organization, &viewer.user, bucket, rate)
            .await?;
        // Last, so that what its users are refused costs the organization nothing.
        self.take_of_organization(&viewer.organization).await
    }

    pub(crate) async fn take_of_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<(), ErrorObject> {
        if let Some(rate) = self.rates.get().of_organization() {
            let everybody = everybody()?;
            self.take(organization, &everybody, ORGANIZATION, rate)
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &'static str,
        rate: Rate,
    ) -> Result<(), ErrorObject> {
        match self.hub.take(organization, user, bucket, rate).await {
            Ok(Admission::Admitted) => Ok(()),
            Ok(Admission::RefusedFor(wait)) => {
                metrics::counter!("switchboard_rate_limited_total", "event" => bucket).increment(1);
                Err(ErrorObject::rate_limited(wait))
            }
            // Without any buckets messages still flow: storing them does not need the hub.
            Err(error) => {
                tracing::debug!(cause = error.0, "call admitted without a rate limit");
                Ok(())
            }
        }
    }

    async fn authorize(&self, caller: &Caller, call: &Call) -> Result<(), ErrorObject> {
        let _span = span("authorize");
        match access::needed(call) {
            Access::Member(conversation) => {
                self.must_be_member(caller.viewer(), conversation).await
            }
            Access::Operator if caller.actor.is_operator() => Ok(()),
            Access::Operator => Err(ErrorObject::forbidden("only operators may look at that")),
            Access::JudgedLater => Ok(()),
        }
    }

    /// Refuses whoever is not an active member.
    pub(crate) async fn must_be_member(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> Result<(), ErrorObject> {
        let membership = self.store.membership(viewer, conversation).await?;
        let membership = membership.ok_or(Refusal::NoConversation)?;
        if membership.member.is_none() {
            return Err(Refusal::NotMember.into());
        }
        Ok(())
    }

    async fn execute(&self, caller: &Caller, call: Call) -> Result<Outcome, ErrorObject> {
        match call {
            Call::ChoosePresence(input) => {
                commands::choose_presence::run(self, caller, input).await
            }
            // A session is its door's; who comes through another one has none.
            Call::CreateSession
            | Call::RecoverSession(_)
            | Call::SessionInfo
            | Call::RecoveryStats
            | Call::RefreshAuth { .. }
            | Call::Activity { .. }
            | Call::SubscribePresence(_)
            | Call::UnsubscribePresence(_) => Err(ErrorObject::not_found("session")),
            Call::AckQueue(events) => commands::ack_queue::run(self, caller, events).await,
            Call::UserStatus { user } => queries::user_status::run(self, caller, user).await,
            Call::PresenceOf(users) => queries::presences::run(self, caller, users).await,
            Call::OnlineUsers(input) => queries::online_users::run(self, caller, input).await,
            Call::PresenceHistory(input) => {
                queries::presence_history::run(self, caller, input).await
            }
            Call::PresenceStats => queries::presence_stats::run(self, caller).await,
            Call::MonitoringMetrics => queries::monitoring::metrics(self).await,
            Call::MonitoringEvents(input) => queries::monitoring::events(self, caller, input).await,
            Call::MonitoringStats => queries::monitoring::stats(self, caller).await,
            Call::MonitoringHealth => queries::monitoring_health::run(self).await,
            call => self.execute_on_conversations(caller, call).await,
        }
    }

    async fn execute_on_conversations(
        &self,
        caller: &Caller,
        call: Call,
    ) -> Result<Outcome, ErrorObject> {
        match call {
            Call::CreateConversation(input) => {
                commands::create_conversation::run(self, caller, input).await
            }
            Call::UpdateConversation(input) => {
                commands::update_conversation::run(self, caller, input).await
            }
            Call::JoinConversation {
                conversation,
                after_rev,
            } => commands::join_conversation::run(self, caller, conversation, after_rev).await,
            Call::LeaveConversation { conversation } => {
                commands::leave_conversation::run(self, caller, conversation).await
            }
            Call::AddMembers(input) => commands::change_members::add(self, caller, input).await,
            Call::RemoveMembers(input) => {
                commands::change_members::remove(self, caller, input).await
            }
            Call::SetRole(input) => commands::change_members::set_role(self, caller, input).await,
            Call::ExitConversation { conversation } => {
                commands::exit_conversation::run(self, caller, conversation).await
            }
            Call::ArchiveConversation { conversation } => {
                commands::archive_conversation::archive(self, caller, conversation).await
            }
            Call::ReopenConversation { conversation } => {
                commands::archive_conversation::reopen(self, caller, conversation).await
            }
            Call::Subscribe(conversations) => {
                commands::subscribe::subscribe(self, caller, conversations).await
            }
            Call::Unsubscribe(conversations) => {
                commands::subscribe::unsubscribe(self, caller, conversations).await
            }
            Call::ListConversations(input) => {
                queries::list_conversations::run(self, caller, input).await
            }
            Call::GetConversation { conversation } => {
                queries::get_conversation::run(self, caller, conversation).await
            }
            Call::Sync(input) => queries::sync::run(self, caller, input).await,
            Call::RoomOnline { conversation } => {
                queries::room_online::run(self, caller, conversation).await
            }
            Call::SubscriptionStatus(conversations) => {
                queries::subscriptions::status(self, caller, conversations).await
            }
            Call::SubscriptionDetails(conversations) => {
                queries::subscriptions::details(self, caller, conversations).await
            }
            call => self.execute_on_messages(caller, call).await,
        }
    }

    async fn execute_on_messages(
        &self,
        caller: &Caller,
        call: Call,
    ) -> Result<Outcome, ErrorObject> {
        match call {
            Call::EditMessage(input) => commands::edit_message::run(self, caller, input).await,
            Call::DeleteMessage { message } => {
                commands::delete_message::run(self, caller, message).await
            }
            Call::React(input) => commands::react::run(self, caller, input, true).await,
            Call::Unreact(input) => commands::react::run(self, caller, input, false).await,
            Call::MarkDelivered(mark) => commands::mark::delivered(self, caller, mark).await,
            Call::MarkRead(mark) => commands::mark::read(self, caller, mark).await,
            Call::Typing {
                conversation,
                is_typing,
            } => commands::typing::run(self, caller, conversation, is_typing).await,
            Call::History(input) => queries::history::run(self, caller, input).await,
            Call::TypingUsers { conversation } => {
                queries::typing_users::run(self, caller, conversation).await
            }
            Call::Thread(input) => queries::thread::run(self, caller, input).await,
            Call::Search(input) => queries::search::run(self, caller, input).await,
            Call::DeliveryStatus { message } => {
                queries::delivery_status::run(self, caller, message).await
            }
            Call::MessageStats { conversation } => {
                queries::message_stats::run(self, caller, conversation).await
            }
            _ => Err(ErrorObject::not_found("event")),
        }
    }
}
