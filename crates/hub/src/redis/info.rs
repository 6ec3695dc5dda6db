//! What a server says of itself in answer to INFO.

/// One server, by its own words. What it does not say is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// `host:port`, as this client reached it.
    pub address: String,
    /// Such as `7.0.15`.
    pub version: String,
    /// Whether it takes no writes of clients.
    pub is_replica: bool,
    /// How many replicas are connected to it.
    pub replicas: u64,
    /// What it does when its memory is full: `noeviction` and the like.
    pub policy: String,
    /// The most bytes that its data may take; 0 is no limit.
    pub max_memory: u64,
    /// The bytes that it takes.
    pub used_memory: u64,
    /// Whether each write goes to a file (`appendonly`).
    pub appends: bool,
    /// Whether its last try to save all data to a file failed; by default it takes no writes then.
    pub save_failed: bool,
}

impl ServerFacts {
    /// Reads an answer of lines like `name:value`.
    pub(super) fn read(address: String, info: &str) -> Self {
        let value = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(known, _)| *known == name)
                .map_or("", |(_, value)| value.trim())
        };
        let number = |name| value(name).parse().unwrap_or(0);
        Self {
            address,
            version: value("redis_version").to_owned(),
            is_replica: value("role") == "slave",
            replicas: number("connected_slaves"),
            policy: value("maxmemory_policy").to_owned(),
            max_memory: number("maxmemory"),
            used_memory: number("used_memory"),
            appends: value("aof_enabled") == "1",
            save_failed: value("rdb_last_bgsave_status") == "err",
        }
    }

    /// The version's first number; 0 if it is none.
    pub fn major_version(&self) -> u32 {
        let first = self.version.split('.').next();
        first.and_then(|first| first.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_says_is_read() {
        let info = "# Server\r\nredis_version:7.0.15\r\nrole:slave\r\nconnected_slaves:2\r\n\
                    maxmemory_policy:allkeys-lru\r\nmaxmemory:1048576\r\nused_memory:900\r\n\
                    aof_enabled:1\r\nrdb_last_bgsave_status:err\r\n";
        let facts = ServerFacts::read("h:1".into(), info);
        let expected = ServerFacts {
            address: "h:1".into(),
            version: "7.0.15".into(),
            is_replica: true,
            replicas: 2,
            policy: "allkeys-lru".into(),
            max_memory: 1_048_576,
            used_memory: 900,
            appends: true,
            save_failed: true,
        };
        assert_eq!(facts, expected);
        assert_eq!(facts.major_version(), 7);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(info in "\\PC*|((redis_version|role|maxmemory):\\PC{0,9}\r\n){0,4}") {
            ServerFacts::read(String::new(), &info).major_version();
        }
    }
}
