//! What people read: the commented defaults, the effective values, the reference page.

mod default;
mod docs;
mod show;

pub use default::render_default;
pub use docs::render_docs;

use crate::key::Key;

/// Prose as comment lines of at most 100 columns.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let full = lines
            .last()
            .is_some_and(|line| line.len() + 1 + word.len() > 100);
        if full {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// The kind of value, its choices and its range, in words.
fn kind(key: &Key) -> String {
    let mut text = key.kind.to_owned();
    if !key.choices.is_empty() {
        let choices: Vec<_> = key
            .choices
            .iter()
            .map(|choice| format!("`{choice}`"))
            .collect();
        text = if key.kind.starts_with("list") {
            format!("list of {}", choices.join(", "))
        } else {
            match choices.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => choices.join(""),
            }
        };
    }
    if let Some((least, greatest)) = key.range {
        text = format!("{text}, {least} to {greatest}");
    }
    text
}
