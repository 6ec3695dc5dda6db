//! What is written from the code for those who build on it: JSON Schemas of everything that goes over
//! the wire, an AsyncAPI document, and the reference page of all events.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::calls::ClientEvent;
use crate::error::ErrorObject;
use crate::objects::{Message, Reaction};
use crate::server_events::SERVER_EVENTS;

mod asyncapi;
mod page;

pub use asyncapi::asyncapi;
pub use page::events_page;

/// The events that tell a socket of a call of its that failed.
const FAILURES: &[(&str, &str)] = &[
    (
        "rate-limit-exceeded",
        "A call was refused because its bucket is empty.",
    ),
    (
        "validation-error",
        "A call was refused because of its payload; `details` has every mistake.",
    ),
    ("error", "A call failed otherwise."),
];

/// An event that clients send.
struct Sent {
    event: ClientEvent,
    /// Of `data` in its answer.
    answer: Schema,
}

/// An event that clients get.
struct Got {
    name: &'static str,
    class: &'static str,
    summary: &'static str,
    payload: Schema,
}

/// Everything, with the types that it is made of.
struct Contract {
    sent: Vec<Sent>,
    got: Vec<Got>,
    error: Schema,
    /// By name.
    types: Map<String, Value>,
}

impl Contract {
    fn new(settings: SchemaSettings) -> Self {
        // As they are written, not as they could be read.
        let mut generator = settings.for_serialize().into_generator();
        let sent = ClientEvent::ALL.iter().map(|event| Sent {
            event: *event,
            answer: event.answer(&mut generator),
        });
        let sent = sent.collect();
        let error = reference::<ErrorObject>(&mut generator);
        let mut got: Vec<Got> = Vec::new();
        for kind in SERVER_EVENTS {
            got.push(Got {
                name: kind.name,
                class: kind.class.as_str(),
                summary: kind.summary.trim(),
                payload: (kind.payload)(&mut generator),
            });
        }
        for (name, summary) in FAILURES {
            got.push(Got {
                name,
                class: "logged",
                summary,
                payload: error.clone(),
            });
        }
        // What others refer to, in any case.
        reference::<Message>(&mut generator);
        reference::<Reaction>(&mut generator);
        Self {
            sent,
            got,
            error,
            types: generator.take_definitions(true),
        }
    }
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The JSON Schemas (2020-12) of everything, as one document: the types below `$defs`, and by the
/// event's name the payloads (as they are best written, and with all names that are accepted) and answers
/// of client events and the payloads of server events.
pub fn schemas() -> Value {
    let contract = Contract::new(SchemaSettings::draft2020_12());
    let mut client = Map::new();
    for Sent { event, answer } in contract.sent {
        let shape = event.payload();
        let described = json!({
            "description": event.summary(),
            "aliases": event.aliases(),
            "payload": shape.plain_schema(),
            "accepted": shape.schema(),
            "answer": answer,
        });
        client.insert(event.name().to_owned(), described);
    }
    let mut server = Map::new();
    for Got {
        name,
        class,
        summary,
        payload,
    } in contract.got
    {
        let described = json!({"description": summary, "class": class, "payload": payload});
        server.insert(name.to_owned(), described);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Switchboard: what goes over the socket",
        "clientEvents": client,
        "serverEvents": server,
        "error": contract.error,
        "$defs": contract.types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Compares a page with what it should be; with `UPDATE_DOCS` set it is written first.
    fn is_up_to_date(path: &str, expected: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, expected).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            page == expected,
            "{} is stale: run `make docs-reference`",
            path.display()
        );
    }

    fn pretty(value: &Value) -> String {
        let mut text = serde_json::to_string_pretty(value).unwrap();
        text.push('\n');
        text
    }

    #[test]
    fn the_schemas_are_up_to_date() {
        is_up_to_date("docs/api/schemas.json", &pretty(&schemas()));
    }

    #[test]
    fn the_asyncapi_document_is_up_to_date() {
        is_up_to_date("docs/api/asyncapi.json", &pretty(&asyncapi()));
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        is_up_to_date("docs/api/events.md", &events_page());
    }

    #[test]
    fn every_schema_is_one() {
        let all = schemas();
        for (events, parts) in [
            ("clientEvents", &["payload", "accepted", "answer"][..]),
            ("serverEvents", &["payload"]),
        ] {
            for (name, event) in all[events].as_object().unwrap() {
                for part in parts {
                    let mut schema = event[part].clone();
                    assert!(schema.is_object(), "{name} {part}");
                    schema["$defs"] = all["$defs"].clone();
                    let validator = jsonschema::validator_for(&schema);
                    assert!(validator.is_ok(), "{name} {part}: {:?}", validator.err());
                }
            }
        }
    }
}
