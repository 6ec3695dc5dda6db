//! Reads a table, and finds everything that is wrong with it.

mod paths;
mod rows;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;
use toml::{Table, Value as Toml};

use super::source::{Form, Path, Shape, Source};
use super::{Authentication, Dialect, Mistake};

/// Longest name of a namespace or an event.
const MAX_NAME: usize = 64;
/// Longest time for which a socket may be nobody's, in seconds.
const MAX_SECONDS: i64 = 300;
/// How deep forms may be in one another.
const MAX_DEPTH: usize = 4;

/// Names that the client libraries keep for themselves.
const RESERVED: &[&str] = &[
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

pub(super) fn read(text: &str) -> Result<Dialect, Vec<Mistake>> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text[..span.start].lines().count().max(1));
        let place = line.map(|line| format!("line {line}")).unwrap_or_default();
        vec![Mistake {
            place,
            reason: error.message().to_owned(),
        }]
    })?;
    let mut reader = Reader {
        forms: table
            .get("forms")
            .and_then(Toml::as_table)
            .cloned()
            .unwrap_or_default(),
        mistakes: Vec::new(),
    };
    let dialect = reader.dialect(&table);
    match dialect {
        Some(dialect) if reader.mistakes.is_empty() => Ok(dialect),
        _ => Err(reader.mistakes),
    }
}

/// Notes mistakes while it reads. What is wrong reads as `None`, or is left out.
struct Reader {
    forms: Table,
    mistakes: Vec<Mistake>,
}

