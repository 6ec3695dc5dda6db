//! The reference page of all events, in Markdown.

use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::{Contract, Got, Sent};
use crate::error::ErrorCode;
use crate::fields::{Rule, Shape};

const INTRODUCTION: &str = "\
<!-- Generated from crates/protocol by `make docs-reference`; do not edit. -->

# Events of the socket API

Every event of the namespace `/` with its payload, its answer and the objects in them. How they work together
(connecting, order, recovery, presence, limits) is in [the guide](guide.md). The same for programs:
[schemas.json](schemas.json) (JSON Schema 2020-12), [asyncapi.json](asyncapi.json) (AsyncAPI 3.0), and the TypeScript package
[web/types](../../web/types/README.md).

A client event takes one object and, optionally, an ack callback, which gets `{ok: true, data}` or `{ok: false, error}`.
`?` marks what may be left out; `null` is the same as leaving it out. Beside the codes of its rule, any call can fail with
`VALIDATION_FAILED`, `RATE_LIMITED`, `UNAVAILABLE` and `INTERNAL`.
";

/// The reference page of all events.
pub fn events_page() -> String {
    let contract = Contract::new(SchemaSettings::draft2020_12());
    let mut out = INTRODUCTION.to_owned();
    out.push_str(
        "\n## Client events\n\n| event | payload | `data` of the answer |\n|---|---|---|\n",
    );
    for Sent { event, answer } in &contract.sent {
        let name = event.name();
        let _ = writeln!(
            out,
            "| [`{name}`](#{}) | `{}` | {} |",
            anchor(name),
            outline(&event.payload()),
            type_of(answer.as_value())
        );
    }
    for Sent { event, answer } in &contract.sent {
        let _ = writeln!(out, "\n### {}\n\n{}\n", event.name(), event.summary());
        if let [_, ..] = event.aliases() {
            let _ = writeln!(out, "Also: {}.\n", quoted(event.aliases()));
        }
        payload_table(&mut out, &event.payload());
        let _ = writeln!(out, "Answer: {}", type_of(answer.as_value()));
    }
    out.push_str("\n## Server events\n\n| event | payload | class | |\n|---|---|---|---|\n");
    for Got {
        name,
        class,
        summary,
        payload,
    } in &contract.got
    {
        let payload = type_of(payload.as_value());
        let summary = summary.replace('\n', " ");
        let _ = writeln!(out, "| `{name}` | {payload} | {class} | {summary} |");
    }
    out.push_str("\n## Error codes\n\n| code | HTTP status |\n|---|---|\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(out, "| `{}` | {} |", code.as_str(), code.http_status());
    }
    out.push_str("\n## Objects\n");
    for (name, schema) in &contract.types {
        object(&mut out, name, schema);
    }
    out
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(':', "")
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn outline(shape: &Shape) -> String {
    let field = |field: &crate::fields::Field| {
        let mark = if field.required { "" } else { "?" };
        format!("{}{mark}", field.name())
    };
    let fields: Vec<_> = shape.fields.iter().map(field).collect();
    format!("{{{}}}", fields.join(", "))
}

fn payload_table(out: &mut String, shape: &Shape) {
    if shape.fields.is_empty() {
        out.push_str("Takes an empty object.\n\n");
        return;
    }
    out.push_str("| field | type | |\n|---|---|---|\n");
    for field in &shape.fields {
        let mark = if field.required { "" } else { "?" };
        let also = match field.names {
            [_, rest @ ..] if !rest.is_empty() => format!("also {}", quoted(rest)),
            _ => String::new(),
        };
        let kind = type_of(field.schema.as_value());
        let _ = writeln!(out, "| `{}{mark}` | {kind} | {also} |", field.name());
    }
    out.push('\n');
    for rule in &shape.rules {
        let _ = match rule {
            Rule::NotBoth(first, second) => {
                writeln!(out, "Not both of `{first}` and `{second}`.\n")
            }
            Rule::AnyOf(sets) => {
                let set = |fields: &&[&[&str]]| {
                    let names: Vec<_> = fields.iter().filter_map(|f| f.first()).collect();
                    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                    names.join(" with ")
                };
                let sets: Vec<_> = sets.iter().map(set).collect();
                writeln!(out, "Needs {}.\n", sets.join(", or "))
            }
        };
    }
}

fn object(out: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(out, "\n### Type {name}\n");
    if let Some(description) = schema["description"].as_str() {
        let _ = writeln!(out, "{}\n", description.trim());
    }
    let properties = schema["properties"].as_object();
    let Some(properties) = properties else {
        let _ = writeln!(out, "{}", type_of(schema));
        return;
    };
    let nothing = Vec::new();
    let required = schema["required"].as_array().unwrap_or(&nothing);
    out.push_str("| field | type | |\n|---|---|---|\n");
    for (field, schema) in sorted(properties, required) {
        let mark = if required.iter().any(|name| name == field) {
            ""
        } else {
            "?"
        };
        let about = schema["description"].as_str().unwrap_or_default();
        let about = about.trim().replace('\n', " ");
        let _ = writeln!(out, "| `{field}{mark}` | {} | {about} |", type_of(schema));
    }
}

/// What is always there first, in the order of the alphabet.
fn sorted<'a>(
    properties: &'a Map<String, Value>,
    required: &[Value],
) -> Vec<(&'a String, &'a Value)> {
    let mut fields: Vec<_> = properties.iter().collect();
    fields.sort_by_key(|(name, _)| !required.iter().any(|one| one == *name));
    fields
}

/// A type in a few words.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or(name);
        return format!("[{name}](#type-{})", name.to_lowercase());
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(parts) = schema[several].as_array() {
            let parts: Vec<_> = parts.iter().map(type_of).collect();
            return parts.join(" \\| ");
        }
    }
    let words = schema["enum"].as_array().or(schema["oneOf"].as_array());
    if let Some(words) = words {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        return quoted(&words).replace(", ", " \\| ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    match &schema["type"] {
        Value::Array(types) => {
            let types: Vec<_> = types
                .iter()
                .map(|one| {
                    let mut schema = schema.clone();
                    schema["type"] = one.clone();
                    type_of(&schema)
                })
                .collect();
            types.join(" \\| ")
        }
        Value::String(name) => named(name, schema),
        _ => "anything".to_owned(),
    }
}

fn named(name: &str, schema: &Value) -> String {
    let between = |least: &str, most: &str| {
        let (least, most) = (schema[least].as_i64(), schema[most].as_i64());
        match (least, most) {
            (Some(least), Some(most)) => format!(" ({least} to {most})"),
            (None, Some(most)) => format!(" (at most {most})"),
            (Some(least), None) => format!(" ({least} or more)"),
            (None, None) => String::new(),
        }
    };
    match name {
        "array" => {
            let items = type_of(&schema["items"]);
            format!("list of {items}{}", between("minItems", "maxItems"))
        }
        "string" => match schema["format"].as_str() {
            Some("uuid") => "UUID".to_owned(),
            Some("date-time") => "time".to_owned(),
            _ => format!("string{}", between("minLength", "maxLength")),
        },
        "integer" => format!("integer{}", between("minimum", "maximum")),
        other => other.to_owned(),
    }
}
