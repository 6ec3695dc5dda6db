//! The pieces of a message's way through a node that cost processor time and nothing else. Their
//! instructions are counted by `bench/instructions`, their time by `hot_path.rs` beside this.

use std::hint::black_box;

use serde_json::{Map, Value};
use switchboard_messaging::hub::BusEvent;
use switchboard_messaging::publish;
use switchboard_protocol::envelope::Answer;
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{
    Call, ClientEvent, ConversationId, Message, MessageId, MessageType, OrganizationId,
    ServerEvent, Timestamp, UserId,
};
use switchboard_socketio::Packet;

const CONVERSATION: &str = "0193b1f8-1c6e-7c3a-9f1e-5a3e8d9c0b11";
const CONTENT: &str = "Somebody says something of about a hundred characters, as people do, and it has one umlaut: ü. Okay?";

/// What a client sends, behind `42` and the ack's id.
fn packet() -> String {
    format!(
        r#"["message:send",{{"conversationId":"{CONVERSATION}","content":"{CONTENT}","clientMessageId":"c-1234567890"}}]"#
    )
}

fn message() -> Option<Message> {
    let conversation_id: ConversationId = CONVERSATION.parse().ok()?;
    Some(Message {
        id: MessageId(conversation_id.0),
        conversation_id,
        seq: 4_711,
        rev: 4_720,
        version: 1,
        sender_id: UserId::new("user-17").ok()?,
        kind: MessageType::Text,
        content: CONTENT.to_owned(),
        reply_to: None,
        thread_root_id: None,
        attachments: Vec::new(),
        reactions: Vec::new(),
        metadata: Map::new(),
        client_message_id: Some("c-1234567890".to_owned()),
        created_at: Timestamp::from_millis(1_795_167_769_000),
        edited_at: None,
        deleted_at: None,
    })
}

fn announced(message: Message) -> Option<BusEvent> {
    let organization = OrganizationId::new("acme").ok()?;
    let (conversation, at) = (message.conversation_id, message.created_at);
    let event = ServerEvent::MessageNew(MessageChanged::of(message));
    publish::to_conversation(&organization, conversation, &event, Some("socket"), at).ok()
}

/// From text to a call.
fn decode(text: &str) -> Option<Call> {
    let args: Vec<Value> = serde_json::from_str(text).ok()?;
    let event = ClientEvent::from_name(args.first()?.as_str()?)?;
    Call::decode(event, args.get(1)?).ok()
}

/// From what the others are told of a stored message to its sender's ack.
fn acknowledge(event: &BusEvent) -> Option<String> {
    serde_json::to_string(&Answer::from(Ok(event.data.clone()))).ok()
}

/// From an event to what goes over the wire, with its place.
fn encode(event: &BusEvent) -> Option<Packet> {
    let packet = Packet::event("/", &event.name, &event.data).ok()?;
    Some(packet.with_offset("0dbf0c6a708b66af.4711"))
}

/// Their names.
pub(crate) const PIECES: [&str; 6] = [
    "decode",
    "acknowledge",
    "announce",
    "to-the-bus",
    "from-the-bus",
    "encode",
];

/// One piece, ready to be done as often as wanted; `None` when there is no such piece.
pub(crate) fn piece(name: &str) -> Option<Box<dyn FnMut() -> Option<()>>> {
    let (text, message) = (packet(), message()?);
    let event = announced(message.clone())?;
    let encoded = serde_json::to_vec(&event).ok()?;
    Some(match name {
        "decode" => Box::new(move || done(decode(black_box(&text)))),
        "acknowledge" => Box::new(move || done(acknowledge(black_box(&event)))),
        "announce" => Box::new(move || done(announced(black_box(&message).clone()))),
        "to-the-bus" => Box::new(move || done(serde_json::to_vec(black_box(&event)).ok())),
        "from-the-bus" => {
            Box::new(move || done(serde_json::from_slice::<BusEvent>(black_box(&encoded)).ok()))
        }
        "encode" => Box::new(move || done(encode(black_box(&event)))),
        _ => return None,
    })
}

fn done<T>(made: Option<T>) -> Option<()> {
    black_box(made).map(drop)
}
