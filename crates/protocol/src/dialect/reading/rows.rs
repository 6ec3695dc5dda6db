//! The rows of a table.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::{Table, Value as Toml};

use super::super::incoming::{Field, Incoming, Kind};
use super::super::outgoing::{Outgoing, Payload};
use super::super::source::Path;
use super::{Reader, Rows, within};
use crate::calls::ClientEvent;
use crate::error::ErrorCode;
use crate::server_events::SERVER_EVENTS;

impl Reader {
    pub(super) fn incoming(&mut self, table: &Table) -> BTreeMap<String, Incoming> {
        let mut rows = BTreeMap::new();
        for (event, row) in self.inner(table, "", "in").unwrap_or_default() {
            let place = within("in", &event);
            self.is_event_name(&event, &place);
            match row {
                Toml::Table(row) => {
                    let row = self.incoming_row(&place, &row);
                    rows.extend(row.map(|row| (event, row)));
                }
                _ => self.wrong(&place, "must be a table"),
            }
        }
        rows
    }

    fn incoming_row(&mut self, place: &str, row: &Table) -> Option<Incoming> {
        self.known(row, place, &["call", "fields", "with", "without"]);
        let call = self.text(row, place, "call").and_then(|name| {
            let call = ClientEvent::from_name(&name);
            if call.is_none() {
                let reason = format!("there is no native event `{name}`");
                self.wrong(&within(place, "call"), reason);
            }
            call
        });
        let mut fields = BTreeMap::new();
        let at = within(place, "fields");
        for (name, field) in self.inner(row, place, "fields").unwrap_or_default() {
            let at = within(&at, &name);
            let field = self.field(&at, &field);
            if let (Some(call), Some(field)) = (call, &field) {
                self.is_field_of(call, &field.to.parts()[0], &at);
            }
            fields.extend(field.map(|field| (name, field)));
        }
        let with = self.constants(row, place, "with");
        if let Some(call) = call {
            let at = within(place, "with");
            with.keys()
                .for_each(|name| self.is_field_of(call, name, &at));
        }
        let mut without = BTreeMap::new();
        let at = within(place, "without");
        let given = self.inner(row, place, "without").unwrap_or_default();
        for name in given.keys() {
            if !fields.contains_key(name) {
                self.wrong(&within(&at, name), "is not among the fields");
            }
            let constants = self.constants(&given, &at, name);
            without.insert(name.clone(), constants);
        }
        Some(Incoming {
            call: call?,
            fields,
            with,
            without,
        })
    }

    fn is_field_of(&mut self, call: ClientEvent, field: &str, place: &str) {
        let shape = call.payload();
        if shape.fields.iter().all(|one| !one.names.contains(&field)) {
            let reason = format!("`{}` has no field `{field}`", call.name());
            self.wrong(place, reason);
        }
    }

    /// A native field, or `{to, words | kind, required}`.
    fn field(&mut self, place: &str, value: &Toml) -> Option<Field> {
        let mut required = false;
        let (to, kind) = match value {
            Toml::String(to) => (to.clone(), Kind::Native),
            Toml::Table(table) => {
                self.known(table, place, &["to", "words", "kind", "required"]);
                let to = self.text(table, place, "to");
                required = self.flag(table, place, "required");
                let kind = match (table.contains_key("words"), table.get("kind")) {
                    (true, None) => Kind::Words(self.words(place, table)?),
                    (false, None) => Kind::Native,
                    (false, Some(Toml::String(kind))) if kind == "text" => Kind::Text,
                    (true, Some(_)) => {
                        self.wrong(place, "has both words and kind");
                        return None;
                    }
                    (false, Some(_)) => {
                        self.wrong(&within(place, "kind"), "must be \"text\"");
                        return None;
                    }
                };
                (to?, kind)
            }
            _ => {
                self.wrong(place, "must be the name of a native field, or a table");
                return None;
            }
        };
        let to = self.path(place, &to)?;
        Some(Field { to, kind, required })
    }

