//! Certificates of tests.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::Files;

/// A new certificate of `localhost` and 127.0.0.1 with its key, in place of what the folder has.
pub(crate) fn files(folder: &Path) -> Files {
    files_with(folder, |_| {})
}

/// The same, otherwise than usual.
pub(crate) fn files_with(folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> Files {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let files = Files {
        cert: folder.join("tls.crt"),
        key: folder.join("tls.key"),
    };
    fs::write(&files.cert, certificate.pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}
