//! The certificate of the public listener. What cannot be read at all is a mistake in the configuration.

use std::time::Duration;

use switchboard_messaging::{Clock, SystemClock};
use switchboard_protocol::Timestamp;

use super::finding::Finding;
use super::patient::Patient;
use crate::certificate::{CERT, Certificate, Files, KEY, Mistake};

/// The alert `SwitchboardCertificateExpires` fires from here on.
const SOON: Duration = Duration::from_hours(14 * 24);
const DAY: u64 = 24 * 60 * 60;

pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(files) = Files::of(patient.settings()) else {
        return Vec::new();
    };
    match files.content().and_then(|content| files.parse(content)) {
        Ok(certificate) => vec![judge(&certificate, &files, SystemClock.now())],
        Err(mistakes) => mistakes.iter().map(|one| wrong(one, &files)).collect(),
    }
}

fn wrong(mistake: &Mistake, files: &Files) -> Finding {
    let (cert, key) = (files.cert.display(), files.key.display());
    let mend = if mistake.setting == CERT {
        format!(
            "put the certificate in PEM, and after it those between it and its authority, into {cert}: \
             `openssl x509 -in {cert} -noout -text` reads it"
        )
    } else {
        format!(
            "put the key of the certificate in {CERT} in PEM, without a passphrase, into {key}: \
             `openssl pkey -in {key} -pubout` and `openssl x509 -in {cert} -noout -pubkey` print the same"
        )
    };
    Finding::fail(mistake.setting, mistake.reason.clone(), mend)
}

fn judge(certificate: &Certificate, files: &Files, now: Timestamp) -> Finding {
    let names = certificate.names.join(", ");
    let file = files.cert.display();
    let mend = format!(
        "put a new certificate into {file}, and its key into {KEY}: a node sees it within a minute"
    );
    if let Some(warning) = certificate.warning(now) {
        let found = format!("{warning}, and clients do not believe it; it is for {names}");
        return Finding::fail(CERT, found, mend);
    }
    let left = certificate.ends.since(now);
    let days = left.as_secs() / DAY;
    let found = format!(
        "for {names}, until {} ({days} days from now); the key fits",
        certificate.ends
    );
    if left < SOON {
        Finding::warn(CERT, found, mend)
    } else {
        Finding::ok(CERT, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use crate::certificate::made;

    #[test]
    fn a_certificate_is_told_of_from_two_weeks_before_its_end_and_is_no_good_from_its_end_on() {
        let folder = tempfile::tempdir().unwrap();
        let files = made::files_with(folder.path(), |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        });
        let certificate = files.parse(files.content().unwrap()).unwrap();
        let (begins, ends) = (certificate.begins, certificate.ends);
        let moment = Duration::from_millis(1);
        for (now, expected) in [
            (begins.minus(moment), Status::Fail),
            (begins, Status::Ok),
            (ends.minus(SOON), Status::Ok),
            (ends.minus(SOON).plus(moment), Status::Warn),
            (ends.minus(moment), Status::Warn),
            (ends, Status::Fail),
        ] {
            let finding = judge(&certificate, &files, now);
            assert_eq!(finding.status, expected, "{now}: {finding:?}");
        }
        let finding = judge(&certificate, &files, ends.minus(SOON));
        assert!(
            finding
                .found
                .starts_with("for localhost, 127.0.0.1, until ")
        );
        assert!(finding.found.contains("(14 days from now)"), "{finding:?}");
    }

    #[test]
    fn a_file_that_cannot_be_used_fails_with_its_key_and_a_mend() {
        let folder = tempfile::tempdir().unwrap();
        let files = made::files(folder.path());
        std::fs::write(&files.key, "").unwrap();
        let mistakes = files.parse(files.content().unwrap()).unwrap_err();
        let finding = wrong(&mistakes[0], &files);
        assert_eq!(
            (finding.check.as_str(), finding.status),
            (KEY, Status::Fail)
        );
        assert!(finding.mend.unwrap().contains("openssl pkey -in "));
    }
}
