//! The certificate of the public listener: read from its files, and held to what a client will want.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use switchboard_config::Settings;
use switchboard_protocol::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::exit::Failure;

pub(crate) const CERT: &str = "http.tls_cert_file";
pub(crate) const KEY: &str = "http.tls_key_file";

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is in the files.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// Without the key.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

/// A certificate that can be served with.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// What connections begin with.
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
    /// The names and addresses that it is for.
    pub(crate) names: Vec<String>,
    /// What it was read from.
    pub(crate) content: Content,
}

/// What is wrong with one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) setting: &'static str,
    pub(crate) reason: String,
}

impl Mistake {
    fn new(setting: &'static str, path: &Path, why: impl fmt::Display) -> Self {
        let reason = format!("cannot use `{}`: {why}", path.display());
        Self { setting, reason }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}

/// The certificate that is configured, if there is one.
pub(crate) fn read(settings: &Settings) -> Result<Option<(Files, Certificate)>, Failure> {
    let Some(files) = Files::of(settings) else {
        return Ok(None);
    };
    let read = files.content().and_then(|content| files.parse(content));
    let certificate = read.map_err(|mistakes| unusable(settings, &mistakes))?;
    Ok(Some((files, certificate)))
}

/// Mistakes as those of other keys are told, each with where the file was named.
pub(crate) fn unusable(settings: &Settings, mistakes: &[Mistake]) -> Failure {
    let line = |mistake: &Mistake| format!("{}: {mistake}", settings.source(mistake.setting));
    let lines: Vec<String> = mistakes.iter().map(line).collect();
    Failure::Configuration(lines.join("\n"))
}

impl Files {
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let http = &settings.http;
        let (cert, key) = (http.tls_cert_file.clone()?, http.tls_key_file.clone()?);
        Some(Self { cert, key })
    }

    pub(crate) fn content(&self) -> Result<Content, Vec<Mistake>> {
        let read = |setting, path: &Path| {
            let read = fs::read(path);
            read.map_err(|error| Mistake::new(setting, path, error))
        };
        let (cert, key) = both(read(CERT, &self.cert), read(KEY, &self.key))?;
        Ok(Content { cert, key })
    }

    /// The certificate, unless something is wrong with it or its key. Nothing of the key is in what is
    /// said about it.
    pub(crate) fn parse(&self, content: Content) -> Result<Certificate, Vec<Mistake>> {
        let of_cert = |why: String| Mistake::new(CERT, &self.cert, why);
        let chain = chain(&content.cert).map_err(of_cert);
        let key = key(&content.key).map_err(|why| Mistake::new(KEY, &self.key, why));
        let (chain, key) = both(chain, key)?;
        let leaf = chain.first().map_or(&[][..], |leaf| leaf.as_ref());
        let (begins, ends, names) = facts(leaf).map_err(|why| vec![of_cert(why)])?;
        let config = config(chain, key).map_err(|error| vec![self.misfit(&error)])?;
        Ok(Certificate {
            config: Arc::new(config),
            begins,
            ends,
            names,
            content,
        })
    }

    fn misfit(&self, error: &rustls::Error) -> Mistake {
        match error {
            rustls::Error::InconsistentKeys(_) => {
                let cert = self.cert.display();
                let why = format!("not the key of the first certificate in `{cert}`");
                Mistake::new(KEY, &self.key, why)
            }
            rustls::Error::InvalidCertificate(why) => Mistake::new(CERT, &self.cert, why),
            other => Mistake::new(KEY, &self.key, other),
        }
    }
}

/// Both, or what is wrong with one or both.
fn both<A, B>(one: Result<A, Mistake>, other: Result<B, Mistake>) -> Result<(A, B), Vec<Mistake>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => Err(one.err().into_iter().chain(other.err()).collect()),
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(chain) if chain.is_empty() => Err("no certificate in it".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("no PEM: {error}")),
    }
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => {
            "no private key in it; one with a passphrase cannot be used".to_owned()
        }
        // The others may have some of what is in the file.
        _ => "no PEM".to_owned(),
    })
}

/// When a certificate begins and ends, and whom it is for.
fn facts(der: &[u8]) -> Result<(Timestamp, Timestamp, Vec<String>), String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
    let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    let validity = certificate.validity();
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    Ok((
        at(validity.not_before.timestamp()),
        at(validity.not_after.timestamp()),
        names.collect(),
    ))
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl Certificate {
    /// What somebody should know who starts a node with it now.
    pub(crate) fn warning(&self, now: Timestamp) -> Option<String> {
        if self.ends <= now {
            Some(format!("the certificate ended at {}", self.ends))
        } else if self.begins > now {
            Some(format!("the certificate begins at {}", self.begins))
        } else {
            None
        }
    }
}

#[cfg(test)]
pub(crate) mod made;

#[cfg(test)]
mod tests;
