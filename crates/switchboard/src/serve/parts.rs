//! From settings to parts: one function a part. Nothing else knows the settings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchboard_api::health::{Health, Lifecycle};
use switchboard_config::{
    AllowQueryToken, DatabaseBackend, Deletion, Preset as PresetName, Settings,
};
use switchboard_forward::Route;
use switchboard_gateway::{GatewayOptions, QueryToken};
use switchboard_hub::LogBounds;
use switchboard_messaging::bridges::Bridges;
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::limits::{Preset, RateTable};
use switchboard_messaging::presence::{PresenceService, PresenceTimes};
use switchboard_messaging::queue::QueueRules;
use switchboard_messaging::receipts::ReceiptService;
use switchboard_messaging::store::QueueBounds;
use switchboard_messaging::typing::TypingService;
use switchboard_messaging::{
    Clock, Hub, Live, Messaging, Rate, Revocations, Rules, Store, SystemIds, searchable,
};
use switchboard_protocol::Dialect;
use switchboard_socketio::listen;
use switchboard_telemetry::names;
use switchboard_trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most conversations that a socket enters by itself.
const AUTO_JOIN: i64 = 200;

/// How long changes of unread counts are gathered before users are told.
const UNREAD_WINDOW: Duration = Duration::from_millis(300);
/// How often the noted counts of some users are compared with the database.
const UNREAD_CHECK: Duration = Duration::from_mins(1);

