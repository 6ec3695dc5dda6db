//! The names of the metrics, as Prometheus sees them.

/// Gauge `{transport, namespace}`: sockets that are connected now.
pub const CONNECTIONS: &str = "switchboard_connections";
/// Counter `{result}`: attempts to connect.
pub const CONNECTS_TOTAL: &str = "switchboard_connects_total";
/// Counter `{reason}`: sockets that went away.
pub const DISCONNECTS_TOTAL: &str = "switchboard_disconnects_total";
/// Counter `{event}`: events from clients.
pub const EVENTS_RECEIVED_TOTAL: &str = "switchboard_events_received_total";
/// Histogram `{event, outcome}`, seconds: decoding to ack.
pub const EVENT_DURATION_SECONDS: &str = "switchboard_event_duration_seconds";
/// Counter: messages committed.
pub const MESSAGES_STORED_TOTAL: &str = "switchboard_messages_stored_total";
/// Histogram: messages in one transaction.
pub const STORE_BATCH_SIZE: &str = "switchboard_store_batch_size";
/// Histogram `{operation}`, seconds: time that the database took.
pub const STORE_DURATION_SECONDS: &str = "switchboard_store_duration_seconds";
/// Counter `{reason}`: writes refused for too much to do.
pub const SHED_TOTAL: &str = "switchboard_shed_total";
/// Counter `{limit}`: connections refused for a limit.
pub const CONNECTIONS_REFUSED_TOTAL: &str = "switchboard_connections_refused_total";
/// Gauge: sockets that wait to come in.
pub const CONNECTS_WAITING: &str = "switchboard_connects_waiting";
/// Counter `{class, result}`: events given to the other nodes.
pub const PUBLISHES_TOTAL: &str = "switchboard_publishes_total";
/// Counter `{class}`: events put into sockets' queues.
pub const FANOUT_DELIVERIES_TOTAL: &str = "switchboard_fanout_deliveries_total";
/// Histogram, seconds: stored to written to the socket.
pub const FANOUT_LATENCY_SECONDS: &str = "switchboard_fanout_latency_seconds";
/// Gauge, bytes: what waits for clients to read.
pub const SEND_QUEUE_BYTES: &str = "switchboard_send_queue_bytes";
/// Counter: sockets closed for a full queue.
pub const SLOW_CONSUMERS_TOTAL: &str = "switchboard_slow_consumers_total";
/// Counter `{result}`: clients that asked to get back what they had.
pub const RECOVERIES_TOTAL: &str = "switchboard_recoveries_total";
/// Counter: holes filled from the database.
pub const GAPS_REPAIRED_TOTAL: &str = "switchboard_gaps_repaired_total";
/// Counter: events of other nodes that came faster than they were taken, and are read from the database.
pub const BUS_LAGGED_TOTAL: &str = "switchboard_bus_lagged_total";
/// Counter: events that had been delivered before.
pub const DUPLICATES_DROPPED_TOTAL: &str = "switchboard_duplicates_dropped_total";
/// Counter: users of whom other unread counts were noted than the database has.
pub const UNREAD_DRIFT_TOTAL: &str = "switchboard_unread_drift_total";
/// Counter `{event}`: calls refused for their frequency.
pub const RATE_LIMITED_TOTAL: &str = "switchboard_rate_limited_total";
/// Counter `{reason}`: tokens refused.
pub const AUTH_FAILURES_TOTAL: &str = "switchboard_auth_failures_total";
/// Counter `{result}`: events of the offline queue.
pub const QUEUED_EVENTS_TOTAL: &str = "switchboard_queued_events_total";
/// Counter `{kind}`: what was tried too often in vain.
pub const DEAD_LETTERS_TOTAL: &str = "switchboard_dead_letters_total";
/// Gauge `{kind}`: what the database keeps to be delivered.
pub const OUTBOX_DEPTH: &str = "switchboard_outbox_depth";
/// Histogram `{request, outcome}`, seconds: requests of the HTTP API.
pub const REQUEST_DURATION_SECONDS: &str = "switchboard_request_duration_seconds";
/// Counter `{result}`: attempts to fetch the key set of `auth.jwks_url`.
pub const JWKS_FETCHES_TOTAL: &str = "switchboard_jwks_fetches_total";
/// Counter `{result}`: TLS handshakes of the public listener.
pub const TLS_HANDSHAKES_TOTAL: &str = "switchboard_tls_handshakes_total";
/// Gauge, seconds since 1970: when the certificate of the public listener ends.
pub const TLS_CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS: &str =
    "switchboard_tls_certificate_expiry_timestamp_seconds";
/// Counter: sockets ended because their token was revoked or their user sent away.
pub const SOCKETS_REVOKED_TOTAL: &str = "switchboard_sockets_revoked_total";
/// Gauge `{status}`: users by presence.
pub const PRESENCE_USERS: &str = "switchboard_presence_users";
/// Counter: records of when users were there that were not stored.
pub const PRESENCE_RECORDS_LOST_TOTAL: &str = "switchboard_presence_records_lost_total";
/// Counter `{kind, result}`: requests that came to the wrong node.
pub const FORWARDED_REQUESTS_TOTAL: &str = "switchboard_forwarded_requests_total";
/// Gauge: WebSockets of other nodes' sessions.
pub const FORWARDED_WEBSOCKETS: &str = "switchboard_forwarded_websockets";
/// Gauge: 1 while Redis answers.
pub const REDIS_UP: &str = "switchboard_redis_up";
/// Gauge: 1 while PostgreSQL answers.
pub const POSTGRES_UP: &str = "switchboard_postgres_up";
/// Gauge: 1 while something needed is missing.
pub const DEGRADED: &str = "switchboard_degraded";
/// Gauge `{dependency}`: 0 closed, 1 half-open, 2 open.
pub const CIRCUIT_STATE: &str = "switchboard_circuit_state";
/// Counter: spans that the receiver of traces took.
pub const TRACE_SPANS_EXPORTED_TOTAL: &str = "switchboard_trace_spans_exported_total";
/// Counter `{reason}`: spans that it did not get.
pub const TRACE_SPANS_DROPPED_TOTAL: &str = "switchboard_trace_spans_dropped_total";
/// Gauge `{version, commit}`: always 1.
pub const BUILD_INFO: &str = "switchboard_build_info";
