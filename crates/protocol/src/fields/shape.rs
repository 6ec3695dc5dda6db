//! What a decoder reads, as a JSON Schema.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

/// One field of a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, then the others under which it is accepted.
    pub names: &'static [&'static str],
    pub required: bool,
    /// Of its value.
    pub schema: Schema,
}

impl Field {
    pub(super) fn new(names: &'static [&'static str], required: bool, schema: Schema) -> Self {
        Self {
            names,
            required,
            schema,
        }
    }

    pub(super) fn list(
        names: &'static [&'static str],
        required: bool,
        (least, most): (usize, usize),
        of: &Schema,
    ) -> Self {
        let schema = json_schema!({
            "type": "array", "items": of, "minItems": least, "maxItems": most
        });
        Self::new(names, required, schema)
    }

    /// Its name in answers and events.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// What a payload must keep to beside its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At most one of the two.
    NotBoth(&'static str, &'static str),
    /// All fields of one of these sets, each under one of its names.
    AnyOf(&'static [&'static [&'static [&'static str]]]),
}

/// What a decoder reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    pub fields: Vec<Field>,
    pub rules: Vec<Rule>,
}

/// Absent and `null` are the same.
fn is_there(name: &str) -> Value {
    json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}})
}

fn under_one_of(names: &[&str]) -> Value {
    match names {
        [name] => is_there(name),
        names => json!({"anyOf": names.iter().map(|name| is_there(name)).collect::<Vec<_>>()}),
    }
}

impl Rule {
    fn schema(&self) -> Value {
        match self {
            Self::NotBoth(first, second) => {
                json!({"not": {"allOf": [is_there(first), is_there(second)]}})
            }
            Self::AnyOf(sets) => {
                let all = |fields: &&[&[&str]]| -> Value {
                    let each: Vec<_> = fields.iter().map(|names| under_one_of(names)).collect();
                    json!({"allOf": each})
                };
                json!({"anyOf": sets.iter().map(all).collect::<Vec<_>>()})
            }
        }
    }
}

impl Shape {
    /// The JSON Schema of a payload as it is best written: each field under its first name. Says less
    /// of what belongs together than [`schema`](Self::schema).
    pub fn plain_schema(&self) -> Schema {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in &self.fields {
            let name = field.name();
            let schema = if field.required {
                required.push(name);
                field.schema.clone().to_value()
            } else {
                json!({"anyOf": [field.schema, {"type": "null"}]})
            };
            properties.insert(name.to_owned(), schema);
        }
        let mut schema = json_schema!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema
    }

    /// The JSON Schema (2020-12) of a payload, with every name that is accepted.
    pub fn schema(&self) -> Schema {
        let mut properties = Map::new();
        let mut rules: Vec<Value> = self.rules.iter().map(Rule::schema).collect();
        let mut required = Vec::new();
        for field in &self.fields {
            for name in field.names {
                let schema = json!({"anyOf": [field.schema, {"type": "null"}]});
                properties.insert((*name).to_owned(), schema);
            }
            match field.names {
                [name] if field.required => {
                    properties.insert((*name).to_owned(), field.schema.clone().to_value());
                    required.push(*name);
                }
                names if field.required => rules.push(under_one_of(names)),
                _ => {}
            }
        }
        let mut schema = json_schema!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !rules.is_empty() {
            schema.insert("allOf".to_owned(), rules.into());
        }
        schema
    }
}
