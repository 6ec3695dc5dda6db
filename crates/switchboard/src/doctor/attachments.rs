//! Where attachments are to be kept. The key has no effect yet, and is looked at all the same.

use std::path::Path;

use super::finding::Finding;
use super::folder::writable;
use super::patient::Patient;

const CHECK: &str = "attachments.store";
const NO_EFFECT: &str = "the key has no effect in this version";

pub(super) fn look(patient: &Patient<'_>) -> Option<Finding> {
    let store = patient.reserved(CHECK)?;
    let Some(path) = store.strip_prefix("file://") else {
        let scheme = store.split_once("://").map_or("?", |(scheme, _)| scheme);
        return Some(Finding::warn(
            CHECK,
            format!("{scheme}://… was not looked at; {NO_EFFECT}"),
            "leave it unset until the version that keeps attachments",
        ));
    };
    Some(match writable(Path::new(path)) {
        Ok(folder) => {
            let found = format!("{} can be written to; {NO_EFFECT}", folder.display());
            Finding::ok(CHECK, found)
        }
        Err(why) => Finding::fail(
            CHECK,
            format!("{path}: {why}; {NO_EFFECT}"),
            format!(
                "make {path} a folder that the user of `switchboard serve` may write to (`install -d \
                 -o USER {path}`), or set attachments.store to another one"
            ),
        ),
    })
}
