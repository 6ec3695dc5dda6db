//! Whether what PostgreSQL commits is on its disk: acked means stored.

use switchboard_store::PostgresFacts;

use super::finding::Finding;

const CHECK: &str = "postgres.durability";

pub(super) fn judge(facts: &PostgresFacts) -> Finding {
    let settings = [
        ("fsync", &facts.fsync),
        ("full_page_writes", &facts.full_page_writes),
        ("synchronous_commit", &facts.synchronous_commit),
    ];
    let told = settings.map(|(name, value)| format!("{name} {value}"));
    let off = settings.iter().filter(|(_, value)| *value == "off");
    let off: Vec<&str> = off.map(|(name, _)| *name).collect();
    if off.is_empty() {
        return Finding::ok(CHECK, told.join(", "));
    }
    let found = format!(
        "{} is off: messages that were acked are lost when the server crashes",
        off.join(" and ")
    );
    let set = off
        .iter()
        .map(|name| format!("`alter system set {name} = on`"));
    let set = set.collect::<Vec<_>>().join(", ");
    let mend = format!(
        "{set}, then `select pg_reload_conf()`; look for it in the role's and the database's \
         settings, too (`\\drds`)"
    );
    Finding::fail(CHECK, found, mend)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn facts(fsync: &str, synchronous_commit: &str) -> PostgresFacts {
        PostgresFacts {
            version: "17".into(),
            version_number: 170_000,
            database: "d".into(),
            username: "u".into(),
            is_standby: false,
            is_read_only: false,
            synchronous_commit: synchronous_commit.into(),
            fsync: fsync.into(),
            full_page_writes: "on".into(),
            connections: 97,
            connected: 1,
        }
    }

    #[test]
    fn a_commit_that_does_not_wait_for_the_disk_is_a_failure() {
        assert_eq!(judge(&facts("on", "on")).status, Status::Ok);
        assert_eq!(judge(&facts("on", "local")).status, Status::Ok);
        assert_eq!(judge(&facts("on", "remote_apply")).status, Status::Ok);
        let off = judge(&facts("on", "off"));
        assert_eq!(off.status, Status::Fail);
        assert!(
            off.mend
                .unwrap()
                .contains("alter system set synchronous_commit = on")
        );
        assert_eq!(judge(&facts("off", "on")).status, Status::Fail);
    }
}
