//! The dialects that a node speaks: those that come with the program, and those that its operator
//! has added.

use std::fs;

use anyhow::anyhow;
use switchboard_config::Settings;
use switchboard_protocol::Dialect;

use crate::exit::Failure;

const KEY: &str = "realtime.dialects";

/// Reads the tables. Every mistake in them is in the error, one a line.
pub(crate) fn read(settings: &Settings) -> Result<Vec<Dialect>, Failure> {
    let built_in = Dialect::built_in();
    let built_in = built_in.map_err(|mistakes| anyhow!("built-in dialects: {mistakes:?}"))?;
    let source = settings.source(KEY);
    let mut own: Vec<Dialect> = Vec::new();
    let mut mistakes = Vec::new();
    for path in &settings.realtime.dialects {
        let mut wrong = |reason: &str| {
            mistakes.push(format!("{source}: {KEY}: {}: {reason}", path.display()));
        };
        match fs::read_to_string(path).map(|text| Dialect::read(&text)) {
            Err(error) => wrong(&error.to_string()),
            Ok(Err(found)) => found.iter().for_each(|mistake| wrong(&mistake.to_string())),
            Ok(Ok(dialect)) if own.iter().any(|one| one.namespace() == dialect.namespace()) => {
                wrong("namespace: another of these files has the same");
            }
            Ok(Ok(dialect)) => own.push(dialect),
        }
    }
    if !mistakes.is_empty() {
        return Err(Failure::Configuration(mistakes.join("\n")));
    }
    let is_replaced = |built_in: &Dialect| {
        own.iter()
            .any(|one| one.namespace() == built_in.namespace())
    };
    let kept = built_in.into_iter().filter(|one| !is_replaced(one));
    let kept: Vec<Dialect> = kept.collect();
    Ok(kept.into_iter().chain(own).collect())
}
