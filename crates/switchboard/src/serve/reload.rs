//! SIGHUP: what can be changed in a running node is read again; on any mistake the old stays.

use std::path::Path;
use std::sync::Arc;

use switchboard_config::Settings;
use switchboard_messaging::auth::{ApiKeys, PublishedKeys, Verifier};
use switchboard_messaging::{Live, Messaging};
use switchboard_telemetry::LogControl;

use super::origins::Origins;
use super::parts;
use super::renewal::Renewal;
use crate::certificate;
use crate::commands::load;
use crate::exit::Failure;
use crate::keys;

/// What takes new values while the node runs, and the configuration as `/debug/config` shows it.
pub(crate) type Parts = (
    (Live<Verifier>, Live<PublishedKeys>),
    Live<ApiKeys>,
    Live<Origins>,
    Live<String>,
    Option<Arc<Renewal>>,
);

/// The settings in force, and the parts that take new ones.
#[derive(Debug)]
pub(crate) struct Reload {
    settings: Settings,
    messaging: Messaging,
    live: Parts,
    /// The secret that the node was started with: the development key stays the same.
    secret: Option<Vec<u8>>,
}

impl Reload {
    pub(crate) fn new(
        settings: &Settings,
        messaging: &Messaging,
        live: Parts,
        secret: Option<Vec<u8>>,
    ) -> Self {
        let (settings, messaging) = (settings.clone(), messaging.clone());
        Self {
            settings,
            messaging,
            live,
            secret,
        }
    }

    /// Reads the configuration again.
    pub(crate) fn run(&mut self, file: Option<&Path>, logs: &LogControl) {
        if let Err(failure) = self.try_run(file, logs) {
            tracing::error!(%failure, "configuration not reloaded; the old one stays in force");
        }
    }

    fn try_run(&mut self, file: Option<&Path>, logs: &LogControl) -> Result<(), Failure> {
        let settings = load(file)?.settings;
        let configured = settings.auth.secret.as_ref();
        let secret = configured.map(|secret| secret.expose().as_bytes().to_vec());
        // Everything that can fail comes before anything is replaced.
        let kept = (!settings.auth.has_public_keys())
            .then(|| self.secret.clone())
            .flatten();
        let ((live_verifier, published), live_keys, live_origins, shown, renewal) = &self.live;
        let verifier = keys::verifier(&settings, secret.or(kept).as_ref(), published)?;
        let read = renewal.as_ref().map(|renewal| renewal.read()).transpose();
        let certificate =
            read.map_err(|mistakes| certificate::unusable(&self.settings, &mistakes))?;
        let level = settings.telemetry.log_level.as_str();
        logs.set_level(level).map_err(anyhow::Error::from)?;
        live_verifier.set(verifier);
        live_keys.set(keys::api_keys(&settings));
        self.messaging.rules.set(parts::rules(&settings));
        self.messaging.rates.set(parts::rates(&settings));
        shown.set(settings.render_show());
        live_origins.set(Origins::new(&settings));
        if let Some((renewal, certificate)) = renewal.as_ref().zip(certificate) {
            renewal.take(certificate);
        }
        let changed = self.settings.changed_keys(&settings);
        let (taken, ignored): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|key| key.reloadable);
        let names = |keys: &[&switchboard_config::Key]| {
            keys.iter()
                .map(|key| key.path)
                .collect::<Vec<_>>()
                .join(", ")
        };
        tracing::info!(changed = names(&taken), "configuration reloaded");
        if !ignored.is_empty() {
            tracing::warn!(
                keys = names(&ignored),
                "these take effect only after a restart"
            );
        }
        self.settings = settings;
        Ok(())
    }
}
