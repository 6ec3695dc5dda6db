//! The table of metrics.

use crate::names;

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

impl MetricKind {
    /// As Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct MetricInfo {
    /// Its full name.
    pub name: &'static str,
    /// What it does over time.
    pub kind: MetricKind,
    /// Its labels, each with a bounded set of values: never a user's id.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub doc: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    doc: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        kind: MetricKind::Counter,
        labels,
        doc,
    }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    doc: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        kind: MetricKind::Gauge,
        labels,
        doc,
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    doc: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        kind: MetricKind::Histogram,
        labels,
        doc,
    }
}

/// Every metric of a node.
pub const METRICS: &[MetricInfo] = &[
    gauge(
        names::CONNECTIONS,
        &["transport", "namespace"],
        "Sockets that are connected to this node now.",
    ),
    counter(
        names::CONNECTS_TOTAL,
        &["result"],
        "Attempts to connect, by how they ended.",
    ),
    counter(
        names::DISCONNECTS_TOTAL,
        &["reason"],
        "Sockets that went away, by why.",
    ),
    counter(
        names::EVENTS_RECEIVED_TOTAL,
        &["event"],
        "Events from clients; names that are not known count as `unknown`.",
    ),
    histogram(
        names::EVENT_DURATION_SECONDS,
        &["event", "outcome"],
        "From an event's decoding to its ack.",
    ),
    counter(
        names::MESSAGES_STORED_TOTAL,
        &[],
        "Messages that the database has committed.",
    ),
    histogram(
        names::STORE_BATCH_SIZE,
        &[],
        "Messages that were committed in one transaction.",
    ),
    histogram(
        names::STORE_DURATION_SECONDS,
        &["operation"],
        "How long the database took for an operation.",
    ),
    counter(
        names::SHED_TOTAL,
        &["reason"],
        "Calls that were refused at once with `UNAVAILABLE` and `retryAfterMs`, because their \
         organization has too much waiting (`full`), they would wait for too long (`slow`), or \
         somebody else has locked their conversation (`locked`); or because too many calls of \
         their organization were before them on this node (`calls`). Connects that waited for \
         15 s (`connects`): the client is cut off and comes again by itself.",
    ),
    gauge(
        names::CONNECTS_WAITING,
        &[],
        "Sockets with a good token that wait until others have come in: 32 do so at a time.",
    ),
    counter(
        names::CONNECTIONS_REFUSED_TOTAL,
        &["limit"],
        "Connections that were refused for a limit: `node`, `address`, `organization` or `user`.",
    ),
    counter(
        names::PUBLISHES_TOTAL,
        &["class", "result"],
        "Events that were given to the other nodes, by delivery class.",
    ),
    counter(
        names::FANOUT_DELIVERIES_TOTAL,
        &["class"],
        "Events that were put into the queue of a socket of this node.",
    ),
    histogram(
        names::FANOUT_LATENCY_SECONDS,
        &[],
        "From a change's storing to its being written to a socket, over all nodes.",
    ),
    gauge(
        names::SEND_QUEUE_BYTES,
        &[],
        "Bytes that wait in the sockets' queues for their clients to read.",
    ),
    counter(
        names::SLOW_CONSUMERS_TOTAL,
        &[],
        "Sockets that were closed because their queue was full.",
    ),
    counter(
        names::RECOVERIES_TOTAL,
        &["result"],
        "Clients that came back and asked for what they had: `recovered`, or why not.",
    ),
    counter(
        names::GAPS_REPAIRED_TOTAL,
        &[],
        "Holes in a conversation's sequence that were filled from the database.",
    ),
    counter(
        names::BUS_LAGGED_TOTAL,
        &[],
        "Events of other nodes that came faster than this node took them; they are read from the \
         database instead.",
    ),
    counter(
        names::DUPLICATES_DROPPED_TOTAL,
        &[],
        "Events from other nodes that had been delivered before.",
    ),
    counter(
        names::UNREAD_DRIFT_TOTAL,
        &[],
        "Users of whom other unread counts were noted than the database has; they were repaired.",
    ),
    counter(
        names::RATE_LIMITED_TOTAL,
        &["event"],
        "Calls that were refused for their frequency.",
    ),
    counter(
        names::AUTH_FAILURES_TOTAL,
        &["reason"],
        "Tokens that were refused, by why.",
    ),
    counter(
        names::QUEUED_EVENTS_TOTAL,
        &["result"],
        "Events of the offline queue: `kept`, `dropped` because a queue was full, `sent` (each time), \
         `expired`.",
    ),
    counter(
        names::DEAD_LETTERS_TOTAL,
        &["kind"],
        "Deliveries that were given up: `queue`, an event that its user did not acknowledge.",
    ),
    gauge(
        names::OUTBOX_DEPTH,
        &["kind"],
        "What the database keeps to be delivered, counted once a minute: `queue`, events that wait for \
         an acknowledgement; `dead_letters`, those that were given up. The same on all nodes.",
    ),
    histogram(
        names::REQUEST_DURATION_SECONDS,
        &["request", "outcome"],
        "Requests of the HTTP API, by the bucket that they take a token from and by what came of them.",
    ),
    counter(
        names::JWKS_FETCHES_TOTAL,
        &["result"],
        "Attempts to fetch the key set of `auth.jwks_url`: `ok` or `error`; after an error the old keys stay.",
    ),
    counter(
        names::TLS_HANDSHAKES_TOTAL,
        &["result"],
        "TLS handshakes of the public listener: `ok`, `error` (the client did not believe the certificate, or spoke \
         something else) or `timeout`.",
    ),
    gauge(
        names::TLS_CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS,
        &[],
        "When the certificate of the public listener ends, in seconds since 1970; absent without `http.tls_cert_file`.",
    ),
    counter(
        names::SOCKETS_REVOKED_TOTAL,
        &[],
        "Sockets that were ended because their token was revoked or their user was sent away.",
    ),
    gauge(
        names::PRESENCE_USERS,
        &["status"],
        "Users with a socket on this node, by presence as far as the node heard.",
    ),
    counter(
        names::PRESENCE_RECORDS_LOST_TOTAL,
        &[],
        "Records of when users were there (`presence:history`) that were not stored: too many waited for the database, \
         or it refused them.",
    ),
    counter(
        names::FORWARDED_REQUESTS_TOTAL,
        &["kind", "result"],
        "Requests for sessions of other nodes, by kind (`poll`, `post`, `upgrade`) and by what became of \
         them: `ok` (the other node answered, whatever it said), `gone` (it is not there any more), \
         `unreachable` (it should be there, but takes no connection; also in the minute after its death), \
         `refused` (it does not share this node's cluster secret, or clock), `error` (the connection broke).",
    ),
    gauge(
        names::FORWARDED_WEBSOCKETS,
        &[],
        "WebSockets that clients have opened at this node for sessions of other nodes.",
    ),
    gauge(names::REDIS_UP, &[], "1 while Redis answers, else 0."),
    gauge(
        names::POSTGRES_UP,
        &[],
        "1 while PostgreSQL answers, else 0.",
    ),
    gauge(
        names::DEGRADED,
        &[],
        "1 while the node does without something that it needs, else 0.",
    ),
    gauge(
        names::CIRCUIT_STATE,
        &["dependency"],
        "The circuit before `redis` or `postgres`: 0 closed, all is well; 1 half-open, a probe is under way; 2 open, nobody asks it.",
    ),
    counter(
        names::TRACE_SPANS_EXPORTED_TOTAL,
        &[],
        "Spans that the receiver at `telemetry.otlp_endpoint` took.",
    ),
    counter(
        names::TRACE_SPANS_DROPPED_TOTAL,
        &["reason"],
        "Spans that the receiver at `telemetry.otlp_endpoint` did not get: `export`, it did not take \
         them; `queue`, too many waited for it; `closed`, the node was on the way out.",
    ),
    gauge(
        names::BUILD_INFO,
        &["version", "commit"],
        "Always 1; what is running is in the labels.",
    ),
];
