//! `monitoring:health`: what is wrong with the cluster, and which setting to look at.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers::{
    HealthStatus::{self, Critical, Warning},
    MonitoringHealth, NodeFigures, Recommendation,
};

use crate::hub::NodeInfo;
use crate::pipeline::{Messaging, Outcome};

/// Fewer of anything in a minute say nothing.
const FEW: i64 = 10;

pub(crate) async fn run(app: &Messaging) -> Result<Outcome, ErrorObject> {
    let health = match app.hub.nodes().await {
        Ok(nodes) => judged(&nodes),
        // Who the others are is not known then.
        Err(_) => MonitoringHealth {
            status: Warning,
            nodes: 0,
            recommendations: vec![advice(None, WITHOUT_REDIS)],
        },
    };
    Outcome::of(&health)
}

/// A finding: how bad it is, the setting to look at, and what was seen.
type Finding = (HealthStatus, &'static str, &'static str);

const WITHOUT_REDIS: Finding = (
    Warning,
    "redis.url",
    "Redis did not answer within the last minute: rate limits, typing and presence are per node meanwhile, and \
     events reach other nodes a second later",
);
const WITHOUT_DATABASE: Finding = (
    Critical,
    "database.url",
    "the database does not answer: nothing is stored, and nobody new is let in",
);
const FILES: Finding = (
    Critical,
    "http.max_connections",
    "more than four fifths of the files that the process may have open are: raise its limit (`ulimit -n`), or take \
     fewer connections",
);
const SHED: Finding = (
    Warning,
    "database.max_connections",
    "calls were refused because too many waited for the database, or for their organization's turn",
);
const SLOW_STORE: Finding = (
    Warning,
    "database.max_connections",
    "the database took more than 100 ms for an operation, on average",
);
const SLOW_CONSUMERS: Finding = (
    Warning,
    "realtime.send_queue",
    "more than one in 100 sockets was closed in a minute because its queue was full: a larger queue bears longer \
     pauses, for more memory",
);
const RATE_LIMITED: Finding = (
    Warning,
    "rate_limits.preset",
    "more than one call in 20 was refused for its frequency: a client repeats itself, or the limits (also \
     `rate_limits.events` and `rate_limits.default`) are too low",
);
const LIMITED_CONNECTIONS: Finding = (
    Warning,
    "limits.connections_per_user",
    "connections were refused for a limit: see `switchboard_connections_refused_total` for which, and the other keys \
     `limits.connections_…`",
);
const AUTH_FAILURES: Finding = (
    Warning,
    "auth.issuer",
    "more than one connect in 5 had a token that was refused: see `switchboard_auth_failures_total` for why, and the \
     keys `auth.…`",
);
const RECOVERY_FAILURES: Finding = (
    Warning,
    "recovery.log_length",
    "more than half of the clients that came back could not be given what they missed: see \
     `switchboard_recoveries_total` for why",
);

fn advice(node: Option<&NodeInfo>, (status, setting, message): Finding) -> Recommendation {
    Recommendation {
        status,
        node_id: node.map(|node| node.id.clone()),
        setting: setting.to_owned(),
        message: message.to_owned(),
    }
}

fn judged(nodes: &[NodeInfo]) -> MonitoringHealth {
    let found = nodes.iter().flat_map(|node| {
        let findings = findings(&node.figures);
        findings
            .into_iter()
            .map(|finding| advice(Some(node), finding))
    });
    let mut recommendations: Vec<Recommendation> = found.collect();
    recommendations.sort_by_key(|one| std::cmp::Reverse(one.status));
    let worst = recommendations.first();
    MonitoringHealth {
        status: worst.map_or(HealthStatus::Ok, |worst| worst.status),
        nodes: nodes.len() as i64,
        recommendations,
    }
}

