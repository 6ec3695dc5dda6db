//! One server.

use std::path::Path;

use anyhow::Result;

use super::instance::{Instance, Kind};
use super::{Door, required};

/// A Redis of one test alone, for tests that kill, restart or pause it. It keeps nothing on disk,
/// so a restart is also a loss of all data. Killed when dropped.
///
/// The server dies with the thread that started it; do not share one between tests.
#[derive(Debug)]
pub struct PrivateRedis {
    instance: Instance,
    door: Door,
}

impl PrivateRedis {
    /// Starts one on a free port of 127.0.0.1, with an open door.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_behind(Door::default()).await
    }

    /// Starts one behind a door.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start_behind(door: Door) -> Self {
        required("could not start Redis", Self::try_start(door).await)
    }

    /// [`Self::start_behind`] for callers that have something to clean up when it fails.
    ///
    /// # Errors
    /// When redis-server is not installed or does not start.
    pub async fn try_start(door: Door) -> Result<Self> {
        let instance = Instance::start(&door, Kind::Data, || Ok(Vec::new())).await?;
        Ok(Self { instance, door })
    }

    /// Its address: `redis://127.0.0.1:PORT`, or `rediss://USER:PASSWORD@127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let begin = self.door.url_begin("");
        format!("{begin}127.0.0.1:{}", self.instance.port())
    }

    /// How one gets in.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The folder that has its log.
    pub fn folder(&self) -> &Path {
        self.instance.folder()
    }

    /// What it is, as JSON: `{url, nodes: [{port, pid}]}`.
    pub fn described(&self) -> serde_json::Value {
        let node = serde_json::json!({ "port": self.instance.port(), "pid": self.instance.pid() });
        serde_json::json!({ "url": self.url(), "nodes": [node] })
    }

    /// What it answers to a command.
    ///
    /// # Panics
    /// When it does not answer, or with an error.
    pub async fn ask(&self, command: &[&str]) -> String {
        required("Redis does not answer", self.instance.ask(command).await)
    }

    /// Kills it, as a crash would. Connections are reset and new ones refused until
    /// [`restart`](Self::restart).
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        required("could not kill Redis", self.instance.kill());
    }

    /// Starts it again, empty, on the same port; kills it first if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        required("could not restart Redis", self.instance.restart().await);
    }

    /// Freezes it: connections stay open and nothing is answered, as with a hung machine.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self) {
        required("Redis is not running", self.instance.signal("STOP"));
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self) {
        required("Redis is not running", self.instance.signal("CONT"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    use super::*;

    fn ping(redis: &PrivateRedis, patience: Duration) -> std::io::Result<String> {
        ping_at(redis.instance.port(), patience)
    }

    fn ping_at(port: u16, patience: Duration) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    const A_WHILE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_killed_redis_refuses_connections_until_it_is_restarted_on_the_same_port() {
        let mut redis = PrivateRedis::start().await;
        let url = redis.url();
        assert_eq!(ping(&redis, A_WHILE).unwrap(), "+PONG\r\n");

        redis.kill();
        assert_eq!(
            ping(&redis, A_WHILE).unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );

        redis.restart().await;
        assert_eq!(redis.url(), url);
        assert_eq!(ping(&redis, A_WHILE).unwrap(), "+PONG\r\n");
    }

    #[tokio::test]
    async fn a_paused_redis_answers_nothing_until_it_is_resumed() {
        let redis = PrivateRedis::start().await;
        redis.pause();
        let silence = ping(&redis, Duration::from_millis(200)).unwrap_err();
        assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
        redis.resume();
        assert_eq!(ping(&redis, A_WHILE).unwrap(), "+PONG\r\n");
    }

    #[tokio::test]
    async fn a_dropped_redis_is_gone_even_if_it_was_paused() {
        let redis = PrivateRedis::start().await;
        let port = redis.instance.port();
        redis.pause();
        drop(redis);
        assert_eq!(
            ping_at(port, A_WHILE).unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
    }

    #[tokio::test]
    async fn a_redis_behind_tls_and_a_password_lets_in_only_who_has_both() {
        let door = Door::default().with_user().with_client_certificates();
        let redis = PrivateRedis::start_behind(door.clone()).await;
        let port = redis.instance.port();
        assert_eq!(redis.ask(&["PING"]).await, "PONG");
        assert!(redis.url().starts_with("rediss://switchboard:"));
        assert!(Door::default().ask(port, &["PING"]).await.is_err());
        let other_authority = Door::default().with_tls();
        assert!(other_authority.ask(port, &["PING"]).await.is_err());
        assert_eq!(redis.ask(&["ACL", "WHOAMI"]).await, "default");
    }
}
