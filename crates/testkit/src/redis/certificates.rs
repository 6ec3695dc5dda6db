//! Certificates that are made when they are needed and gone with the test.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tempfile::TempDir;

/// A certificate authority with one certificate for servers on 127.0.0.1 and `localhost`, and one
/// for clients, as PEM files in a temporary folder.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes all of them.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn make() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("switchboard-certificates-")
            .tempdir()?;
        let made = Self { folder };
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        named(&mut params, "Switchboard test authority");
        std::fs::write(made.ca_file(), params.self_signed(&key)?.pem())?;
        let authority = Issuer::new(params, key);

        let address = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut server = CertificateParams::new(["localhost".to_owned()])?;
        server.subject_alt_names.push(address);
        // Redis nodes are one another's clients.
        server.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        made.issue("server", server, &authority)?;
        let mut client = CertificateParams::default();
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        made.issue("client", client, &authority)?;
        Ok(made)
    }

    fn issue(
        &self,
        name: &str,
        mut params: CertificateParams,
        authority: &Issuer<'_, KeyPair>,
    ) -> Result<()> {
        named(&mut params, name);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority)?;
        std::fs::write(self.file(name, "crt"), certificate.pem())?;
        std::fs::write(self.file(name, "key"), key.serialize_pem())?;
        Ok(())
    }

    /// The certificate of the authority.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca", "crt")
    }

    /// A client's certificate.
    pub fn client_cert_file(&self) -> PathBuf {
        self.file("client", "crt")
    }

    /// The key of [`Self::client_cert_file`].
    pub fn client_key_file(&self) -> PathBuf {
        self.file("client", "key")
    }

    pub(super) fn server_cert_file(&self) -> PathBuf {
        self.file("server", "crt")
    }

    pub(super) fn server_key_file(&self) -> PathBuf {
        self.file("server", "key")
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.path().join(name).with_extension(extension)
    }
}

fn named(params: &mut CertificateParams, name: &str) {
    params.distinguished_name.push(DnType::CommonName, name);
}