    fn constants(&mut self, table: &Table, place: &str, key: &str) -> Map<String, Value> {
        let mut constants = Map::new();
        let at = within(place, key);
        for (name, value) in self.inner(table, place, key).unwrap_or_default() {
            let value = self.constant(&within(&at, &name), &value);
            constants.extend(value.map(|value| (name, value)));
        }
        constants
    }

    pub(super) fn outgoing(&mut self, table: &Table) -> Rows {
        let mut rows = Rows::new();
        let list = match table.get("out") {
            None => return rows,
            Some(Toml::Array(list)) => list,
            Some(_) => {
                self.wrong("out", "must be a list of tables: [[out]]");
                return rows;
            }
        };
        for (index, row) in list.iter().enumerate() {
            let place = format!("out[{index}]");
            let Toml::Table(row) = row else {
                self.wrong(&place, "must be a table");
                continue;
            };
            let natives = self.natives(row, &place);
            if let Some(row) = self.outgoing_row(&place, row) {
                for native in natives {
                    if is_server_event(&native) {
                        self.check_paths(&place, &native, &row);
                    }
                    rows.entry(native).or_default().push(row.clone());
                }
            }
        }
        rows
    }

    fn natives(&mut self, row: &Table, place: &str) -> Vec<String> {
        let natives = self.texts(row, place, "on").unwrap_or_default();
        for native in &natives {
            if !is_server_event(native) {
                let reason = format!("there is no native event `{native}`");
                self.wrong(&within(place, "on"), reason);
            }
        }
        natives
    }

    fn outgoing_row(&mut self, place: &str, row: &Table) -> Option<Outgoing> {
        let known = [
            "on", "event", "each", "when", "only", "but", "caller", "fields", "payload",
        ];
        self.known(row, place, &known);
        let event = self.text(row, place, "event");
        let event = event.filter(|name| self.is_event_name(name, &within(place, "event")));
        let each = self.optional_path(row, place, "each");
        let only = self.optional_path(row, place, "only");
        let but = self.optional_path(row, place, "but");
        if only.is_some() && but.is_some() {
            self.wrong(place, "has both only and but");
        }
        let caller = self.flag(row, place, "caller");
        let when = self.when(row, place);
        let payload = self.payload(row, place);
        let outgoing = Outgoing {
            event: event?,
            each,
            when,
            only,
            but,
            caller,
            payload: payload?,
        };
        self.check_items(place, &outgoing);
        Some(outgoing)
    }

    /// There is an item only where there is a list.
    fn check_items(&mut self, place: &str, row: &Outgoing) {
        let paths = [&row.only, &row.but].into_iter().flatten();
        let of_item = paths
            .chain(row.when.iter().map(|(path, _)| path))
            .any(Path::is_of_item);
        if row.each.is_none() && of_item {
            self.wrong(place, "speaks of an item, but has no each");
        }
    }

    fn when(&mut self, row: &Table, place: &str) -> Vec<(Path, Vec<String>)> {
        let at = within(place, "when");
        let mut when = Vec::new();
        let given = self.inner(row, place, "when").unwrap_or_default();
        for path in given.keys() {
            let words = self.texts(&given, &at, path);
            let path = self.path(&within(&at, path), path);
            when.extend(path.zip(words));
        }
        when
    }

    fn payload(&mut self, row: &Table, place: &str) -> Option<Payload> {
        match (row.get("fields"), row.get("payload")) {
            (Some(_), None) => {
                let fields = self.inner(row, place, "fields")?;
                let form = self.form(&within(place, "fields"), &fields, 0);
                Some(Payload::Fields(form))
            }
            (None, Some(source)) => {
                let source = self.source(&within(place, "payload"), source, 0)?;
                Some(Payload::Whole(source))
            }
            _ => {
                self.wrong(place, "must have either fields or payload");
                None
            }
        }
    }

    fn optional_path(&mut self, row: &Table, place: &str, key: &str) -> Option<Path> {
        row.get(key)?;
        let text = self.text(row, place, key)?;
        self.path(&within(place, key), &text)
    }
}

fn is_server_event(name: &str) -> bool {
    let mut failures = ErrorCode::ALL.iter().map(|code| code.failure_event());
    SERVER_EVENTS.iter().any(|event| event.name == name) || failures.any(|event| event == name)
}
