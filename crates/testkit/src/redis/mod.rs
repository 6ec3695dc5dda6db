//! Redis: the run's shared server, and private ones to break, in every shape that a deployment has:
//! alone, behind Sentinel, as a Redis Cluster; each also with TLS and passwords.

mod answer;
mod certificates;
mod cluster;
mod door;
mod instance;
mod nodes;
mod sentinel;
mod standalone;

use anyhow::Result;

pub use certificates::Certificates;
pub use cluster::{Move, PrivateCluster};
pub use door::Door;
pub use sentinel::{PrivateSentinel, SERVICE};
pub use standalone::PrivateRedis;

/// The variable that says where the tests' server is: `redis://127.0.0.1:PORT`.
pub const ENV: &str = "SWITCHBOARD_TEST_REDIS";

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

/// What a test builds on, or a panic that says why it is not there.
fn required<T>(what: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_shared_server_answers() {
        let port = url().rsplit_once(':').unwrap().1.parse().unwrap();
        let answer = Door::default().ask(port, &["PING"]).await.unwrap();
        assert_eq!(answer, "PONG");
        assert_ne!(fresh_prefix(), fresh_prefix());
    }
}
