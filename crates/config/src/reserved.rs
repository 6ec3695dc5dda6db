//! Keys that are documented before what they set exists.

use std::collections::BTreeMap;

use crate::reader::{Given, Raw};
use crate::source::Remark;
use crate::values::Secret;

/// Keys of one feature that does not exist yet. Setting them is a warning, not a mistake, so that
/// a configuration which is ready for the feature starts today. Their values are not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Reserved {
    /// What is missing, in words that "does not exist yet" can follow.
    pub feature: &'static str,
    /// The keys, as `section.key`.
    pub paths: &'static [&'static str],
}

/// Every key that is known but has no effect, by feature, in the order of the sections.
pub const RESERVED: &[Reserved] = &[
    Reserved {
        feature: "an obligatory context of conversations",
        paths: &["conversations.require_context"],
    },
    Reserved {
        feature: "archiving conversations by age",
        paths: &["conversations.archive_after"],
    },
    Reserved {
        feature: "attaching files to messages",
        paths: &[
            "attachments.store",
            "attachments.max_size",
            "attachments.allowed_types",
            "attachments.retention",
        ],
    },
    Reserved {
        feature: "notification of absent users",
        paths: &[
            "notifications.smtp_url",
            "notifications.smtp_url_file",
            "notifications.vapid_key_file",
            "notifications.webhook_url",
            "notifications.webhook_secret",
            "notifications.webhook_secret_file",
            "notifications.digest_window",
        ],
    },
];

pub(crate) fn reserved_paths() -> impl Iterator<Item = &'static str> {
    RESERVED.iter().flat_map(|reserved| reserved.paths).copied()
}

/// The feature that `path` is reserved for.
pub(crate) fn feature_of(path: &str) -> Option<&'static str> {
    RESERVED
        .iter()
        .find(|reserved| reserved.paths.contains(&path))
        .map(|reserved| reserved.feature)
}

/// A warning for each reserved key that somebody set, wherever that counted last.
pub(crate) fn warnings(given: &BTreeMap<String, Given>) -> Vec<Remark> {
    let warnings = given.iter().filter_map(|(path, given)| {
        let feature = feature_of(path)?;
        Some(Remark {
            source: given.source.clone(),
            key: path.clone(),
            reason: format!("has no effect in this version: {feature} does not exist yet"),
        })
    });
    warnings.collect()
}

/// What reserved keys were set to, those that are texts.
pub(crate) fn texts(given: &BTreeMap<String, Given>) -> BTreeMap<String, Secret<String>> {
    let texts = given.iter().filter_map(|(path, given)| {
        feature_of(path)?;
        let text = match &given.raw {
            Raw::Text(text) => text.as_str(),
            Raw::Toml(value) => value.as_str()?,
        };
        Some((path.clone(), Secret::new(text.trim().to_owned())))
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::key::settable_paths;

    #[test]
    fn no_key_is_reserved_twice_or_both_available_and_reserved() {
        let mut seen: BTreeSet<_> = settable_paths().collect();
        for path in reserved_paths() {
            assert!(seen.insert(path.to_owned()), "{path}");
        }
    }
}
