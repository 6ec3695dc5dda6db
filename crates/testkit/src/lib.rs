//! What tests run against: a private Redis and a private PostgreSQL, and a Socket.IO client that
//! tests can read.
//!
//! The `switchboard-testkit run COMMAND` binary starts both servers, tells COMMAND where they are
//! through [`redis::ENV`] and [`postgres::ENV`], and stops them when COMMAND ends. Tests never fall
//! back to a server of the machine and are never skipped: without the two variables they fail and
//! say how to run them.
//!
//! A test's mistake is a panic here, not a `Result`: nobody handles it but the person who reads it.

pub mod client;
pub mod gateway;
pub mod lying;
mod port;
pub mod postgres;
mod process;
pub mod redis;

use rand::Rng as _;

/// A name that no other test of this or another run has, of `[a-z0-9_]`, beginning with a letter.
pub(crate) fn unique_name() -> String {
    format!("t_{:016x}", rand::rng().random::<u64>())
}

/// Where a shared test server is, from the environment variable `name`.
///
/// # Panics
/// When it is not set. A test without its server fails; it is not skipped.
pub(crate) fn server_url(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the testkit is told by `run` where servers are"
    )]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| {
        panic!(
            "{name} is not set, so there is no server to test against; run the tests with \
             `make test` or `cargo run -p switchboard-testkit -- run cargo nextest run`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        assert_ne!(unique_name(), unique_name());
    }

    #[test]
    #[should_panic(expected = "make test")]
    fn a_test_without_its_server_fails_and_says_how_to_run_it() {
        server_url("SWITCHBOARD_TEST_NO_SUCH_SERVER");
    }
}
