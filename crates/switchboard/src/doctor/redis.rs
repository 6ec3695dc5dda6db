//! Redis: whether a node could use it, and what else it says.

use std::time::{Duration, Instant};

use switchboard_hub::{RedisExamination, RedisOptions, RedisTrouble, ServerFacts, ask_sentinels};
use switchboard_messaging::hub::{HubResult, NodeInfo};

use super::finding::Finding;
use super::patient::Patient;
use super::{memory, sentinels, shards};
use crate::serve::connect;

const CHECK: &str = "redis";
const PUBSUB: &str = "redis.pubsub";
const SCRIPTS: &str = "redis.scripts";

/// The oldest version that has what nodes use.
const OLDEST: u32 = 7;

/// What is shared is lost when it is: so nothing more is said of it than that.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) findings: Vec<Finding>,
    /// The nodes that are alive, if Redis could say so.
    pub(super) nodes: Option<Vec<NodeInfo>>,
    /// How far its clock is ahead, in ms.
    pub(super) ahead: Option<i64>,
}

pub(super) async fn look(patient: &Patient<'_>) -> Shared {
    let mut shared = Shared::default();
    let Some(options) = connect::redis_options(patient.settings(), "doctor") else {
        let found = "none is configured: this node is the only one";
        shared.findings.push(Finding::ok(CHECK, found));
        return shared;
    };
    match patient.bounded(ask_sentinels(&options)).await {
        Ok(Ok(Some(asked))) => {
            let found = sentinels::judge(&asked);
            let usable = found.usable;
            shared.findings.extend(found.findings);
            if !usable {
                return shared;
            }
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            let trouble = RedisTrouble::Unusable(error.0);
            shared.findings.push(unusable(patient, &trouble));
            return shared;
        }
        Err(late) => {
            let trouble = RedisTrouble::Unreachable(late);
            shared.findings.push(sentinels::unreachable(&trouble));
            return shared;
        }
    }
    // Boxed: the client's connecting takes 49 KiB.
    Box::pin(connected(patient, &options, &mut shared)).await;
    shared
}

/// Connects as a node does, and looks at what is there.
async fn connected(patient: &Patient<'_>, options: &RedisOptions, shared: &mut Shared) {
    let began = Instant::now();
    let connecting = RedisExamination::connect(options, rand::random());
    let redis = match patient.bounded(connecting).await {
        Ok(Ok(redis)) => redis,
        Ok(Err(trouble)) => return shared.findings.push(unusable(patient, &trouble)),
        Err(late) => {
            let trouble = RedisTrouble::Unreachable(late);
            return shared.findings.push(unusable(patient, &trouble));
        }
    };
    let took = began.elapsed();
    // Together: each of them waits for no longer than `redis.command_timeout` for each answer.
    let (servers, slots, heard, time, nodes) = tokio::join!(
        redis.servers(),
        redis.slots(),
        redis.hears_itself(),
        patient.ahead(redis.runs_scripts()),
        redis.nodes(),
    );
    shared.findings.push(server(&servers, took));
    shared.findings.push(pubsub(heard));
    shared.findings.push(scripts(&time));
    if let Ok(servers) = &servers {
        shared.findings.push(memory::judge(servers));
        shared.findings.push(memory::persistence(servers));
        shared.findings.extend(shards::replicas(patient, servers));
    }
    shared.findings.extend(shards::slots(&slots));
    shared.nodes = nodes.ok();
    shared.ahead = time.ok();
    redis.close().await;
}

fn unusable(patient: &Patient<'_>, trouble: &RedisTrouble) -> Finding {
    let url = patient.settings().redis.url.as_ref();
    let url = url.map(ToString::to_string).unwrap_or_default();
    let mend = match trouble {
        RedisTrouble::Credentials(_) => {
            "set redis.password (or redis.password_file; with an ACL user redis.username, too) to \
             what Redis asks for: `requirepass` in redis.conf, or `ACL SETUSER`"
        }
        RedisTrouble::Unreachable(_) => {
            "start Redis, or let redis.url name the host and port where it listens (`bind` and \
             `port` in redis.conf) and this host reach them"
        }
        RedisTrouble::Unusable(_) => {
            "correct redis.url and the files of redis.tls_…: `switchboard config check` reads them"
        }
        RedisTrouble::Other(_) => {
            "see what it says: TLS needs a rediss:// URL and redis.tls_ca_file, a Cluster \
             redis-cluster://, a user `+info +time +@scripting +@pubsub +@read +@write`"
        }
    };
    let found = format!("{url}: {trouble}; nothing else of Redis was looked at");
    Finding::fail(CHECK, found, mend)
}

fn server(servers: &HubResult<Vec<ServerFacts>>, took: Duration) -> Finding {
    let took = took.as_millis();
    let servers = match servers {
        Ok(servers) => servers,
        Err(error) => {
            let found = format!("connected in {took} ms, but it does not say what it is: {error}");
            let mend = "let the user of redis.username use INFO: `ACL SETUSER … +info`";
            return Finding::warn(CHECK, found, mend);
        }
    };
    let told: Vec<String> = servers
        .iter()
        .map(|one| format!("{} at {}", one.version, one.address))
        .collect();
    let found = format!("connected in {took} ms to Redis {}", told.join(", "));
    if let Some(replica) = servers.iter().find(|one| one.is_replica) {
        let mend = "let redis.url name the primary, or the sentinels that know it";
        let found = format!("{} is a replica, which takes no writes", replica.address);
        return Finding::fail(CHECK, found, mend);
    }
    if servers.iter().any(|one| one.major_version() < OLDEST) {
        let mend = "upgrade to Redis 7.0 or newer: nodes use what older ones do not have";
        return Finding::fail(CHECK, found, mend);
    }
    Finding::ok(CHECK, found)
}

fn pubsub(heard: HubResult<Duration>) -> Finding {
    match heard {
        Ok(took) => {
            let took = took.as_secs_f64() * 1e3;
            Finding::ok(
                PUBSUB,
                format!("heard what it published after {took:.1} ms"),
            )
        }
        Err(error) => Finding::fail(
            PUBSUB,
            error.to_string(),
            "let the user of redis.username publish and subscribe (`ACL SETUSER … \
             &<redis.key_prefix>:* +@pubsub`), and no proxy be between that does not",
        ),
    }
}

fn scripts<T>(time: &HubResult<T>) -> Finding {
    match time {
        Ok(_) => Finding::ok(SCRIPTS, "a script wrote a key and read it back"),
        Err(error) => Finding::fail(
            SCRIPTS,
            error.to_string(),
            "READONLY: name the primary; OOM: give it memory; NOPERM: `ACL SETUSER … \
             ~<redis.key_prefix>:* +@scripting +@read +@write +time`",
        ),
    }
}
