//! Redis: the run's shared server, and private ones to break.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::{Server, find_program};

/// The variable that says where the tests' server is: `redis://127.0.0.1:PORT`.
pub const ENV: &str = "SWITCHBOARD_TEST_REDIS";

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The server that all tests of the run share. Use [`fresh_prefix`] for keys and channels on it.
///
/// # Panics
/// Without a server.
pub fn url() -> String {
    crate::server_url(ENV)
}

/// A key prefix that no other test has.
pub fn fresh_prefix() -> String {
    crate::unique_name()
}

/// A Redis of one test alone, for tests that kill, restart or pause it. It keeps nothing on disk,
/// so a restart is also a loss of all data. Killed when dropped.
///
/// The server dies with the thread that started it; do not share one between tests.
#[derive(Debug)]
pub struct PrivateRedis {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl PrivateRedis {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When redis-server is not installed or does not start.
    pub async fn start() -> Self {
        Self::try_start()
            .await
            .unwrap_or_else(|error| panic!("could not start Redis: {error:#}"))
    }

    /// [`Self::start`] for callers that have something to clean up when it fails.
    ///
    /// # Errors
    /// When redis-server is not installed or does not start.
    pub async fn try_start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("switchboard-redis-")
            .tempdir()?;
        for _ in 0..5 {
            let port = crate::port::free()?;
            let mut server = start_server(&folder, port)?;
            if wait_until_ready(&mut server, port).await? {
                return Ok(Self {
                    server,
                    port,
                    folder,
                });
            }
            let output = server.output();
            ensure!(
                output.contains("Address already in use"),
                "redis-server ended: {output}"
            );
        }
        bail!("every port chosen for Redis was taken by somebody else")
    }

    /// Its address: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The folder that has its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it, as a crash would. Connections are reset and new ones refused until
    /// [`restart`](Self::restart).
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.server
            .kill()
            .unwrap_or_else(|error| panic!("could not kill Redis: {error:#}"));
    }

    /// Starts it again, empty, on the same port; kills it first if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill();
        self.server = start_server(&self.folder, self.port)
            .unwrap_or_else(|error| panic!("could not restart Redis: {error:#}"));
        match wait_until_ready(&mut self.server, self.port).await {
            Ok(true) => {}
            Ok(false) => panic!("Redis did not come back: {}", self.server.output()),
            Err(error) => panic!("Redis did not come back: {error:#}"),
        }
    }

    /// Freezes it: connections stay open and nothing is answered, as with a hung machine.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.server
            .signal(name)
            .unwrap_or_else(|error| panic!("Redis is not running: {error:#}"));
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        if let Err(error) = self.server.kill() {
            eprintln!("testkit: could not kill Redis: {error:#}");
        }
    }
}

fn start_server(folder: &TempDir, port: u16) -> Result<Server> {
    let program = find_program("redis-server", &["/usr/bin".into()])
        .context("redis-server is not installed; run scripts/setup.sh test")?;
    let port = port.to_string();
    let dir = folder.path().display().to_string();
    let settings = [
        ("--bind", "127.0.0.1"),
        ("--port", port.as_str()),
        ("--dir", dir.as_str()),
        ("--save", ""),
        ("--appendonly", "no"),
        ("--daemonize", "no"),
    ];
    let args: Vec<String> = settings
        .into_iter()
        .flat_map(|(key, value)| [key.to_owned(), value.to_owned()])
        .collect();
    Server::start(&program, &args, None, "KILL", folder.path().join("log"))
}

/// True when it answers, false when it ended instead.
async fn wait_until_ready(server: &mut Server, port: u16) -> Result<bool> {
    let patience = Instant::now() + READY_WITHIN;
    while server.ended()?.is_none() {
        if pid_of_server_at(port).is_ok_and(|pid| pid == server.pid()) {
            return Ok(true);
        }
        ensure!(
            Instant::now() < patience,
            "Redis does not start: {}",
            server.output()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(false)
}

/// Which process answers on `port`: it may be somebody else's server, if we lost a race for the
/// port.
fn pid_of_server_at(port: u16) -> Result<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    Ok(line.context("no process_id in INFO")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port_of(redis: &PrivateRedis) -> u16 {
        redis.url().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    fn ping(port: u16, patience: Duration) -> std::io::Result<String> {
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
        let (url, port) = (redis.url(), port_of(&redis));
        assert_eq!(ping(port, A_WHILE).unwrap(), "+PONG\r\n");

        redis.kill();
        assert_eq!(
            ping(port, A_WHILE).unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );

        redis.restart().await;
        assert_eq!(redis.url(), url);
        assert_eq!(ping(port, A_WHILE).unwrap(), "+PONG\r\n");
    }

    #[tokio::test]
    async fn a_paused_redis_answers_nothing_until_it_is_resumed() {
        let redis = PrivateRedis::start().await;
        redis.pause();
        let silence = ping(port_of(&redis), Duration::from_millis(200)).unwrap_err();
        assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
        redis.resume();
        assert_eq!(ping(port_of(&redis), A_WHILE).unwrap(), "+PONG\r\n");
    }

    #[tokio::test]
    async fn a_dropped_redis_is_gone_even_if_it_was_paused() {
        let redis = PrivateRedis::start().await;
        let port = port_of(&redis);
        redis.pause();
        drop(redis);
        assert_eq!(
            ping(port, A_WHILE).unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn the_shared_server_answers() {
        let port = url().rsplit_once(':').unwrap().1.parse().unwrap();
        assert_eq!(ping(port, A_WHILE).unwrap(), "+PONG\r\n");
        assert_ne!(fresh_prefix(), fresh_prefix());
    }
}
