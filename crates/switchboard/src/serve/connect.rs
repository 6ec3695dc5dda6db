//! Reaching what the node stands on, within the time that it has for that.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use switchboard_config::{Secret, Settings};
use switchboard_hub::{MemoryHub, RedisHub, RedisOptions, RedisTls};
use switchboard_messaging::auth::PublishedKeys;
use switchboard_messaging::hub::{Arrival, Hub, HubError};
use switchboard_messaging::store::StoreError;
use switchboard_messaging::{Clock, Live, Messaging, Store};
use switchboard_protocol::Timestamp;
use switchboard_store::{Options, SchemaState};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::jwks::Jwks;
use super::parts;
use crate::exit::Failure;
use crate::keys;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Tries until it works or `patience` is over. A store that answers with a defect is not tried
/// again: waiting does not mend it.
pub(crate) async fn within<T>(
    patience: Duration,
    what: &str,
    attempt: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, Failure> {
    let tried = retry(patience, what, async || match attempt().await {
        Ok(done) => Ok(Ok(done)),
        Err(error @ (StoreError::Unavailable(_) | StoreError::CircuitOpen)) => {
            Err(error.to_string())
        }
        Err(error) => Ok(Err(error)),
    });
    Ok(tried.await?.map_err(|error| anyhow!("{what}: {error}"))?)
}

async fn retry<T, E: Display>(
    patience: Duration,
    what: &str,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + patience;
    let mut cause = "no answer".to_owned();
    let mut told = false;
    loop {
        match timeout_at(deadline, attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => cause = error.to_string(),
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= deadline {
            let text = format!("{what} could not be reached within {patience:?}: {cause}");
            return Err(Failure::Unreachable(text));
        }
        if !told {
            tracing::warn!(cause, "{what} cannot be reached yet");
            told = true;
        }
        sleep(PAUSE).await;
    }
}

/// Opens the store, with a schema that fits this binary.
pub(crate) async fn store(settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    let patience = settings.general.startup_timeout;
    let url = settings.database.url.expose();
    if settings.database.migrate_on_start {
        let migrate = async || switchboard_store::migrate(url).await;
        let applied = within(patience, "the database", migrate).await?;
        if !applied.is_empty() {
            tracing::info!(?applied, "schema brought up to date");
        }
    }
    fitting(patience, url).await?;
    within(patience, "the database", async || {
        let store = switchboard_store::open(Options {
            url: url.to_owned(),
            max_connections: settings.database.max_connections,
            statement_timeout: settings.database.statement_timeout,
        })
        .await?;
        store.ping().await?;
        Ok(store)
    })
    .await
}

/// Fails unless this binary can use the schema that the database has.
async fn fitting(patience: Duration, url: &str) -> Result<(), Failure> {
    let look = async || switchboard_store::schema_state(url).await;
    match within(patience, "the database", look).await? {
        SchemaState::Fits => Ok(()),
        SchemaState::Pending(missing) => {
            let names = missing.join(", ");
            let text = "the database's schema is older than this binary";
            Err(anyhow!("{text} (missing: {names}); run `switchboard migrate` first").into())
        }
        SchemaState::Newer(unknown) => {
            tracing::warn!(?unknown, "the database's schema is newer than this binary");
            Ok(())
        }
        SchemaState::TooNew(contracts) => Err(too_new(&contracts).into()),
    }
}

/// Why a binary does nothing with a database.
pub(crate) fn too_new(contracts: &[String]) -> anyhow::Error {
    let names = contracts.join(", ");
    anyhow!(
        "the database's schema is too new for this binary: what it needs was taken away ({names}); \
         run the release that knows these migrations, or a newer one"
    )
}

/// Reads which tokens were revoked, before anybody may come with one.
pub(crate) async fn revocations(settings: &Settings, messaging: &Messaging) -> Result<(), Failure> {
    within(
        settings.general.startup_timeout,
        "the database",
        async || {
            let now = messaging.clock.now();
            let ever = Timestamp::from_millis(0);
            messaging
                .revocations
                .read(&messaging.store, ever, now)
                .await
        },
    )
    .await
}

/// Fetches the keys that the issuer publishes, if it does. As a database, it has to be there when a
/// node starts, and may go away later.
pub(crate) async fn jwks(
    settings: &Settings,
    keys: &Live<PublishedKeys>,
) -> Result<Option<Arc<Jwks>>, Failure> {
    let Some(url) = &settings.auth.jwks_url else {
        return Ok(None);
    };
    let jwks = Jwks::new(url.clone(), keys::algorithms(settings), keys.clone())?;
    let patience = settings.general.startup_timeout;
    let what = format!("the key set at {url} (auth.jwks_url)");
    let fetch = async || jwks.fetch().await.map_err(|error| format!("{error:#}"));
    retry(patience, &what, fetch).await?;
    Ok(Some(Arc::new(jwks)))
}

/// What all nodes share, and what it brings for this one.
pub(crate) type Shared = (Arc<dyn Hub>, mpsc::Receiver<Arrival>);

/// Reaches the hub: Redis when it is configured, else one in this process.
pub(crate) async fn hub(
    settings: &Settings,
    node_id: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Shared, Failure> {
    let Some(options) = redis_options(settings, node_id) else {
        let cluster = MemoryHub::cluster(Arc::clone(clock)).with_log(parts::log_bounds(settings));
        let (hub, inbound) = cluster.attach(node_id);
        return Ok((hub, inbound));
    };
    let options = RedisOptions {
        log: parts::log_bounds(settings),
        clock: Arc::clone(clock),
        ..options
    };
    // Waiting does not mend these.
    options
        .validate()
        .map_err(|error| unusable(settings, &error))?;
    let connected = retry(settings.general.startup_timeout, "Redis", async || {
        RedisHub::connect(options.clone()).await
    });
    let (hub, inbound) = connected.await?;
    Ok((hub, inbound))
}

/// Whether the configuration of Redis can be used, as far as can be said without it.
pub(crate) fn check_redis(settings: &Settings) -> Result<(), Failure> {
    let Some(options) = redis_options(settings, "node") else {
        return Ok(());
    };
    options
        .validate()
        .map_err(|error| unusable(settings, &error))
}

fn unusable(settings: &Settings, error: &HubError) -> Failure {
    let source = settings.source("redis.url");
    Failure::Configuration(format!("{source}: redis: {}", error.0))
}

/// How Redis is reached, if there is one.
pub(crate) fn redis_options(settings: &Settings, node_id: &str) -> Option<RedisOptions> {
    let redis = &settings.redis;
    let url = redis.url.as_ref()?;
    let exposed = |secret: &Option<Secret<String>>| secret.as_ref().map(|one| one.expose().clone());
    Some(RedisOptions {
        key_prefix: redis.key_prefix.as_str().to_owned(),
        username: redis.username.clone(),
        password: exposed(&redis.password),
        sentinel_username: redis.sentinel_username.clone(),
        sentinel_password: exposed(&redis.sentinel_password),
        tls: RedisTls {
            ca_file: redis.tls_ca_file.clone(),
            cert_file: redis.tls_cert_file.clone(),
            key_file: redis.tls_key_file.clone(),
        },
        command_timeout: redis.command_timeout,
        ..RedisOptions::new(url.expose(), node_id)
    })
}