/// The place of something in the table at a place.
fn within(place: &str, key: &str) -> String {
    if place.is_empty() {
        key.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

impl Reader {
    fn wrong(&mut self, place: &str, reason: impl Into<String>) {
        self.mistakes.push(Mistake {
            place: place.to_owned(),
            reason: reason.into(),
        });
    }

    fn dialect(&mut self, table: &Table) -> Option<Dialect> {
        let known = [
            "namespace",
            "written_is_delivered",
            "written_is_acknowledged",
            "unread_on_connect",
            "authentication",
            "forms",
            "answers",
            "in",
            "out",
        ];
        self.known(table, "", &known);
        let namespace = self.namespace(table);
        let written_is_delivered = self.flag(table, "", "written_is_delivered");
        let written_is_acknowledged = self.flag(table, "", "written_is_acknowledged");
        let unread_on_connect = self.flag(table, "", "unread_on_connect");
        let authentication = self.inner(table, "", "authentication");
        let authentication = authentication.and_then(|table| self.authentication(&table));
        self.check_forms();
        let answers = self.answers(table);
        let incoming = self.incoming(table);
        let outgoing = self.outgoing(table);
        if let Some(authentication) = &authentication
            && incoming.contains_key(&authentication.event)
        {
            let reason = "is the name of an event in `in`, too";
            self.wrong("authentication.event", reason);
        }
        Some(Dialect {
            namespace: namespace?,
            authentication,
            written_is_delivered,
            written_is_acknowledged,
            unread_on_connect,
            incoming,
            outgoing,
            answers,
        })
    }

    fn namespace(&mut self, table: &Table) -> Option<String> {
        let name = self.text(table, "", "namespace")?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"/_-".contains(&b);
        if name.len() < 2
            || name.len() > MAX_NAME
            || !name.starts_with('/')
            || !name.bytes().all(fits)
        {
            let reason = format!(
                "must be `/` and 1 to {} of the characters A-Z a-z 0-9 _ - /",
                MAX_NAME - 1
            );
            self.wrong("namespace", reason);
            return None;
        }
        Some(name)
    }

    fn authentication(&mut self, table: &Table) -> Option<Authentication> {
        let place = "authentication";
        self.known(table, place, &["event", "token", "seconds"]);
        let event = self.text(table, place, "event");
        let event = event.filter(|name| self.is_event_name(name, &within(place, "event")));
        let token = self.text(table, place, "token");
        let seconds = table.get("seconds").and_then(Toml::as_integer);
        let seconds = seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
        if seconds.is_none() {
            let reason = format!("must be a whole number between 1 and {MAX_SECONDS}");
            self.wrong(&within(place, "seconds"), reason);
        }
        Some(Authentication {
            event: event?,
            token: token?,
            within: Duration::from_secs(seconds? as u64),
        })
    }

    fn answers(&mut self, table: &Table) -> BTreeMap<String, Form> {
        let mut answers = BTreeMap::new();
        for (field, form) in self.inner(table, "", "answers").unwrap_or_default() {
            let place = within("answers", &field);
            match form.as_str() {
                Some(name) => {
                    let form = self.form_named(&place, name, 0);
                    answers.insert(field, form);
                }
                None => self.wrong(&place, "must be the name of a form"),
            }
        }
        answers
    }

    // --- forms and sources

    /// Those that nothing uses are looked at, too.
    fn check_forms(&mut self) {
        let names: Vec<String> = self.forms.keys().cloned().collect();
        let before = self.mistakes.len();
        for name in names {
            self.form_named("forms", &name, 0);
        }
        self.mistakes[before..].sort_by(|a, b| a.place.cmp(&b.place));
        self.mistakes.dedup();
    }

    fn form_named(&mut self, place: &str, name: &str, depth: usize) -> Form {
        if depth >= MAX_DEPTH {
            self.wrong(
                place,
                format!("forms are in one another more than {MAX_DEPTH} deep"),
            );
            return Form::new();
        }
        match self.forms.get(name).cloned() {
            Some(Toml::Table(table)) => self.form(&within("forms", name), &table, depth + 1),
            Some(_) => {
                self.wrong(&within("forms", name), "must be a table of fields");
                Form::new()
            }
            None => {
                self.wrong(place, format!("there is no form `{name}`"));
                Form::new()
            }
        }
    }

    fn form(&mut self, place: &str, table: &Table, depth: usize) -> Form {
        let mut form = Form::new();
        for (name, value) in table {
            let source = self.source(&within(place, name), value, depth);
            form.extend(source.map(|source| (name.clone(), source)));
        }
        form
    }

    /// A path, `{from, words | form | without}`, `{value}` or `{null = true}`.
    fn source(&mut self, place: &str, value: &Toml, depth: usize) -> Option<Source> {
        match value {
            Toml::String(text) => {
                let path = self.path(place, text)?;
                Some(Source::Found(path, Shape::Same))
            }
            Toml::Table(table) if table.contains_key("null") => {
                self.known(table, place, &["null"]);
                Some(Source::Constant(Value::Null))
            }
            Toml::Table(table) if table.contains_key("value") => {
                self.known(table, place, &["value"]);
                let value = self.constant(&within(place, "value"), table.get("value")?)?;
                Some(Source::Constant(value))
            }
            Toml::Table(table) => {
                self.known(table, place, &["from", "words", "form", "without"]);
                let from = self.text(table, place, "from");
                let shape = self.shape(place, table, depth);
                let path = self.path(&within(place, "from"), &from?)?;
                Some(Source::Found(path, shape?))
            }
            _ => {
                self.wrong(place, "must be a path such as \"message.id\", or a table");
                None
            }
        }
    }

    fn shape(&mut self, place: &str, table: &Table, depth: usize) -> Option<Shape> {
        let shapes = ["words", "form", "without"].into_iter();
        let given: Vec<&str> = shapes.filter(|key| table.contains_key(*key)).collect();
        match given[..] {
            [] => Some(Shape::Same),
            ["words"] => self.words(place, table).map(Shape::Words),
            ["form"] => {
                let name = self.text(table, place, "form")?;
                let form = self.form_named(&within(place, "form"), &name, depth);
                Some(Shape::Form(form))
            }
            ["without"] => self.texts(table, place, "without").map(Shape::Without),
            _ => {
                self.wrong(place, format!("has more than one of {}", given.join(", ")));
                None
            }
        }
    }

    fn words(&mut self, place: &str, table: &Table) -> Option<BTreeMap<String, String>> {
        let place = within(place, "words");
        let words = table.get("words").and_then(Toml::as_table);
        let Some(words) = words.filter(|words| !words.is_empty()) else {
            self.wrong(&place, "must be a table of words");
            return None;
        };
        let mut read = BTreeMap::new();
        for (word, meaning) in words {
            match meaning.as_str() {
                Some(meaning) => {
                    read.insert(word.clone(), meaning.to_owned());
                }
                None => self.wrong(&within(&place, word), "must be a string"),
            }
        }
        Some(read)
    }

    fn constant(&mut self, place: &str, value: &Toml) -> Option<Value> {
        if matches!(value, Toml::Datetime(_)) {
            self.wrong(place, "is a date; write it as a string");
            return None;
        }
        let json = serde_json::to_value(value).ok();
        if json.is_none() {
            self.wrong(place, "is no value that JSON has");
        }
        json
    }

    fn path(&mut self, place: &str, text: &str) -> Option<Path> {
        let path = Path::parse(text);
        if path.is_none() {
            self.wrong(place, format!("`{text}` is no path such as \"message.id\""));
        }
        path
    }

    // --- keys

    fn known(&mut self, table: &Table, place: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            let reason = format!("is not known here; there is {}", known.join(", "));
            self.wrong(&within(place, key), reason);
        }
    }

    fn text(&mut self, table: &Table, place: &str, key: &str) -> Option<String> {
        match table.get(key) {
            Some(Toml::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(_) => self.wrong(&within(place, key), "must be a string"),
            None => self.wrong(&within(place, key), "is required"),
        }
        None
    }

    fn texts(&mut self, table: &Table, place: &str, key: &str) -> Option<Vec<String>> {
        let texts = table.get(key).and_then(Toml::as_array).and_then(|list| {
            let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        let texts = texts.filter(|texts| !texts.is_empty());
        if texts.is_none() {
            self.wrong(&within(place, key), "must be a list of strings");
        }
        texts
    }

    fn flag(&mut self, table: &Table, place: &str, key: &str) -> bool {
        match table.get(key) {
            None => false,
            Some(Toml::Boolean(flag)) => *flag,
            Some(_) => {
                self.wrong(&within(place, key), "must be true or false");
                false
            }
        }
    }

    fn inner(&mut self, table: &Table, place: &str, key: &str) -> Option<Table> {
        let inner = table.get(key)?.as_table().cloned();
        if inner.is_none() {
            self.wrong(&within(place, key), "must be a table");
        }
        inner
    }

    fn is_event_name(&mut self, name: &str, place: &str) -> bool {
        if name.is_empty() || name.len() > MAX_NAME {
            self.wrong(place, format!("must be 1 to {MAX_NAME} bytes long"));
            return false;
        }
        if RESERVED.contains(&name) {
            self.wrong(
                place,
                format!("`{name}` is a name that clients keep for themselves"),
            );
            return false;
        }
        true
    }
}

/// Rows by the native event that they are for.
type Rows = HashMap<String, Vec<super::outgoing::Outgoing>>;
