//! What Redis does when its memory is full, and what it writes to disk.

use switchboard_hub::ServerFacts;

use super::finding::Finding;

const CHECK: &str = "redis.memory";
const PERSISTENCE: &str = "redis.persistence";

/// Beyond this share of `maxmemory` there should be more.
const FULL_PERCENT: u64 = 80;

/// Nodes rely on what they have written: a server that takes leases and sessions away makes each of them
/// wrong for a while, one after the other, and says so to nobody.
pub(super) fn judge(servers: &[ServerFacts]) -> Finding {
    let evicts = servers.iter().find(|one| one.policy != "noeviction");
    let found = servers.iter().map(told).collect::<Vec<_>>().join(", ");
    let mend = "`redis-cli CONFIG SET maxmemory-policy noeviction`, and the same line in redis.conf \
                (or in the parameters of the managed service)";
    match evicts {
        Some(one) if one.max_memory > 0 => Finding::fail(
            CHECK,
            format!("{found}: takes away what nodes rely on when its memory is full"),
            mend,
        ),
        Some(_) => Finding::warn(
            CHECK,
            format!("{found}: with a maxmemory it would take away what nodes rely on"),
            mend,
        ),
        None if servers.iter().any(is_nearly_full) => Finding::warn(
            CHECK,
            format!("{found}: when it is full it takes no more writes"),
            "raise maxmemory, or move what else is in this Redis to another one",
        ),
        None => Finding::ok(CHECK, found),
    }
}

fn is_nearly_full(one: &ServerFacts) -> bool {
    one.max_memory > 0 && one.used_memory > one.max_memory / 100 * FULL_PERCENT
}

fn told(one: &ServerFacts) -> String {
    let policy = &one.policy;
    let used = megabytes(one.used_memory);
    match one.max_memory {
        0 => format!("{policy}, {used} used, no maxmemory"),
        most => format!("{policy}, {used} of {} used", megabytes(most)),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// None is needed, and one that fails makes Redis refuse writes.
pub(super) fn persistence(servers: &[ServerFacts]) -> Finding {
    if let Some(one) = servers.iter().find(|one| one.save_failed) {
        return Finding::warn(
            PERSISTENCE,
            format!(
                "{}: its last save to disk failed; it may take no writes",
                one.address
            ),
            "give it room on its disk, or save nothing (`save \"\"` in redis.conf): Redis is never \
             the only copy of a message",
        );
    }
    let appends = if servers.iter().any(|one| one.appends) {
        "appendonly is on"
    } else {
        "appendonly is off"
    };
    let found = format!("{appends}; none is needed, Redis is never the only copy of a message");
    Finding::ok(PERSISTENCE, found)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn server(policy: &str, used: u64, most: u64) -> ServerFacts {
        ServerFacts {
            policy: policy.to_owned(),
            used_memory: used,
            max_memory: most,
            ..ServerFacts::default()
        }
    }

    #[test]
    fn a_server_that_evicts_fails_wherever_it_is_in_a_cluster() {
        for (policy, most, expected) in [
            ("noeviction", 0, Status::Ok),
            ("noeviction", 1000, Status::Ok),
            ("allkeys-lru", 1000, Status::Fail),
            ("volatile-ttl", 1000, Status::Fail),
            ("volatile-ttl", 0, Status::Warn),
        ] {
            let servers = [server("noeviction", 1, 1000), server(policy, 1, most)];
            assert_eq!(judge(&servers).status, expected, "{policy} {most}");
        }
    }

    #[test]
    fn memory_is_nearly_full_beyond_four_fifths() {
        assert_eq!(judge(&[server("noeviction", 800, 1000)]).status, Status::Ok);
        assert_eq!(
            judge(&[server("noeviction", 801, 1000)]).status,
            Status::Warn
        );
    }

    #[test]
    fn a_save_that_failed_is_worth_a_word() {
        let mut one = server("noeviction", 1, 0);
        assert_eq!(persistence(&[one.clone()]).status, Status::Ok);
        one.save_failed = true;
        assert_eq!(persistence(&[one]).status, Status::Warn);
    }
}
