//! A TOML file → the values that it gives, each with its line.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::key::{all_keys, check_known};
use crate::reader::{Given, Raw};
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
                (DeValue::Table(spans), toml::Value::Table(values)) if !is_table_key(&path) => {
                    // An empty unknown table has no key inside that would be complained about.
                    if values.is_empty() && !is_section(&path) {
                        self.refuse_unknown(source, path);
                    } else {
                        self.table(&format!("{path}."), spans, values);
                    }
                }
                _ if is_section(&path) => {
                    let reason = format!("is a section; write `[{path}]` on a line of its own");
                    self.content.mistakes.push(Remark {
                        source,
                        key: path,
                        reason,
                    });
                }
                _ => self.value(source, path, value),
            }
        }
    }

    fn value(&mut self, source: Source, path: String, value: &toml::Value) {
        if check_known(&path, str::to_owned).is_ok() {
            self.content.given.insert(
                path,
                Given {
                    raw: Raw::Toml(value.clone()),
                    source,
                },
            );
        } else {
            self.refuse_unknown(source, path);
        }
    }

    fn refuse_unknown(&mut self, source: Source, path: String) {
        if let Err(reason) = check_known(&path, str::to_owned) {
            self.content.mistakes.push(Remark {
                source,
                key: path,
                reason,
            });
        }
    }
}

fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|section| section.name == path)
        || crate::key::RESERVED
            .iter()
            .any(|key| key.split_once('.').is_some_and(|k| k.0 == path))
}

fn is_table_key(path: &str) -> bool {
    all_keys().any(|key| key.table && key.path == path)
}
