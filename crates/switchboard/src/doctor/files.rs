//! How many descriptors a node may have: each connection is one.

use switchboard_config::Settings;

use super::finding::Finding;
use super::listeners::LocalNode;
use super::patient::Patient;

const CHECK: &str = "files";

/// What a node has open besides its clients and the database: files, listeners, Redis, other nodes.
const OWN: u64 = 128;
/// With fewer, a node that takes as many clients as come has no use.
const LEAST: u64 = 1024;
/// With fewer, it is for trying out.
const GOOD: u64 = 8192;

const MEND: &str = "raise it: `LimitNOFILE=65536` in the systemd unit, `ulimits: {nofile: 65536}` in \
                    Compose, `ulimit -n 65536` in a shell";

pub(super) fn look(patient: &Patient<'_>, node: Option<&LocalNode>) -> Finding {
    let of_node = node.and_then(|node| Some((node.max_files?, format!("node {}", node.id))));
    let own = || Some((own_limit()?, "this process".to_owned()));
    match of_node.or_else(own) {
        Some((limit, whose)) => judge(patient.settings(), limit, &whose),
        None => Finding::warn(
            CHECK,
            "this system does not say how many descriptors a process may have",
            MEND,
        ),
    }
}

fn own_limit() -> Option<u64> {
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The first figure of `Max open files            1024                 524288               files`.
fn soft_limit(limits: &str) -> Option<u64> {
    let mut lines = limits.lines();
    let figures = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    match figures.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        figure => figure.parse().ok(),
    }
}

fn judge(settings: &Settings, limit: u64, whose: &str) -> Finding {
    let clients = u64::from(settings.http.max_connections);
    let needed = clients + u64::from(settings.database.max_connections) + OWN;
    let found = if clients == 0 {
        format!("{whose} may have {limit} descriptors, and takes as many clients as come")
    } else {
        format!(
            "{whose} may have {limit} descriptors, and needs {needed} for http.max_connections = \
             {clients}"
        )
    };
    let too_few = limit < needed || (clients == 0 && limit < LEAST);
    if too_few {
        Finding::fail(CHECK, found, MEND)
    } else if clients == 0 && limit < GOOD {
        Finding::warn(CHECK, found, MEND)
    } else {
        Finding::ok(CHECK, found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::finding::Status;
    use super::*;

    fn status(max_connections: &str, limit: u64) -> Status {
        let key = "SWITCHBOARD__HTTP__MAX_CONNECTIONS".to_owned();
        let loaded = Settings::load(None, [(key, max_connections.to_owned())]).unwrap();
        judge(&loaded.settings, limit, "somebody").status
    }

    #[test]
    fn a_limit_is_enough_from_just_what_is_needed() {
        for (clients, limit, expected) in [
            ("0", 1023, Status::Fail),
            ("0", 1024, Status::Warn),
            ("0", 8191, Status::Warn),
            ("0", 8192, Status::Ok),
            ("500", 637, Status::Fail),
            ("500", 638, Status::Ok),
            ("100000", u64::MAX, Status::Ok),
        ] {
            assert_eq!(status(clients, limit), expected, "{clients} {limit}");
        }
    }

    #[test]
    fn the_limit_is_read_as_the_kernel_tells_it() {
        let line = "Max processes  1 2 processes\nMax open files            1024                 524288               files";
        assert_eq!(soft_limit(line), Some(1024));
        assert_eq!(
            soft_limit("Max open files unlimited unlimited files"),
            Some(u64::MAX)
        );
        assert_eq!(soft_limit(""), None);
        assert!(own_limit().is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|Max open files\\PC*") {
            soft_limit(&text);
        }
    }
}
