//! The AsyncAPI document.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Contract, Got, Sent};

/// Under which name things of an event are kept: names of components have no colon.
fn key(event: &str) -> String {
    event.replace(':', ".")
}

fn refer(kind: &str, key: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{key}")})
}

fn in_channel(channel: &str, key: &str) -> Value {
    json!({"$ref": format!("#/channels/{channel}/messages/{key}")})
}

/// The parts of the document that grow with each event.
#[derive(Default)]
struct Parts {
    messages: Map<String, Value>,
    /// The same, by reference.
    channel: Map<String, Value>,
    operations: Map<String, Value>,
}

impl Parts {
    fn message(&mut self, key: &str, message: Value) {
        self.channel.insert(key.to_owned(), refer("messages", key));
        self.messages.insert(key.to_owned(), message);
    }

    fn operation(&mut self, key: &str, action: &str, summary: &str) -> &mut Value {
        let operation = json!({
            "action": action,
            "channel": {"$ref": "#/channels/socket"},
            "summary": summary,
            "messages": [in_channel("socket", key)],
        });
        self.operations.entry(key).or_insert(operation)
    }

    fn sent(&mut self, sent: &Sent, error: &Value) {
        let (event, name, call) = (sent.event, sent.event.name(), key(sent.event.name()));
        let reply = format!("{call}.answer");
        self.message(
            &call,
            json!({
                "name": name,
                "title": name,
                "summary": event.summary(),
                "payload": event.payload().plain_schema(),
                "x-aliases": event.aliases(),
            }),
        );
        self.message(
            &reply,
            json!({
                "name": name,
                "title": format!("Answer of {name}"),
                "payload": envelope(sent.answer.as_value(), error),
            }),
        );
        self.operation(&call, "receive", event.summary())["reply"] = json!({
            "channel": {"$ref": "#/channels/socket"},
            "messages": [in_channel("socket", &reply)],
        });
    }

    fn got(&mut self, got: &Got) {
        let event = format!("event.{}", key(got.name));
        self.message(
            &event,
            json!({
                "name": got.name,
                "title": got.name,
                "summary": got.summary,
                "payload": got.payload,
                "x-delivery-class": got.class,
            }),
        );
        self.operation(&event, "send", got.summary);
    }
}

/// The AsyncAPI 3.0 document of the socket API, from the server's side: it receives client events and
/// answers them, and sends server events.
pub fn asyncapi() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.definitions_path = "/components/schemas".into();
    let contract = Contract::new(settings);
    let mut parts = Parts::default();
    for sent in &contract.sent {
        parts.sent(sent, contract.error.as_value());
    }
    for got in &contract.got {
        parts.got(got);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard socket API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": {
            "gateway": {
                "host": "localhost:8080",
                "pathname": "/socket.io/",
                "protocol": "socket.io",
                "description": "Any node.",
            },
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/",
                "description": "The namespace `/`.",
                "messages": parts.channel,
            },
        },
        "operations": parts.operations,
        "components": {"messages": parts.messages, "schemas": contract.types},
    })
}

const ABOUT: &str = "Events of the namespace `/`, over Socket.IO. Each client event takes one object \
    and, optionally, an ack callback, which gets the answer.";

/// What an ack callback gets.
fn envelope(data: &Value, error: &Value) -> Value {
    json!({"oneOf": [
        {
            "type": "object",
            "properties": {"ok": {"const": true}, "data": data},
            "required": ["ok", "data"],
        },
        {
            "type": "object",
            "properties": {"ok": {"const": false}, "error": error},
            "required": ["ok", "error"],
        },
    ]})
}
