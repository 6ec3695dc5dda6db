//! A TOML file → the values that it gives, each with its line.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::key::{all_keys, check_known, nearest_section};
use crate::reader::{Given, Raw};
use crate::reserved::{feature_of, reserved_paths};
use crate::sections::SECTIONS;
use crate::source::{Remark, Source};

/// What a file says, and what is wrong with how it says it.
#[derive(Default)]
pub(crate) struct FileContent {
    pub(crate) given: BTreeMap<String, Given>,
    pub(crate) mistakes: Vec<Remark>,
}

/// Reads `path`. A file that is missing or is not TOML is one mistake.
pub(crate) fn read(path: &Path) -> FileContent {
    let mut content = FileContent::default();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            content.mistakes.push(Remark {
                source: Source::File {
                    path: path.to_owned(),
                    line: None,
                },
                key: "(file)".to_owned(),
                reason: format!("cannot be read: {error}"),
            });
            return content;
        }
    };
    // The parser's own display quotes the line, which may hold a secret: only its message is used.
    let failed = |error: &toml::de::Error| Remark {
        source: Source::File {
            path: path.to_owned(),
            line: error.span().map(|span| line_of(&text, span.start)),
        },
        key: "(file)".to_owned(),
        reason: format!(
            "is not TOML: {}",
            error.message().trim().replace('\n', ", ")
        ),
    };
    match (DeTable::parse(&text), text.parse::<toml::Table>()) {
        (Ok(spans), Ok(values)) => {
            let mut walk = Walk {
                path,
                text: &text,
                content,
            };
            walk.table("", spans.get_ref(), &values);
            walk.content
        }
        (Err(error), _) | (_, Err(error)) => {
            content.mistakes.push(failed(&error));
            content
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Walks two views of one file: the parser's tree, which knows lines, and the plain values.
struct Walk<'a> {
    path: &'a Path,
    text: &'a str,
    content: FileContent,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, spans: &DeTable<'_>, values: &toml::Table) {
        for (name, span) in spans {
            let Some(value) = values.get(name.get_ref().as_ref()) else {
                continue;
            };
            let path = format!("{prefix}{}", name.get_ref());
            let source = Source::File {
                path: self.path.to_owned(),
                line: Some(line_of(self.text, name.span().start)),
            };
            match (span.get_ref(), value) {
                (DeValue::Table(spans), toml::Value::Table(values))
                    if is_section(&path) || !(values.is_empty() || is_leaf(&path)) =>
                {
                    self.table(&format!("{path}."), spans, values);
                }
                _ if is_section(&path) => {
                    let reason = format!("is a section; write `[{path}]` on a line of its own");
                    self.refuse(source, path, reason);
                }
                _ => self.leaf(source, path, value),
            }
        }
    }

    fn leaf(&mut self, source: Source, path: String, value: &toml::Value) {
        match check_known(&path, str::to_owned) {
            Ok(()) => {
                let raw = Raw::Toml(value.clone());
                self.content.given.insert(path, Given { raw, source });
            }
            // Only an empty table gets here: of others, the keys inside are unknown.
            Err(_) if value.is_table() && !is_leaf(&path) => {
                let nearest = nearest_section(&path).unwrap_or_default();
                let reason = format!("unknown section; did you mean `[{nearest}]`?");
                self.refuse(source, path, reason);
            }
            Err(reason) => self.refuse(source, path, reason),
        }
    }

    fn refuse(&mut self, source: Source, key: String, reason: String) {
        self.content.mistakes.push(Remark {
            source,
            key,
            reason,
        });
    }
}

fn is_section(path: &str) -> bool {
    let holds = |key: &str| {
        key.split_once('.')
            .is_some_and(|(section, _)| section == path)
    };
    SECTIONS.iter().any(|section| section.name == path) || reserved_paths().any(holds)
}

/// Whether a table at `path` is one value, not a section or part of one.
fn is_leaf(path: &str) -> bool {
    feature_of(path).is_some() || all_keys().any(|key| key.table && key.path == path)
}