/// This node's name: the configured one, or the host's with something random, new at each start.
pub(crate) fn node_id(settings: &Settings) -> String {
    if let Some(id) = &settings.general.node_id {
        return id.as_str().to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let harmless = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let host: String = host.trim().chars().filter(harmless).take(60).collect();
    let host = if host.is_empty() {
        "node".to_owned()
    } else {
        host
    };
    format!("{host}-{:08x}", rand::random::<u32>())
}

pub(crate) fn messaging(
    settings: &Settings,
    (store, hub, tracer): (Arc<dyn Store>, Arc<dyn Hub>, Option<Tracer>),
    clock: &Arc<dyn Clock>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Messaging {
    let owner = (tasks.clone(), stop.clone());
    let presence = PresenceService::new(
        (Arc::clone(&store), Arc::clone(&hub)),
        Arc::clone(clock),
        PresenceTimes {
            offline_grace: settings.presence.offline_grace,
            idle_after: settings.presence.idle_after,
            history: settings.presence.history_retention,
        },
        owner.clone(),
    );
    tasks.spawn(searchable::fill_in(Arc::clone(&store), stop.clone()));
    let ttl = settings.presence.typing_ttl;
    let typing = TypingService::new(Arc::clone(&hub), Arc::clone(clock), ttl, owner.clone());
    let receipts = ReceiptService::new(Arc::clone(&hub), Arc::clone(clock), owner.clone());
    Messaging {
        store,
        hub,
        clock: Arc::clone(clock),
        ids: Arc::new(SystemIds),
        rules: Live::new(rules(settings)),
        rates: Live::new(rates(settings)),
        presence,
        typing,
        receipts,
        bridges: Bridges::new(owner),
        revocations: Revocations::new(settings.auth.revocations_kept),
        tracer,
    }
}

pub(crate) fn rules(settings: &Settings) -> Rules {
    Rules {
        max_length: settings.messages.max_length as usize,
        edit_window: settings.messages.edit_limit(),
        deletion: settings.messages.deletion == Deletion::Tombstone,
        queue: queue_rules(settings),
        auto_join: if settings.realtime.auto_join {
            AUTO_JOIN
        } else {
            0
        },
    }
}

fn queue_rules(settings: &Settings) -> QueueRules {
    let (queue, rules) = (&settings.queue, QueueRules::default());
    QueueRules {
        bounds: QueueBounds {
            events: i64::from(queue.max_events),
            ..rules.bounds
        },
        ttl: queue.ttl,
        retry_after: queue.retry_after,
        retry_max: queue.retry_max,
        attempts: i64::from(queue.attempts),
        dead_for: queue.dead_letter_ttl,
    }
}

pub(crate) fn rates(settings: &Settings) -> RateTable {
    let preset = match settings.rate_limits.preset {
        PresetName::Standard => Preset::Standard,
        PresetName::Strict => Preset::Strict,
        PresetName::Marketplace => Preset::Marketplace,
    };
    let rate = |rate: switchboard_config::Rate| Rate::new(rate.limit, rate.per);
    let events = settings.rate_limits.events.iter();
    let events: HashMap<_, _> = events
        .map(|(name, limit)| (name.clone(), rate(*limit)))
        .collect();
    RateTable::new(preset, settings.rate_limits.default.map(rate), events)
        .with_organization(settings.limits.events_per_org.map(rate))
        .with_connects(
            settings.limits.connects.0.map(rate),
            settings.limits.failed_connects.0.map(rate),
        )
}

/// How much of each room is remembered for those who are away.
pub(crate) fn log_bounds(settings: &Settings) -> LogBounds {
    let recovery = &settings.recovery;
    LogBounds {
        length: recovery.log_length as usize,
        ttl_ms: recovery.log_ttl.as_millis() as i64,
    }
}

pub(crate) fn gateway_options(
    settings: &Settings,
    node_id: &str,
    route: Route,
    dialects: Vec<Dialect>,
) -> GatewayOptions {
    let realtime = &settings.realtime;
    GatewayOptions {
        node_id: node_id.to_owned(),
        cookie: settings
            .auth
            .cookie
            .as_ref()
            .map(|name| name.as_str().to_owned()),
        query_token: match settings.auth.allow_query_token {
            AllowQueryToken::Eio3 => QueryToken::Eio3,
            AllowQueryToken::Always => QueryToken::Always,
            AllowQueryToken::Never => QueryToken::Never,
        },
        unread_window: UNREAD_WINDOW,
        unread_check: UNREAD_CHECK,
        presence_window: settings.presence.batch_window,
        connections_per_user: settings.limits.connections_per_user as usize,
        connections_per_org: settings.limits.connections_per_org as usize,
        max_disconnection: settings.recovery.max_disconnection,
        dialects,
        rooms_per_socket: settings.limits.rooms_per_socket as usize,
        socketio: switchboard_socketio::Options {
            max_packet: realtime.max_packet.bytes(),
            ping_interval: realtime.ping_interval,
            ping_timeout: realtime.ping_timeout,
            connect_timeout: realtime.connect_timeout,
            connections_per_address: settings.limits.connections_per_address as usize,
            send_queue: realtime.send_queue.bytes(),
            write_interval: realtime.write_interval,
            compression: realtime.compression,
            engine_id_prefix: route.as_str().to_owned(),
            ..switchboard_socketio::Options::default()
        },
    }
}

/// How the public listener takes connections.
pub(crate) fn listen_options(settings: &Settings) -> listen::Options {
    listen::Options {
        max_connections: settings.http.max_connections as usize,
        on_refused: || {
            metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL, "limit" => "node").increment(1);
        },
        ..listen::Options::default()
    }
}

/// How long the closes of a draining node's sockets are spread over: most of the time that there is
/// for draining, or nothing when there is no other node that they could crowd. Nodes that drain at
/// the same time take all of it, but for what the last closes need.
pub(crate) fn drain_window(settings: &Settings, node: &str, messaging: &Messaging) -> DrainWindow {
    let drain = match settings.redis.url {
        Some(_) => settings.shutdown.drain,
        None => Duration::ZERO,
    };
    DrainWindow {
        registry: Arc::clone(&messaging.hub) as _,
        node: node.to_owned(),
        alone: drain * 2 / 3,
        in_company: drain * 9 / 10,
    }
}

pub(crate) fn health(
    settings: &Settings,
    node_id: &str,
    messaging: &Messaging,
    lifecycle: &Lifecycle,
) -> Health {
    let database = match settings.database.url.backend() {
        DatabaseBackend::Sqlite => "sqlite",
        DatabaseBackend::Postgres => "postgres",
    };
    let hub = if settings.redis.url.is_some() {
        "redis"
    } else {
        "memory"
    };
    Health {
        lifecycle: lifecycle.clone(),
        node: node_id.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        store: (database, Arc::clone(&messaging.store)),
        hub: (hub, Arc::clone(&messaging.hub)),
        clock: Arc::clone(&messaging.clock),
    }
}
