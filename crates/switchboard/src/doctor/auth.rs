//! The keys that tokens are verified with.

use switchboard_config::{Environment, KeySetUrl, Settings};
use switchboard_messaging::Live;
use switchboard_messaging::auth::PublishedKeys;

use super::finding::Finding;
use super::patient::Patient;
use crate::keys;
use crate::serve::jwks::Jwks;

const CHECK: &str = "auth";
const PUBLISHED: &str = "auth.jwks_url";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let settings = patient.settings();
    let mut findings = vec![own(settings)];
    if let Some(url) = &settings.auth.jwks_url {
        findings.push(published(patient, url).await);
    }
    findings
}

/// The keys that are configured here.
fn own(settings: &Settings) -> Finding {
    let auth = &settings.auth;
    if let Err(error) = keys::check(settings) {
        let mend = match &auth.public_key_file {
            Some(path) => format!(
                "put the public key in PEM (`-----BEGIN PUBLIC KEY-----`) into {} \
                 (auth.public_key_file): `openssl pkey -pubin -in FILE -text -noout` reads it",
                path.display()
            ),
            None => "let auth.algorithms name what the configured keys are for".to_owned(),
        };
        return Finding::fail(CHECK, error.to_string(), mend);
    }
    let mut with = Vec::new();
    if let Some(secret) = &auth.secret {
        with.push(format!("a secret of {} bytes", secret.expose().len()));
    }
    if let Some(path) = &auth.public_key_file {
        with.push(format!("the public key in {}", path.display()));
    }
    if auth.jwks_url.is_some() {
        with.push("published keys".to_owned());
    }
    if with.is_empty() {
        with.push(match settings.general.environment {
            Environment::Development => "the development key in ./data/dev.key".to_owned(),
            Environment::Production => "nothing".to_owned(),
        });
    }
    Finding::ok(
        CHECK,
        format!("tokens are verified with {}", with.join(", ")),
    )
}

/// The keys that an issuer publishes.
async fn published(patient: &Patient<'_>, url: &KeySetUrl) -> Finding {
    let keys = Live::new(PublishedKeys::default());
    let allowed = keys::algorithms(patient.settings());
    let fetching = async {
        let jwks = Jwks::new(url.clone(), allowed, keys.clone())?;
        jwks.fetch().await
    };
    let fetched = match patient.bounded(fetching).await {
        Ok(fetched) => fetched.map_err(|error| format!("{error:#}")),
        Err(late) => Err(late),
    };
    match fetched {
        Ok(()) => {
            let keys = keys.get();
            let ids: Vec<&str> = keys.ids().collect();
            let found = format!("{} usable keys at {url}: {}", ids.len(), ids.join(", "));
            Finding::ok(PUBLISHED, found)
        }
        Err(why) => {
            let mend = format!(
                "let `curl {url}` answer from this host with a key set that has a key for one of \
                 the algorithms that are accepted, or correct auth.jwks_url; a node does not start \
                 without it"
            );
            Finding::fail(PUBLISHED, format!("no keys from {url}: {why}"), mend)
        }
    }
}
