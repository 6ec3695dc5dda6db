//! Whether there is anything at the places that a table names: a slip of the pen would be `null` for
//! ever.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::super::outgoing::{Outgoing, Payload};
use super::super::source::{Form, Path, Shape, Source};
use super::{Reader, within};
use crate::error::ErrorObject;
use crate::objects::Message;
use crate::server_events::SERVER_EVENTS;

/// What the payload of an event may hold, as JSON Schema.
struct Payloads {
    schema: Value,
    /// The types that schemas refer to.
    types: Map<String, Value>,
}

impl Payloads {
    fn of(native: &str) -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.into_generator();
        let kind = SERVER_EVENTS.iter().find(|kind| kind.name == native);
        let schema = match kind {
            Some(kind) => (kind.payload)(&mut generator),
            None => generator.subschema_for::<ErrorObject>(),
        };
        // Receipts are explained before they are told.
        generator.subschema_for::<Message>();
        Self {
            schema: schema.to_value(),
            types: generator.take_definitions(true),
        }
    }

    /// The schemas that a value of this one keeps to one of.
    fn choices<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self
                .types
                .get(name)
                .map_or_else(Vec::new, |of| self.choices(of));
        }
        let among = ["anyOf", "oneOf", "allOf"].iter();
        let among = among.filter_map(|key| schema[*key].as_array()).flatten();
        let inner = among.flat_map(|schema| self.choices(schema));
        std::iter::once(schema).chain(inner).collect()
    }

    /// What may be at a place; nothing when there is never anything. `None` is anything.
    fn at<'a>(&'a self, schema: &'a Value, parts: &[String]) -> Vec<Option<&'a Value>> {
        let Some((part, rest)) = parts.split_first() else {
            return vec![Some(schema)];
        };
        let mut found = Vec::new();
        for schema in self.choices(schema) {
            match schema["properties"].as_object() {
                Some(fields) => {
                    if let Some(field) = fields.get(part) {
                        found.extend(self.at(field, rest));
                    }
                }
                None if is_open(schema) => found.push(None),
                None => {}
            }
        }
        found
    }

    /// The elements of the list at a place.
    fn elements(&self, each: &Path) -> Vec<&Value> {
        let lists = self.at(&self.schema, each.parts()).into_iter().flatten();
        let choices = lists.flat_map(|list| self.choices(list));
        choices.filter_map(|list| list.get("items")).collect()
    }
}

/// Whether an object of this schema may have any fields.
fn is_open(schema: &Value) -> bool {
    let is_object = schema["type"] == "object" || schema["type"].is_null();
    is_object
        && ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"]
            .iter()
            .all(|key| schema.get(key).is_none())
}

impl Reader {
    /// Looks whether what a row names is there.
    pub(super) fn check_paths(&mut self, place: &str, native: &str, row: &Outgoing) {
        // What only dialects are told of receipts stands in no schema.
        if matches!(native, "message:delivered" | "message:read") {
            return;
        }
        let payloads = Payloads::of(native);
        let whole = vec![&payloads.schema];
        let items = match &row.each {
            None => Vec::new(),
            Some(each) => payloads.elements(each),
        };
        if let Some(each) = &row.each
            && items.is_empty()
        {
            self.wrong(
                &within(place, "each"),
                format!("`{native}` has no list there: {each}"),
            );
            return;
        }
        let mut check = Check {
            reader: self,
            payloads: &payloads,
            native,
            items,
        };
        let conditions = row.when.iter().map(|(path, _)| ("when", path));
        let hearers = [("only", &row.only), ("but", &row.but)];
        let hearers = hearers
            .into_iter()
            .filter_map(|(key, path)| Some((key, path.as_ref()?)));
        for (key, path) in conditions.chain(hearers) {
            check.path(&within(place, key), &whole, path);
        }
        match &row.payload {
            Payload::Fields(form) => check.form(&within(place, "fields"), &whole, form),
            Payload::Whole(source) => check.source(&within(place, "payload"), &whole, source),
        }
    }
}

/// One row's look at one event.
struct Check<'a> {
    reader: &'a mut Reader,
    payloads: &'a Payloads,
    native: &'a str,
    items: Vec<&'a Value>,
}

impl<'a> Check<'a> {
    fn form(&mut self, place: &str, within_schemas: &[&'a Value], form: &Form) {
        for (name, source) in form {
            self.source(&within(place, name), within_schemas, source);
        }
    }

    fn source(&mut self, place: &str, schemas: &[&'a Value], source: &Source) {
        let Source::Found(path, shape) = source else {
            return;
        };
        let found = self.path(place, schemas, path);
        if let Shape::Form(form) = shape
            && !found.is_empty()
        {
            self.form(place, &found, form);
        }
    }

    /// What is at a place, if it is known what.
    fn path(&mut self, place: &str, schemas: &[&'a Value], path: &Path) -> Vec<&'a Value> {
        let (roots, parts) = if path.is_of_item() && !self.items.is_empty() {
            (self.items.clone(), &path.parts()[1..])
        } else {
            (schemas.to_vec(), path.parts())
        };
        let payloads = self.payloads;
        let found: Vec<_> = roots
            .iter()
            .flat_map(|root| payloads.at(root, parts))
            .collect();
        if found.is_empty() {
            let reason = format!("`{}` has nothing at `{path}`", self.native);
            self.reader.wrong(place, reason);
        }
        found.into_iter().flatten().collect()
    }
}
