//! What is known about one key, and finding the key that somebody meant.

use crate::reader::Reader;
use crate::reserved::reserved_paths;
use crate::sections::SECTIONS;

/// What a key is worth when nobody sets it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DefaultValue {
    /// Not set.
    Unset,
    /// This text, in the form that an environment variable would have.
    Text(&'static str),
    /// Depends on another key: a description, and how to find the text.
    Derived(&'static str, fn(&Reader) -> &'static str),
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Public,
    /// All but the password within the URL.
    Url,
    /// Nothing.
    Whole,
}

/// One configuration key. Keys that are not [`Secrecy::Public`] may also be given as `<key>_file`:
/// the path of a file that holds the value.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`, or `key` at the top level.
    pub path: &'static str,
    /// What kind of value it takes, in words.
    pub kind: &'static str,
    /// The only values it takes; empty when there are too many to list.
    pub choices: &'static [&'static str],
    /// Whether its value is a TOML table of its own.
    pub table: bool,
    /// How much of its value may be shown.
    pub secrecy: Secrecy,
    /// Its value when nobody sets it.
    pub(crate) default: DefaultValue,
    /// Text → how the value is written in a file; `None` if the text is not such a value.
    pub(crate) to_toml: fn(&str) -> Option<toml::Value>,
    /// The least and the greatest value, both allowed.
    pub range: Option<(&'static str, &'static str)>,
    /// Whether a running node takes a new value on `SIGHUP`.
    pub reloadable: bool,
    /// One line for people, from the doc comment of the field.
    pub doc: &'static str,
}

impl Key {
    /// The environment variable that sets this key.
    pub fn variable(&self) -> String {
        variable_of(self.path)
    }

    /// The name of the key within its section.
    pub fn name(&self) -> &'static str {
        self.path
            .rsplit_once('.')
            .map_or(self.path, |(_, name)| name)
    }
}

/// One section of the file: a table, or the keys above all tables (whose name is empty).
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The name of the table.
    pub name: &'static str,
    /// What the section is about.
    pub doc: &'static str,
    /// Its keys, in the order in which they are documented.
    pub keys: &'static [Key],
}

/// What a section's field says after `=`: the default, the range, and whether it can be reloaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) default: DefaultValue,
    pub(crate) range: Option<(&'static str, &'static str)>,
    pub(crate) reloadable: bool,
}

impl Meta {
    pub(crate) const fn within(mut self, least: &'static str, greatest: &'static str) -> Self {
        self.range = Some((least, greatest));
        self
    }

    pub(crate) const fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }
}

pub(crate) const fn unset() -> Meta {
    Meta {
        default: DefaultValue::Unset,
        range: None,
        reloadable: false,
    }
}

pub(crate) const fn value(text: &'static str) -> Meta {
    Meta {
        default: DefaultValue::Text(text),
        range: None,
        reloadable: false,
    }
}

pub(crate) const fn derived(doc: &'static str, find: fn(&Reader) -> &'static str) -> Meta {
    Meta {
        default: DefaultValue::Derived(doc, find),
        range: None,
        reloadable: false,
    }
}

pub(crate) fn variable_of(path: &str) -> String {
    format!("SWITCHBOARD__{}", path.replace('.', "__").to_uppercase())
}

pub(crate) fn all_keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// Every path that has an effect, `…_file` forms included.
pub(crate) fn settable_paths() -> impl Iterator<Item = String> {
    all_keys().flat_map(|key| {
        let file = (key.secrecy != Secrecy::Public).then(|| format!("{}_file", key.path));
        std::iter::once(key.path.to_owned()).chain(file)
    })
}

/// Whether `path` can be set, be it without an effect yet; otherwise the reason why not, in which
/// `name` says how a path is written where this one was found (in a file or in the environment).
pub(crate) fn check_known(path: &str, name: impl Fn(&str) -> String) -> Result<(), String> {
    if known_paths().any(|known| known == path) {
        return Ok(());
    }
    Err(match nearest(path) {
        Some(known) => format!("unknown key; did you mean `{}`?", name(&known)),
        None => "unknown key".to_owned(),
    })
}

fn known_paths() -> impl Iterator<Item = String> {
    settable_paths().chain(reserved_paths().map(str::to_owned))
}

/// The known path that looks most like `path`. A right name counts for more than a right section.
fn nearest(path: &str) -> Option<String> {
    known_paths().min_by_key(|known| distance(path, known))
}

fn distance(path: &str, known: &str) -> usize {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let (known_section, known_name) = known.rsplit_once('.').unwrap_or(("", known));
    // `origins` means `allowed_origins`, however far apart they are in letters.
    let part = name.len() > 3 && known_name.contains(name);
    let letters = strsim::damerau_levenshtein(name, known_name);
    let sections = strsim::damerau_levenshtein(section, known_section).min(3);
    (if part { letters.min(1) } else { letters }) + sections
}

/// The known section whose name looks most like `name`.
pub(crate) fn nearest_section(name: &str) -> Option<&'static str> {
    let available = SECTIONS.iter().map(|section| section.name);
    let reserved = reserved_paths().filter_map(|path| path.split_once('.'));
    available
        .chain(reserved.map(|(section, _)| section))
        .filter(|known| !known.is_empty())
        .min_by_key(|known| strsim::damerau_levenshtein(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_is_answered_with_the_one_that_was_meant() {
        assert_eq!(
            nearest("http.origins").as_deref(),
            Some("http.allowed_origins")
        );
        assert_eq!(nearest("http.lisen").as_deref(), Some("http.listen"));
        assert_eq!(
            nearest("realtime.ping_intervall").as_deref(),
            Some("realtime.ping_interval")
        );
        assert_eq!(
            nearest("server.command_timeout").as_deref(),
            Some("redis.command_timeout")
        );
    }
}
