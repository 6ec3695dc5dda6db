//! TLS to Redis: whom to believe, and as whom to come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fred::types::config::TlsConfig;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use switchboard_messaging::hub::{HubError, HubResult};

/// The PEM files of TLS to Redis. Without any, the authorities that the machine trusts are believed,
/// and no certificate is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// The only authorities whose certificates are believed.
    pub ca_file: Option<PathBuf>,
    /// The certificate to come with, and those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// The key of the certificate.
    pub key_file: Option<PathBuf>,
}

impl RedisTls {
    /// What fred is to be told. The errors name the file that is wrong, and nothing that is in it.
    pub(super) fn config(&self) -> HubResult<TlsConfig> {
        let builder = self.believing()?;
        let config = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                let chain = certificates(cert)?;
                let key_pem = read(key)?;
                let key_der = PrivateKeyDer::from_pem_slice(&key_pem);
                let key_der =
                    key_der.map_err(|error| unusable(key, &format!("no private key: {error}")))?;
                let config = builder.with_client_auth_cert(chain, key_der);
                config.map_err(|error| unusable(cert, &format!("with its key: {error}")))?
            }
            (None, None) => builder.with_no_client_auth(),
            _ => {
                let why = "a certificate for redis needs its key, and a key its certificate";
                return Err(HubError(why.into()));
            }
        };
        Ok(config.into())
    }

    fn believing(&self) -> HubResult<ConfigBuilder<ClientConfig, WantsClientCert>> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.ca_file {
            for certificate in certificates(file)? {
                let added = roots.add(certificate);
                added.map_err(|error| unusable(file, &error.to_string()))?;
            }
        } else {
            // Some files of a machine may be broken; what can be read is enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            let why = "this machine trusts no certificate authority; name one for redis";
            return Err(HubError(why.into()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| HubError(format!("tls to redis: {error}")))?;
        Ok(builder.with_root_certificates(roots))
    }
}

fn certificates(file: &Path) -> HubResult<Vec<CertificateDer<'static>>> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| unusable(file, &error.to_string()))?;
    if found.is_empty() {
        return Err(unusable(file, "no certificate in it"));
    }
    Ok(found)
}

fn read(file: &Path) -> HubResult<Vec<u8>> {
    std::fs::read(file).map_err(|error| unusable(file, &error.to_string()))
}

fn unusable(file: &Path, why: &str) -> HubError {
    HubError(format!("cannot use `{}`: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use switchboard_testkit::redis::Certificates;

    use super::*;

    fn refusal(tls: &RedisTls) -> String {
        tls.config().unwrap_err().to_string()
    }

    #[test]
    fn an_authority_and_a_certificate_with_its_key_are_accepted() {
        let made = Certificates::make().unwrap();
        let tls = RedisTls {
            ca_file: Some(made.ca_file()),
            cert_file: Some(made.client_cert_file()),
            key_file: Some(made.client_key_file()),
        };
        assert!(tls.config().is_ok());
    }

    #[test]
    fn what_is_wrong_with_which_file_is_said() {
        let (made, other) = (Certificates::make().unwrap(), Certificates::make().unwrap());
        let mut tls = RedisTls {
            ca_file: Some(made.client_key_file()),
            ..RedisTls::default()
        };
        assert!(refusal(&tls).contains("client.key`: no certificate in it"));
        tls.ca_file = Some("/nowhere/ca.crt".into());
        assert!(refusal(&tls).contains("`/nowhere/ca.crt`: No such file"));

        tls.ca_file = Some(made.ca_file());
        tls.cert_file = Some(made.client_cert_file());
        assert!(refusal(&tls).contains("needs its key"));
        tls.key_file = Some(made.client_cert_file());
        assert!(refusal(&tls).contains("client.crt`: no private key"));
        tls.key_file = Some(other.client_key_file());
        assert!(refusal(&tls).contains("with its key"));
    }
}
