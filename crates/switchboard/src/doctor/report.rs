//! The findings, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::finding::{Finding, Status};

pub(super) fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|one| one.status == status).count()
}

/// A line each, the mend below, and a summary.
pub(super) fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|one| one.check.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for one in findings {
        let (status, check) = (one.status.as_str(), &one.check);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{status:<4}  {check:<width$}  {}", one.found);
        if let Some(mend) = &one.mend {
            let _ = writeln!(text, "      {:<width$}  → {mend}", "");
        }
    }
    let number = |status| count(findings, status);
    let _ = writeln!(
        text,
        "\n{} checks: {} ok, {} to look at, {} failed",
        findings.len(),
        number(Status::Ok),
        number(Status::Warn),
        number(Status::Fail)
    );
    text
}

/// One document; `docs/operations/doctor.md` says what is in it.
pub(super) fn json(findings: &[Finding]) -> String {
    let checks = findings.iter().map(|one| {
        json!({
            "check": one.check,
            "status": one.status.as_str(),
            "found": one.found,
            "mend": one.mend,
        })
    });
    let document = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ok": count(findings, Status::Fail) == 0,
        "checks": checks.collect::<Vec<Value>>(),
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned_and_the_mend_is_below() {
        let findings = [
            Finding::ok("redis", "fine"),
            Finding::fail("postgres", "two\nlines", "mend it"),
        ];
        let expected = "ok    redis     fine\nfail  postgres  two lines\n                → mend it\n\
                        \n2 checks: 1 ok, 0 to look at, 1 failed\n";
        assert_eq!(text(&findings), expected);
        let document: Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!(document["ok"], false);
        assert_eq!(document["checks"][0]["mend"], Value::Null);
        assert_eq!(document["checks"][1]["status"], "fail");
    }
}
