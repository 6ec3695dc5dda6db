//! The nodes that are alive, and whether they take what this one would forward to them.

use futures_util::stream::{self, StreamExt as _};
use switchboard_forward::{Answered, Knocker, Said};
use switchboard_messaging::hub::NodeInfo;
use switchboard_messaging::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::span;
use super::finding::Finding;
use super::patient::Patient;
use crate::serve::cluster_key;

const CHECK: &str = "peers";
/// Nodes that are asked at the same time.
const AT_ONCE: usize = 16;
/// What forwarding takes: a minute.
const CLOCKS_MS: u64 = 60_000;

/// Nothing where there is no Redis, or one that cannot say who is alive.
pub(super) async fn look(patient: &Patient<'_>, nodes: Option<&[NodeInfo]>) -> Vec<Finding> {
    let Some(nodes) = nodes else {
        return Vec::new();
    };
    if nodes.is_empty() {
        return vec![Finding::ok(CHECK, "no node is alive")];
    }
    let Some(key) = cluster_key(patient.settings()) else {
        return vec![Finding::warn(
            CHECK,
            format!(
                "{} alive, not asked: there is no secret to sign with",
                nodes.len()
            ),
            "set admin.cluster_secret or auth.secret, the same on all nodes",
        )];
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let knocker = Knocker::new(key, tasks.clone(), stop.clone());
    let mut nodes: Vec<&NodeInfo> = nodes.iter().collect();
    nodes.sort_by(|one, other| one.id.cmp(&other.id));
    let asked = nodes.iter().map(|node| ask(patient, &knocker, node));
    let findings = stream::iter(asked).buffered(AT_ONCE).collect().await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    findings
}

async fn ask(patient: &Patient<'_>, knocker: &Knocker, node: &NodeInfo) -> Finding {
    let check = format!("peer {}", node.id);
    let Some(address) = &node.address else {
        let found = "says nobody where it can be reached: nothing is forwarded to it";
        let mend = "set admin.advertise there to http://HOST:PORT of its admin.listen";
        return Finding::warn(&check, found, mend);
    };
    let now = SystemClock.now();
    let answer = match patient.bounded(knocker.knock(address, now)).await {
        Ok(answer) => answer,
        Err(late) => Err(late),
    };
    match answer {
        Ok(answer) => {
            let at = answer.at.map(|at| at.as_millis() - now.as_millis());
            said(&check, address, &answer, at)
        }
        Err(why) => Finding::fail(
            &check,
            format!("{address} cannot be reached: {why}"),
            format!(
                "let this host reach {address} (admin.advertise of that node, its admin.listen, \
                 firewall or NetworkPolicy between); if it has just died, look again in 15 s"
            ),
        ),
    }
}

/// `ahead` is by how much its clock is, to the second, in ms.
fn said(check: &str, address: &str, answer: &Answered, ahead: Option<i64>) -> Finding {
    let took = answer.took.as_secs_f64() * 1e3;
    let apart = ahead.filter(|ahead| ahead.unsigned_abs() > CLOCKS_MS);
    match (&answer.said, apart) {
        (Said::Welcome, _) => Finding::ok(
            check,
            format!("{address} takes what is forwarded, answers in {took:.1} ms"),
        ),
        (Said::Refused, Some(ahead)) => Finding::fail(
            check,
            format!(
                "{address} refuses this one's signature: its clock is {} {} this host's",
                span(ahead.unsigned_abs()),
                if ahead > 0 { "ahead of" } else { "behind" }
            ),
            "set the clock that is wrong, by NTP (`timedatectl set-ntp true`, chrony)",
        ),
        (Said::Refused, None) => Finding::fail(
            check,
            format!("{address} refuses this one's signature: its cluster secret is another"),
            "give all nodes the same admin.cluster_secret (without it, the same auth.secret), and \
             start them again",
        ),
        (Said::NotForwarding, _) => Finding::fail(
            check,
            format!("{address} takes nothing that is forwarded"),
            "set admin.cluster_secret or auth.secret there; if something else answers at that \
             address, correct its admin.advertise",
        ),
        (Said::Other(status), _) => Finding::fail(
            check,
            format!("{address} answers with status {status}, as no node does"),
            "correct admin.advertise of that node: something else is there, or a proxy between",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::finding::Status;
    use super::*;

    fn told(answer: Said, ahead: Option<i64>) -> Finding {
        let answer = Answered {
            said: answer,
            at: None,
            took: Duration::from_millis(2),
        };
        said("peer one", "http://h:1", &answer, ahead)
    }

    #[test]
    fn a_refusal_is_for_the_clock_when_that_is_wrong_and_for_the_secret_when_it_is_not() {
        assert_eq!(told(Said::Welcome, Some(0)).status, Status::Ok);
        assert!(told(Said::Refused, Some(60_000)).found.contains("secret"));
        assert!(told(Said::Refused, None).found.contains("secret"));
        let ahead = told(Said::Refused, Some(3_600_000));
        assert!(ahead.found.contains("60 min ahead"), "{ahead:?}");
        let behind = told(Said::Refused, Some(-61_000));
        assert!(behind.found.contains("61.0 s behind"), "{behind:?}");
        assert_eq!(told(Said::NotForwarding, None).status, Status::Fail);
        assert_eq!(told(Said::Other(502), None).status, Status::Fail);
    }
}
