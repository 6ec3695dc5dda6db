//! The pieces of a message's way through a node that cost processor time and nothing else, each done as
//! often as asked: `hot_path PIECE COUNT`. `bench/instructions` counts what they take.

use std::hint::black_box;
use std::process::ExitCode;

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

/// From a stored message to its ack.
fn acknowledge(message: &Message) -> Option<String> {
    let value = publish::value(message).ok()?;
    serde_json::to_string(&Answer::from(Ok(value))).ok()
}

/// From an event to what goes over the wire, with its place.
fn encode(event: &BusEvent) -> Option<Packet> {
    let packet = Packet::event("/", &event.name, &event.data).ok()?;
    Some(packet.with_offset("0dbf0c6a708b66af.4711"))
}

fn times<T>(count: u64, mut piece: impl FnMut() -> Option<T>) -> Option<()> {
    for _ in 0..count {
        black_box(piece()?);
    }
    Some(())
}

fn run(piece: &str, count: u64) -> Option<()> {
    let (text, message) = (packet(), message()?);
    let event = announced(message.clone())?;
    let encoded = serde_json::to_vec(&event).ok()?;
    match piece {
        "decode" => times(count, || decode(black_box(&text))),
        "acknowledge" => times(count, || acknowledge(black_box(&message))),
        "announce" => times(count, || announced(black_box(&message).clone())),
        "to-the-bus" => times(count, || serde_json::to_vec(black_box(&event)).ok()),
        "from-the-bus" => times(count, || {
            serde_json::from_slice::<BusEvent>(black_box(&encoded)).ok()
        }),
        "encode" => times(count, || encode(black_box(&event))),
        _ => None,
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let piece = args.next().unwrap_or_default();
    let count = args.next().and_then(|count| count.parse().ok());
    match count.and_then(|count| run(&piece, count)) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
