//! Whether PostgreSQL has connections for all nodes.

use switchboard_messaging::hub::NodeInfo;

use super::finding::Finding;
use super::patient::Patient;

const CHECK: &str = "postgres.connections";

/// `available` is nothing where the database is not known, or has no such limit.
pub(super) fn judge(
    patient: &Patient<'_>,
    available: Option<i64>,
    nodes: Option<&[NodeInfo]>,
) -> Option<Finding> {
    let each = i64::from(patient.settings().database.max_connections);
    let nodes = nodes.map_or(0, <[NodeInfo]>::len) as i64;
    Some(of(available?, each, nodes))
}

/// Without any node, this is about the first one.
fn of(available: i64, each: i64, alive: i64) -> Finding {
    let nodes = alive.max(1);
    let needed = nodes * each;
    let found = format!(
        "{available} for {nodes} node{} of {each} each (database.max_connections): {needed}",
        if nodes == 1 { "" } else { "s" }
    );
    let mend = "raise `max_connections` of PostgreSQL (it starts again for that), or lower \
                database.max_connections on all nodes";
    if needed > available {
        Finding::fail(CHECK, found, mend)
    } else if needed + each > available {
        let found = format!("{found}; one node more, as during an update, would not get its own");
        Finding::warn(CHECK, found, mend)
    } else {
        Finding::ok(CHECK, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn there_are_enough_for_all_nodes_and_for_one_more() {
        assert_eq!(of(30, 10, 2).status, Status::Ok);
        assert_eq!(of(29, 10, 2).status, Status::Warn);
        assert_eq!(of(20, 10, 2).status, Status::Warn);
        assert_eq!(of(19, 10, 2).status, Status::Fail);
        assert_eq!(of(20, 10, 0).status, Status::Ok);
    }
}
