//! `switchboard config default`.

use std::fmt::Write as _;

use super::{comment, kind};
use crate::key::{DefaultValue, Key, Secrecy};
use crate::sections::SECTIONS;

/// A TOML file with every key, its description and its default; reading it back changes nothing.
/// Keys without a fixed default are commented out.
pub fn render_default() -> String {
    let mut out = comment(
        "Every key with its default. A key that is left out keeps its default, so a file needs only \
         what differs. Environment variables beat the file: SWITCHBOARD__SECTION__KEY.",
    );
    for section in SECTIONS {
        out.push('\n');
        out += &comment(section.doc);
        if !section.name.is_empty() {
            let _ = writeln!(out, "[{}]", section.name);
        }
        for key in section.keys {
            out.push('\n');
            out += &describe(key);
            out += &assignment(key);
        }
    }
    out
}

fn describe(key: &Key) -> String {
    let mut text = format!("{} ({})", key.doc.trim(), kind(key));
    if let DefaultValue::Derived(doc, _) = key.default {
        let _ = write!(text, " Default: {doc}.");
    }
    if key.secrecy != Secrecy::Public {
        let _ = write!(
            text,
            " Or `{}_file`: the path of a file that holds it.",
            key.name()
        );
    }
    comment(&text)
}

fn assignment(key: &Key) -> String {
    let default = match key.default {
        DefaultValue::Text(text) => (key.to_toml)(text),
        DefaultValue::Unset | DefaultValue::Derived(..) => None,
    };
    match default {
        Some(value) => format!("{} = {value}\n", key.name()),
        None => format!("# {} =\n", key.name()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::{Settings, Source};

    #[test]
    fn the_defaults_written_out_and_read_back_are_the_defaults() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(render_default().as_bytes()).unwrap();
        let read = Settings::load(Some(file.path()), []).unwrap().settings;
        let built_in = Settings::load(None, []).unwrap().settings;
        let changed = built_in.changed_keys(&read);
        assert!(changed.is_empty(), "{changed:?}");
        assert!(matches!(read.source("http.listen"), Source::File { .. }));
    }

    #[test]
    fn every_key_is_in_the_defaults() {
        let text = render_default();
        for key in SECTIONS.iter().flat_map(|section| section.keys) {
            let line = format!("{} =", key.name());
            let found = text
                .lines()
                .any(|l| l.trim_start_matches("# ").starts_with(&line));
            assert!(found, "{} is missing", key.path);
        }
    }
}
