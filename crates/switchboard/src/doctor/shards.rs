//! Whether all slots of a Redis Cluster have a primary, and every primary somebody to take its place.

use switchboard_hub::ServerFacts;
use switchboard_messaging::hub::HubResult;

use super::finding::Finding;
use super::patient::Patient;

const SLOTS: &str = "redis.slots";
const REPLICAS: &str = "redis.replicas";

/// How many a cluster has.
const ALL: u32 = 16_384;

/// Nothing of a Redis that is no cluster.
pub(super) fn slots(covered: &HubResult<Option<u32>>) -> Option<Finding> {
    match covered {
        Ok(None) => None,
        Ok(Some(ALL)) => Some(Finding::ok(SLOTS, format!("all {ALL} have a primary"))),
        Ok(Some(covered)) => Some(Finding::fail(
            SLOTS,
            format!("{covered} of {ALL} have a primary"),
            "start the primaries that are missing, or `redis-cli --cluster fix HOST:PORT`",
        )),
        Err(error) => Some(Finding::fail(
            SLOTS,
            error.to_string(),
            "let the user of redis.username ask: `ACL SETUSER … +cluster|slots +cluster|info`",
        )),
    }
}

/// Of a single server without Sentinel nobody takes its place in any case.
pub(super) fn replicas(patient: &Patient<'_>, servers: &[ServerFacts]) -> Option<Finding> {
    let url = patient.settings().redis.url.as_ref()?;
    let fails_over = ["-sentinel", "-cluster"];
    if !fails_over.iter().any(|kind| url.scheme().ends_with(kind)) {
        return None;
    }
    let alone = servers.iter().filter(|one| one.replicas == 0);
    let alone: Vec<&str> = alone.map(|one| one.address.as_str()).collect();
    let replicas: u64 = servers.iter().map(|one| one.replicas).sum();
    if alone.is_empty() {
        let found = format!("{replicas}, and every primary has one");
        return Some(Finding::ok(REPLICAS, found));
    }
    Some(Finding::warn(
        REPLICAS,
        format!("{} has none: nobody can take its place", alone.join(", ")),
        "give it one: `REPLICAOF HOST PORT`, in a Cluster `redis-cli --cluster add-node … \
         --cluster-slave`",
    ))
}

#[cfg(test)]
mod tests {
    use switchboard_messaging::hub::HubError;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_slot_without_a_primary_is_a_failure() {
        let status = |covered| slots(&covered).map(|finding| finding.status);
        assert_eq!(status(Ok(None)), None);
        assert_eq!(status(Ok(Some(16_384))), Some(Status::Ok));
        assert_eq!(status(Ok(Some(16_383))), Some(Status::Fail));
        assert_eq!(
            status(Err(HubError("NOPERM".to_owned()))),
            Some(Status::Fail)
        );
    }
}
