use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder with good files.
fn made() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = made::files(folder.path());
    (folder, files)
}

/// What is wrong with the files, a line for each mistake.
fn mistakes(files: &Files) -> Vec<String> {
    let read = files.content().and_then(|content| files.parse(content));
    let lines = |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect();
    read.err().map(lines).unwrap_or_default()
}

#[test]
fn a_certificate_with_its_key_is_read_with_its_names_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let files = made::files_with(folder.path(), |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
    });
    let certificate = files.parse(files.content().unwrap()).unwrap();
    assert_eq!(certificate.names, ["localhost", "127.0.0.1"]);
    assert_eq!(certificate.begins.to_string(), "2020-01-01T00:00:00.000Z");
    assert_eq!(certificate.ends.to_string(), "2030-01-02T00:00:00.000Z");
    assert_eq!(certificate.config.alpn_protocols, [b"http/1.1"]);
}

#[test]
fn one_that_ended_or_has_not_begun_is_a_warning_from_that_moment_on() {
    let folder = tempfile::tempdir().unwrap();
    let files = made::files_with(folder.path(), |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
    });
    let certificate = files.parse(files.content().unwrap()).unwrap();
    let warning = |at: Timestamp| certificate.warning(at).unwrap_or_default();
    let moment = Duration::from_millis(1);
    let (begins, ends) = (certificate.begins, certificate.ends);
    assert!(warning(begins.minus(moment)).starts_with("the certificate begins at 2020"));
    assert_eq!(warning(begins), "");
    assert_eq!(warning(ends.minus(moment)), "");
    assert!(warning(ends).starts_with("the certificate ended at 2030"));
}

#[test]
fn what_is_wrong_with_which_file_is_said() {
    let (folder, files) = made();
    let (_other_folder, other) = made();
    let (cert, key) = (files.cert.display(), files.key.display());
    let with = |cert: &PathBuf, key: &PathBuf| {
        mistakes(&Files {
            cert: cert.clone(),
            key: key.clone(),
        })
    };
    assert_eq!(with(&files.cert, &files.key), [""; 0]);
    assert_eq!(
        with(&files.key, &files.cert),
        [
            format!("http.tls_cert_file: cannot use `{key}`: no certificate in it"),
            format!(
                "http.tls_key_file: cannot use `{cert}`: no private key in it; one with a passphrase \
                 cannot be used"
            ),
        ]
    );
    assert_eq!(
        with(&files.cert, &other.key),
        [format!(
            "http.tls_key_file: cannot use `{}`: not the key of the first certificate in `{cert}`",
            other.key.display()
        )]
    );
    let nowhere = folder.path().join("nowhere");
    let missing = with(&nowhere, &files.key);
    assert_eq!(missing.len(), 1);
    assert!(
        missing[0].starts_with("http.tls_cert_file: "),
        "{missing:?}"
    );
    assert!(missing[0].contains("nowhere`: No such file"), "{missing:?}");
}

#[test]
fn pem_with_something_else_in_it_is_a_mistake_that_does_not_tell_the_key() {
    let (_folder, files) = made();
    let pem = |label: &str| format!("-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n");
    fs::write(&files.cert, pem("CERTIFICATE")).unwrap();
    fs::write(&files.key, pem("PRIVATE KEY")).unwrap();
    let said = mistakes(&files);
    assert!(said[0].contains("tls.crt`: no certificate: "), "{said:?}");
    let (_folder, files) = made();
    for broken in [
        pem("PRIVATE KEY"),
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n".to_owned(),
        "-----BEGIN PRIVATE KEY\nc2VjcmV0\n".to_owned(),
    ] {
        fs::write(&files.key, broken).unwrap();
        let said = mistakes(&files);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("http.tls_key_file: "), "{said:?}");
        assert!(!said[0].contains("c2VjcmV0"), "{said:?}");
    }
}

#[test]
fn both_files_are_needed_and_mistakes_say_where_the_file_was_named() {
    let (_folder, files) = made();
    fs::write(&files.cert, "").unwrap();
    let variables = [
        ("SWITCHBOARD__HTTP__TLS_CERT_FILE", &files.cert),
        ("SWITCHBOARD__HTTP__TLS_KEY_FILE", &files.key),
    ];
    let variables = variables.map(|(name, path)| (name.to_owned(), path.display().to_string()));
    let settings = Settings::load(None, variables).unwrap().settings;
    let refused = read(&settings).unwrap_err();
    assert_eq!(refused.code(), 78);
    let expected = "SWITCHBOARD__HTTP__TLS_CERT_FILE: http.tls_cert_file: cannot use `";
    assert!(refused.to_string().starts_with(expected), "{refused}");

    let plain = Settings::load(None, []).unwrap().settings;
    assert!(read(&plain).unwrap().is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (chain(&bytes), key(&bytes), facts(&bytes));
    }
}
