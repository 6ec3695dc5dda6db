//! The keys that tokens are verified, and development tokens signed, with.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_config::{Environment, Settings, Source};
use switchboard_messaging::Live;
use switchboard_messaging::auth::{ApiKeys, AuthOptions, KeyRing, PublishedKeys, Signer, Verifier};
use switchboard_protocol::OrganizationId;

use crate::exit::Failure;

/// Where the development key is kept, so that tokens outlive a restart.
const DEVELOPMENT_KEY: &str = "./data/dev.key";

/// The secret that tokens are signed with, if this node knows it: the configured one, or, when no
/// key at all is configured, the development key, which is made when it is not there.
pub(crate) fn signing_key(settings: &Settings) -> Result<Option<Vec<u8>>> {
    let auth = &settings.auth;
    if let Some(secret) = &auth.secret {
        return Ok(Some(secret.expose().as_bytes().to_vec()));
    }
    if auth.has_public_keys() || settings.general.environment != Environment::Development {
        return Ok(None);
    }
    development_key(Path::new(DEVELOPMENT_KEY)).map(Some)
}

fn development_key(path: &Path) -> Result<Vec<u8>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let fresh = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    // Whoever comes second (a node and a `token` at once) takes the first one's key.
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(mut file) => {
            let written = file.write_all(fresh.as_bytes());
            written.with_context(|| format!("cannot write {}", path.display()))?;
            Ok(fresh.into_bytes())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let key = fs::read_to_string(path);
            let key = key.with_context(|| format!("cannot read {}", path.display()))?;
            if key.trim().is_empty() {
                bail!(
                    "{} is empty; remove it and a new one is made",
                    path.display()
                );
            }
            Ok(key.trim().as_bytes().to_vec())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

/// Signs development tokens, with the claims that the verifier looks for.
pub(crate) fn signer(settings: &Settings, key: Option<&Vec<u8>>) -> Option<Signer> {
    key.map(|key| Signer::new(key, &algorithms(settings), options(settings)))
}

/// The keys of backends.
pub(crate) fn api_keys(settings: &Settings) -> ApiKeys {
    let keys = settings.auth.api_keys.iter();
    ApiKeys::new(keys.filter_map(|(organization, key)| {
        let organization = OrganizationId::new(organization.as_str()).ok()?;
        Some((organization, key.expose().as_str()))
    }))
}

/// Verifies tokens as configured, and with the keys that `auth.jwks_url` publishes, if it is set.
pub(crate) fn verifier(
    settings: &Settings,
    key: Option<&Vec<u8>>,
    published: &Live<PublishedKeys>,
) -> Result<Verifier, Failure> {
    let public = match &settings.auth.public_key_file {
        None => None,
        Some(path) => {
            let pem = fs::read(path);
            Some(pem.with_context(|| format!("cannot read {}", path.display()))?)
        }
    };
    let is_published = settings.auth.jwks_url.is_some();
    let ring_of = if is_published {
        KeyRing::beside_published
    } else {
        KeyRing::new
    };
    let ring = ring_of(
        key.map(Vec::as_slice),
        public.as_deref(),
        &algorithms(settings),
    );
    let ring = ring.map_err(|error| {
        let source = settings.source("auth.public_key_file");
        let source = match source {
            Source::Default => settings.source("auth.algorithms"),
            set => set,
        };
        Failure::Configuration(format!("{source}: auth: {error}"))
    })?;
    let verifier = Verifier::new(ring, options(settings));
    Ok(if is_published {
        verifier.with_published(published.clone())
    } else {
        verifier
    })
}

/// Whether the configured keys can be used.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    // The development key needs no check, and a check makes no files.
    let secret = settings
        .auth
        .secret
        .as_ref()
        .map(|secret| secret.expose().as_bytes().to_vec());
    let nothing = secret.is_none() && !settings.auth.has_public_keys();
    let stand_in = nothing.then(|| b"development".to_vec());
    let published = Live::new(PublishedKeys::default());
    verifier(settings, secret.or(stand_in).as_ref(), &published).map(drop)
}

pub(crate) fn algorithms(settings: &Settings) -> Vec<String> {
    settings
        .auth
        .algorithms
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn options(settings: &Settings) -> AuthOptions {
    let auth = &settings.auth;
    let default_org = auth.default_org.as_ref();
    AuthOptions {
        issuers: auth.issuer.clone(),
        audiences: auth.audience.clone(),
        org_claim: auth.org_claim.as_str().to_owned(),
        roles_claim: auth.roles_claim.as_str().to_owned(),
        default_org: default_org.and_then(|org| OrganizationId::new(org.as_str()).ok()),
    }
}
