//! What the configuration itself is: every mistake, or every warning.

use switchboard_config::{ConfigErrors, Remark};

use super::finding::Finding;
use super::patient::Patient;

const CHECK: &str = "configuration";

/// Reserved keys whose values other checks look at, and say then that they have no effect.
const LOOKED_AT: [&str; 3] = [
    "attachments.store",
    "notifications.smtp_url",
    "notifications.smtp_url_file",
];

/// A configuration that cannot be used.
pub(super) fn mistakes(errors: &ConfigErrors) -> Vec<Finding> {
    let mistakes = errors.mistakes().iter();
    mistakes
        .map(|one| Finding::fail(CHECK, one.to_string(), mend(one)))
        .collect()
}

/// One that can.
pub(super) fn warnings(patient: &Patient<'_>) -> Vec<Finding> {
    let warnings = patient.loaded.warnings.iter();
    let warnings = warnings.filter(|one| !LOOKED_AT.contains(&one.key.as_str()));
    let mut findings: Vec<Finding> = warnings
        .map(|one| Finding::warn(CHECK, one.to_string(), mend(one)))
        .collect();
    if let Err(error) = crate::dialects::read(patient.settings()) {
        let mend = "correct the table that is named: docs/dialects.md says what one has";
        findings.push(Finding::fail("dialects", error.to_string(), mend));
    }
    if findings.is_empty() {
        let environment = patient.settings().general.environment.as_str();
        let found =
            format!("no mistake; for {environment}, `switchboard config show` has all of it");
        findings.push(Finding::ok(CHECK, found));
    }
    findings
}

/// The reason says what would be right; this, where and how.
fn mend(remark: &Remark) -> String {
    let key = &remark.key;
    match key.as_str() {
        "auth.secret" | "admin.cluster_secret" | "auth.api_keys" => format!(
            "`openssl rand -hex 32` makes a secret; put it into a file and its path into \
             {key}_file, the same on all nodes"
        ),
        "(file)" => "correct the file, or name another one with --config".to_owned(),
        _ => format!(
            "set {key} right where it says; `switchboard config default` has every key with its \
             description"
        ),
    }
}
