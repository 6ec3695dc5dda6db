//! The connection to Redis and its circuit: while Redis does not answer, nobody waits for it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::config::{PerformanceConfig, ReconnectPolicy, TcpConfig};
use fred::types::scripts::Script;
use fred::types::{Builder, ConnectHandle, FromValue, Value};
use switchboard_messaging::hub::{HubError, HubResult};

use super::RedisOptions;
use super::scripts::{self, Scripts};
use crate::measure;

/// Messages that fred may hold for the task that takes them. Its default is 32, and what does not
/// fit is lost.
const MESSAGES: usize = 32_768;

/// Commands in a row that ran out of time before the circuit opens.
const PATIENCE: u32 = 3;

/// Two connections, one for commands and one that listens, both reconnecting for ever.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) listener: Client,
    pub(super) scripts: Scripts,
    routing: Mutex<Vec<(Client, ConnectHandle)>>,
    up: AtomicBool,
    timeouts: AtomicU32,
}

impl Link {
    /// Connects both, or says why not.
    pub(super) async fn connect(options: &RedisOptions) -> HubResult<Self> {
        let builder = builder(options)?;
        let client = builder.build().map_err(|error| hub_error(&error))?;
        let listener = builder.build().map_err(|error| hub_error(&error))?;
        let mut routing = Vec::new();
        for one in [&client, &listener] {
            let task = one.init().await.map_err(|error| hub_error(&error))?;
            routing.push((one.clone(), task));
        }
        measure::redis_up(true);
        Ok(Self {
            client,
            listener,
            scripts: Scripts::new(),
            routing: Mutex::new(routing),
            up: AtomicBool::new(true),
            timeouts: AtomicU32::new(0),
        })
    }

    /// Runs a command, unless Redis is known to be away.
    pub(super) async fn run<T>(
        &self,
        command: impl Future<Output = Result<T, Error>> + Send,
    ) -> HubResult<T> {
        if !self.is_up() {
            return Err(HubError("redis does not answer".into()));
        }
        let result = command.await;
        match result.as_ref().map_err(Error::kind) {
            Ok(_) => self.timeouts.store(0, Ordering::Relaxed),
            Err(ErrorKind::IO | ErrorKind::Canceled) => self.set_up(false),
            Err(ErrorKind::Timeout) => {
                if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                    self.set_up(false);
                }
            }
            Err(_) => {}
        }
        result.map_err(|error| hub_error(&error))
    }

    /// Runs a script, unless Redis is known to be away.
    pub(super) async fn call<T: FromValue + Send>(
        &self,
        script: &Script,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> HubResult<T> {
        self.run(scripts::call(&self.client, script, keys, args))
            .await
    }

    /// Whether Redis answered when it was last asked.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Asks both connections whether they are alive, and closes or opens the circuit accordingly.
    pub(super) async fn probe(&self) -> HubResult<()> {
        self.revive();
        let answers = futures_util::future::try_join(
            self.client.ping::<()>(None),
            self.listener.ping::<()>(None),
        );
        let result = answers.await;
        self.set_up(result.is_ok());
        result.map(|_| ()).map_err(|error| hub_error(&error))
    }

    /// Hears that a connection broke.
    pub(super) fn broke(&self, error: &Error) {
        tracing::debug!(error = %hub_error(error), "redis connection broke");
        self.set_up(false);
    }

    fn set_up(&self, up: bool) {
        self.timeouts.store(0, Ordering::Relaxed);
        let was = self.up.swap(up, Ordering::Relaxed);
        measure::redis_up(up);
        if was && !up {
            tracing::warn!("redis does not answer; going on without it");
        } else if up && !was {
            tracing::info!("redis answers again");
        }
    }

    /// Fred gives up when the server refuses the credentials, which it may do only for a while.
    fn revive(&self) {
        let mut routing = self.routing.lock().unwrap_or_else(PoisonError::into_inner);
        for (client, task) in &mut *routing {
            if task.is_finished() {
                *task = client.connect();
            }
        }
    }

    /// Sends what is under way and closes both connections.
    pub(super) async fn close(&self) {
        for one in [&self.client, &self.listener] {
            if let Err(error) = one.quit().await {
                tracing::debug!(error = %hub_error(&error), "redis connection did not close cleanly");
            }
        }
    }
}

fn builder(options: &RedisOptions) -> HubResult<Builder> {
    let mut builder = Builder::from_config(options.config()?);
    let patience = (options.command_timeout * 4).max(Duration::from_secs(2));
    builder
        .set_performance_config(PerformanceConfig {
            default_command_timeout: options.command_timeout,
            broadcast_channel_capacity: MESSAGES,
            ..PerformanceConfig::default()
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = patience;
            connection.internal_command_timeout = patience;
            // A command that may have been executed is not sent again: it may take a token.
            connection.max_command_attempts = 1;
            // Finds connections that the other side no longer knows of.
            connection.unresponsive.max_timeout = Some(patience);
            connection.unresponsive.interval = Duration::from_millis(500);
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_exponential(0, 50, 2_000, 2));
    Ok(builder)
}

/// Says what fred said. Its errors hold what the server answered, never what was sent.
pub(super) fn hub_error(error: &Error) -> HubError {
    HubError(format!("redis: {error}"))
}
