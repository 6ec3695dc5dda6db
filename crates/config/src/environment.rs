//! `SWITCHBOARD__SECTION__KEY` → `section.key`.

use std::collections::BTreeMap;

use crate::key::{check_known, variable_of};
use crate::reader::{Given, Raw};
use crate::source::{Remark, Source};

const PREFIX: &str = "SWITCHBOARD__";

/// The variables of this process that are meant for us. The one place that reads the environment.
/// Bytes that are not UTF-8 become U+FFFD, which no key accepts.
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// Puts the variables over what the file gave. An empty one counts as not set, since that is what
/// `${UNSET:-}` in a compose file or a unit gives.
pub(crate) fn overlay(
    given: &mut BTreeMap<String, Given>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Vec<Remark> {
    let mut mistakes = Vec::new();
    for (variable, text) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let path = rest.replace("__", ".").to_lowercase();
        let checked = if variable_of(&path) != variable {
            Err(format!(
                "unknown variable; did you mean `{}`?",
                variable_of(&path)
            ))
        } else if text.contains('\u{fffd}') {
            Err("is not UTF-8".to_owned())
        } else {
            check_known(&path, variable_of)
        };
        let source = Source::Environment(variable);
        match checked {
            Err(reason) => mistakes.push(Remark {
                source,
                key: path,
                reason,
            }),
            Ok(()) if text.trim().is_empty() => {}
            Ok(()) => {
                given.insert(
                    path,
                    Given {
                        raw: Raw::Text(text),
                        source,
                    },
                );
            }
        }
    }
    mistakes
}