fn findings(node: &NodeFigures) -> Vec<Finding> {
    let calls_per_minute = node.events_per_second * 60.0;
    let connects = node.connects_per_minute + node.refused_per_minute;
    let comebacks = node.recoveries_per_minute + node.recovery_failures_per_minute;
    let checks = [
        (node.without_database > 0, WITHOUT_DATABASE),
        (node.without_redis > 0, WITHOUT_REDIS),
        (
            node.max_files > 0 && node.open_files > node.max_files / 5 * 4,
            FILES,
        ),
        (node.shed_per_minute > 0, SHED),
        (node.store_ms > 100.0, SLOW_STORE),
        (
            node.slow_consumers_per_minute > (node.connections / 100).max(FEW),
            SLOW_CONSUMERS,
        ),
        (
            node.rate_limited_per_minute > FEW
                && node.rate_limited_per_minute as f64 > calls_per_minute / 20.0,
            RATE_LIMITED,
        ),
        (node.limited_connections_per_minute > 0, LIMITED_CONNECTIONS),
        (
            node.auth_failures_per_minute > (connects / 5).max(FEW),
            AUTH_FAILURES,
        ),
        (
            node.recovery_failures_per_minute > (comebacks / 2).max(FEW),
            RECOVERY_FAILURES,
        ),
    ];
    let seen = checks.into_iter().filter(|(is_so, _)| *is_so);
    seen.map(|(_, finding)| finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::Timestamp;

    fn settings(figures: &NodeFigures) -> Vec<&'static str> {
        let found = findings(figures).into_iter();
        found.map(|(_, setting, _)| setting).collect()
    }

    fn calm() -> NodeFigures {
        NodeFigures {
            connections: 2_000,
            events_per_second: 10.0,
            connects_per_minute: 100,
            recoveries_per_minute: 30,
            open_files: 799,
            max_files: 1_000,
            store_ms: 100.0,
            ..NodeFigures::default()
        }
    }

    #[test]
    fn each_finding_begins_just_over_its_threshold_and_names_a_setting() {
        type Change = fn(&mut NodeFigures, i64);
        let cases: [(Change, i64, &str); 9] = [
            (|it, n| it.without_database = n, 0, "database.url"),
            (|it, n| it.without_redis = n, 0, "redis.url"),
            (|it, n| it.open_files = n, 800, "http.max_connections"),
            (
                |it, n| it.shed_per_minute = n,
                0,
                "database.max_connections",
            ),
            (
                |it, n| it.slow_consumers_per_minute = n,
                20,
                "realtime.send_queue",
            ),
            (
                |it, n| it.rate_limited_per_minute = n,
                30,
                "rate_limits.preset",
            ),
            (
                |it, n| it.limited_connections_per_minute = n,
                0,
                "limits.connections_per_user",
            ),
            (|it, n| it.auth_failures_per_minute = n, 20, "auth.issuer"),
            (
                |it, n| it.recovery_failures_per_minute = n,
                30,
                "recovery.log_length",
            ),
        ];
        assert_eq!(settings(&calm()), Vec::<&str>::new());
        for (change, most, setting) in cases {
            let mut node = calm();
            change(&mut node, most);
            assert_eq!(settings(&node), Vec::<&str>::new(), "{setting}");
            // One half of more is more, too.
            change(&mut node, most + 2);
            assert_eq!(settings(&node), [setting]);
        }
        let slow = NodeFigures {
            store_ms: 100.1,
            ..calm()
        };
        assert_eq!(settings(&slow), ["database.max_connections"]);
    }

    #[test]
    fn the_cluster_is_as_bad_as_the_worst_of_its_nodes() {
        let node = |id: &str, figures: NodeFigures| NodeInfo {
            id: id.into(),
            version: "1".into(),
            started_at: Timestamp::default(),
            connections: 0,
            address: None,
            route: String::new(),
            draining: false,
            figures,
        };
        let shed = NodeFigures {
            shed_per_minute: 1,
            ..calm()
        };
        let broken = NodeFigures {
            without_database: 1,
            ..calm()
        };
        let good = node("a", calm());
        assert_eq!(judged(std::slice::from_ref(&good)).status, HealthStatus::Ok);
        let bad = judged(&[good.clone(), node("b", shed.clone())]);
        assert_eq!(bad.status, Warning);
        let worse = judged(&[node("b", shed), good, node("c", broken)]);
        assert_eq!((worse.status, worse.nodes), (Critical, 3));
        assert_eq!(worse.recommendations[0].node_id.as_deref(), Some("c"));
    }
}
