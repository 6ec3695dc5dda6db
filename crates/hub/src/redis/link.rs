//! The connection to Redis and its circuit: while Redis does not answer, nobody waits for it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::config::{PerformanceConfig, ReconnectPolicy, TcpConfig};
use fred::types::scripts::Script;
use fred::types::{Builder, ConnectHandle, FromValue, Value};
use switchboard_messaging::circuit::{Circuit, Cut, Verdict};
use switchboard_messaging::hub::{HubError, HubResult};

use super::RedisOptions;
use super::scripts::{self, Scripts};
use crate::measure;

/// Messages that fred may hold for the task that takes them. Its default is 32, and what does not
/// fit is lost.
const MESSAGES: usize = 32_768;

/// Two connections, one for commands and one that listens, both reconnecting for ever.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) listener: Client,
    pub(super) scripts: Scripts,
    routing: Mutex<Vec<(Client, ConnectHandle)>>,
    pub(super) circuit: Circuit,
    deadline: Duration,
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
            circuit: Circuit::new("redis", options.command_timeout),
            deadline: options.command_timeout,
        })
    }

    /// Runs a command, or several that belong together, unless Redis is known to be away. However
    /// many they are, the timeout of one command is what they have.
    pub(super) async fn run<T>(
        &self,
        command: impl Future<Output = Result<T, Error>> + Send,
    ) -> HubResult<T> {
        let run = self.circuit.run(self.deadline, command, verdict).await;
        self.show();
        run.map_err(|cut| match cut {
            Cut::Failed(error) => hub_error(&error),
            Cut::Late => HubError("redis did not answer in time".into()),
            Cut::Open => HubError("redis does not answer".into()),
        })
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
        self.circuit.is_closed()
    }

    /// Asks both connections whether they are alive, and closes or opens the circuit accordingly.
    pub(super) async fn probe(&self) -> HubResult<()> {
        self.revive();
        self.circuit.half_open();
        let answers = futures_util::future::try_join(
            self.client.ping::<()>(None),
            self.listener.ping::<()>(None),
        );
        let result = answers.await.map_err(|error| hub_error(&error));
        match &result {
            Ok(_) => self.circuit.close(),
            Err(error) => self.circuit.open(&error.0),
        }
        self.show();
        result.map(|_| ())
    }

    /// Hears that a connection broke.
    pub(super) fn broke(&self, error: &Error) {
        self.circuit.open(&hub_error(error).0);
        self.show();
    }

    fn show(&self) {
        measure::redis_up(self.is_up());
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

/// What an error says of Redis.
fn verdict(error: &Error) -> Verdict {
    match error.kind() {
        ErrorKind::IO | ErrorKind::Canceled => Verdict::Broken,
        ErrorKind::Timeout => Verdict::Away,
        _ => Verdict::Answered,
    }
}

/// Says what fred said. Its errors hold what the server answered, never what was sent.
pub(super) fn hub_error(error: &Error) -> HubError {
    HubError(format!("redis: {error}"))
}
