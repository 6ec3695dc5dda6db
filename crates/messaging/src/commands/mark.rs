//! `message:delivered` and `message:read`: watermarks that only move forward.

use switchboard_protocol::answers::{DeliveredUpTo, ReadUpTo};
use switchboard_protocol::calls::Watermark;
use switchboard_protocol::server_events::ReceiptMoved;
use switchboard_protocol::{ConversationId, ErrorObject, ServerEvent};

use crate::actor::Caller;
use crate::hub::{BusEvent, Channel, Room};
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::receipts::ReceiptService;
use crate::store::{Advance, Advanced, ReceiptKind, Refusal};

pub(crate) async fn delivered(
    app: &Messaging,
    caller: &Caller,
    mark: Watermark,
) -> Result<Outcome, ErrorObject> {
    let (moved, events) = advance(app, caller, mark, ReceiptKind::Delivered).await?;
    let data = publish::raw(&DeliveredUpTo {
        delivered_seq: moved.delivered_seq,
    })?;
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events,
    })
}

pub(crate) async fn read(
    app: &Messaging,
    caller: &Caller,
    mark: Watermark,
) -> Result<Outcome, ErrorObject> {
    let (moved, events) = advance(app, caller, mark, ReceiptKind::Read).await?;
    let data = publish::raw(&ReadUpTo {
        read_seq: moved.read_seq,
        unread_count: moved.unread_count,
    })?;
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events,
    })
}

async fn advance(
    app: &Messaging,
    caller: &Caller,
    mark: Watermark,
    kind: ReceiptKind,
) -> Result<(Advanced, Vec<BusEvent>), ErrorObject> {
    let (viewer, at) = (caller.viewer().clone(), app.clock.now());
    let (conversation, up_to_seq) = place(app, caller, mark).await?;
    let organization = viewer.organization.clone();
    let (user_id, except) = (viewer.user.clone(), caller.socket.as_deref());
    let moved = app
        .store
        .advance(Advance {
            viewer,
            conversation,
            kind,
            up_to_seq,
            at,
        })
        .await?;
    if !moved.moved {
        return Ok((moved, Vec::new()));
    }
    let receipt = ReceiptMoved {
        conversation_id: conversation,
        user_id,
        up_to_seq,
        at,
    };
    let event = match kind {
        ReceiptKind::Delivered => ServerEvent::MessageDelivered(receipt),
        ReceiptKind::Read => ServerEvent::MessageRead(receipt),
    };
    if ReceiptService::gathers(moved.member_count) {
        let room = Room::Conversation(conversation);
        let channel = Channel { organization, room };
        app.receipts.gather(channel, event, except);
        return Ok((moved, Vec::new()));
    }
    let event = publish::to_conversation(&organization, conversation, &event, except, at)?;
    Ok((moved, vec![event]))
}

/// The conversation and `seq` that the call means.
async fn place(
    app: &Messaging,
    caller: &Caller,
    mark: Watermark,
) -> Result<(ConversationId, i64), ErrorObject> {
    let ids = match mark {
        Watermark::UpTo { conversation, seq } => return Ok((conversation, seq)),
        Watermark::All { conversation } => {
            let found = app.store.membership(caller.viewer(), conversation).await?;
            let found = found.ok_or(Refusal::NoConversation)?;
            return Ok((conversation, found.conversation.last_seq));
        }
        Watermark::Messages(ids) => ids,
    };
    let places = app
        .store
        .positions(&caller.viewer().organization, &ids)
        .await?;
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    if places.len() < distinct.len() {
        return Err(Refusal::NoMessage.into());
    }
    let newest = places
        .iter()
        .max_by_key(|(_, seq)| *seq)
        .ok_or(Refusal::NoMessage)?;
    if places
        .iter()
        .any(|(conversation, _)| *conversation != newest.0)
    {
        let text = "must all be of one conversation";
        return Err(ErrorObject::invalid("messageIds", text));
    }
    Ok(*newest)
}
