//! The shapes of Redis that `switchboard-testkit redis` knows.

use anyhow::Result;
use serde_json::{Value, json};
use switchboard_testkit::redis::{Door, PrivateCluster, PrivateRedis, PrivateSentinel};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Topology {
    #[default]
    Standalone,
    Sentinel,
    Cluster,
}

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    topology: Topology,
    tls: bool,
    password: bool,
}

impl Wanted {
    /// `None` when it is not understood.
    pub(crate) fn read(options: &[&str]) -> Option<Self> {
        let mut wanted = Self::default();
        let mut rest = options;
        while let [option, more @ ..] = rest {
            rest = more;
            match (*option, more) {
                ("--tls", _) => wanted.tls = true,
                ("--password", _) => wanted.password = true,
                ("--topology", [name, more @ ..]) => {
                    rest = more;
                    wanted.topology = match *name {
                        "standalone" => Topology::Standalone,
                        "sentinel" => Topology::Sentinel,
                        "cluster" => Topology::Cluster,
                        _ => return None,
                    };
                }
                _ => return None,
            }
        }
        Some(wanted)
    }

    pub(crate) async fn start(self) -> Result<Started> {
        let mut door = Door::default();
        if self.tls {
            door = door.with_tls();
        }
        if self.password {
            door = door.with_password();
        }
        Ok(match self.topology {
            Topology::Standalone => Started::Standalone(PrivateRedis::try_start(door).await?),
            Topology::Sentinel => Started::Sentinel(PrivateSentinel::try_start(door).await?),
            Topology::Cluster => Started::Cluster(PrivateCluster::try_start(door).await?),
        })
    }
}

/// Dropping it stops it.
pub(crate) enum Started {
    Standalone(PrivateRedis),
    Sentinel(PrivateSentinel),
    Cluster(PrivateCluster),
}

impl Started {
    /// The line that is printed.
    pub(crate) fn described(&self) -> Value {
        let (mut line, door) = match self {
            Self::Standalone(redis) => (redis.described(), redis.door()),
            Self::Sentinel(redis) => (redis.described(), redis.door()),
            Self::Cluster(redis) => (redis.described(), redis.door()),
        };
        if let Some(made) = door.certificates() {
            line["tls"] = json!({
                "ca": made.ca_file(),
                "cert": made.client_cert_file(),
                "key": made.client_key_file(),
            });
        }
        if let Some(password) = door.password() {
            line["password"] = json!(password);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_in_any_order_and_nothing_else_is() {
        let all = Wanted {
            topology: Topology::Cluster,
            tls: true,
            password: true,
        };
        let options = ["--tls", "--topology", "cluster", "--password"];
        assert_eq!(Wanted::read(&options), Some(all));
        assert_eq!(Wanted::read(&[]), Some(Wanted::default()));
        for bad in [&["--topology"][..], &["--topology", "ring"], &["--ssl"]] {
            assert_eq!(Wanted::read(bad), None, "{bad:?}");
        }
    }
}
