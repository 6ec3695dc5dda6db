//! How one gets into a Redis: with or without TLS, a password, a user.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use super::{Certificates, answer};

/// How long one command may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How clients, and the servers of one set-up among themselves, get in. The default door is open.
#[derive(Clone, Debug, Default)]
pub struct Door {
    password: Option<String>,
    user: Option<String>,
    tls: Option<Arc<Certificates>>,
    demands_certificate: bool,
}

impl Door {
    /// A door that asks for a password that only this test knows.
    #[must_use]
    pub fn with_password(mut self) -> Self {
        self.password = Some(crate::unique_name());
        self
    }

    /// A door with an ACL user beside the default one, who may do what a client of this project does,
    /// and no more.
    #[must_use]
    pub fn with_user(mut self) -> Self {
        self.user = Some("switchboard".into());
        self.with_password()
    }

    /// A door that speaks TLS only.
    ///
    /// # Panics
    /// When certificates cannot be written to the temporary folder.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        let made = super::required("could not make certificates", Certificates::make());
        self.tls = Some(Arc::new(made));
        self
    }

    /// A TLS door that lets nobody in without a certificate of its authority.
    ///
    /// # Panics
    /// As [`Self::with_tls`].
    #[must_use]
    pub fn with_client_certificates(self) -> Self {
        let mut door = self.with_tls();
        door.demands_certificate = true;
        door
    }

    /// The certificates, when it speaks TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.tls.as_deref()
    }

    /// The password, when it asks for one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The user's name, when it is not the default one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// `redis://user:password@`, `rediss-cluster://` …
    pub(super) fn url_begin(&self, kind: &str) -> String {
        let tls = if self.tls.is_some() { "s" } else { "" };
        let user = self.user.as_deref().unwrap_or_default();
        match &self.password {
            Some(password) => format!("redis{tls}{kind}://{user}:{password}@"),
            None => format!("redis{tls}{kind}://"),
        }
    }

    /// The lines of `redis.conf` that hang it. The default user keeps the password too: nodes use it
    /// among themselves.
    pub(super) fn settings(&self, port: u16) -> Vec<String> {
        let mut lines = vec!["bind 127.0.0.1".to_owned()];
        if let Some(made) = &self.tls {
            let demand = if self.demands_certificate {
                "yes"
            } else {
                "no"
            };
            lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-cert-file {}", made.server_cert_file().display()),
                format!("tls-key-file {}", made.server_key_file().display()),
                format!("tls-ca-cert-file {}", made.ca_file().display()),
                format!("tls-auth-clients {demand}"),
                "tls-replication yes".to_owned(),
            ]);
        } else {
            lines.push(format!("port {port}"));
        }
        if let Some(password) = &self.password {
            lines.push(format!("requirepass {password}"));
        }
        lines
    }

    /// The lines that only a server with data has.
    pub(super) fn settings_of_data(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(password) = &self.password {
            lines.push(format!("masterauth {password}"));
        }
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            let may = "~* &* -@all +@read +@write +@pubsub +@scripting +@connection \
                       +info +role +time +cluster|slots +cluster|info";
            lines.push(format!("user {user} on >{password} {may}"));
        }
        lines
    }

    /// What the server at `port` answers to a command.
    ///
    /// # Errors
    /// When it cannot be reached, does not answer within ten seconds, or answers with an error.
    pub async fn ask(&self, port: u16, command: &[&str]) -> Result<String> {
        let asking = async {
            match &self.tls {
                None => answer::ask(port, self.password(), command).await,
                Some(made) => self.ask_by_cli(made, port, command).await,
            }
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, asking).await;
        answer.context("no answer")?
    }

    /// Behind TLS. A process for each command is dear: a set-up is looked at hundreds of times until it
    /// is as it should be.
    async fn ask_by_cli(&self, made: &Certificates, port: u16, command: &[&str]) -> Result<String> {
        let mut cli = Command::new("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-e"]);
        cli.arg("--tls").arg("--cacert").arg(made.ca_file());
        cli.arg("--cert").arg(made.client_cert_file());
        cli.arg("--key").arg(made.client_key_file());
        if let Some(password) = &self.password {
            cli.env("REDISCLI_AUTH", password);
        }
        cli.args(command).stdin(Stdio::null()).kill_on_drop(true);
        let output = cli.output().await;
        let output = output.context("redis-cli is not installed; run scripts/setup.sh test")?;
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{answer}{complaint}");
        Ok(answer)
    }
}
