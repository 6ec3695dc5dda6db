"""The dashboards: what they show, and why."""

from panels import board, graph, stat, variable

BAD = ((None, "green"), (1, "red"))
R = "$__rate_interval"


def each(metric, by, where=""):
    """How much of a counter there is in a second."""
    return f'sum by ({by}) (rate({metric}{{job="$job"{where}}}[{R}]))'


def quantiles(metric, where=""):
    """Median, 90 and 99 of a hundred, of a histogram."""
    buckets = each(f"{metric}_bucket", "le", where)
    return [(f"histogram_quantile({q}, {buckets})", f"p{q * 100:.0f}") for q in (0.5, 0.9, 0.99)]


def p99(metric, by, where=""):
    return f"histogram_quantile(0.99, {each(f'{metric}_bucket', f'{by}, le', where)})"


def cpu(where=""):
    return f'rate(process_cpu_seconds_total{{job="$job"{where}}}[{R}])'


OVERVIEW = board(
    "overview",
    "Overview",
    "How the users of a cluster fare, and what the nodes have left.",
    [
        ("Now", [
            stat("Nodes", "Nodes that Prometheus reaches.", "none", ('count(switchboard_build_info{job="$job"})', "")),
            stat("Connections", "Sockets on all nodes.", "short", ('sum(switchboard_connections{job="$job"})', "")),
            stat("Messages", "Stored in a second.", "cps", (f'sum(rate(switchboard_messages_stored_total{{job="$job"}}[{R}]))', "")),
            stat("Send, p99", "From a message's decoding to its ack.", "s", ('job:switchboard_send_duration_seconds:p99_rate5m{job="$job"}', ""), steps=((None, "green"), (0.5, "orange"), (1, "red"))),
            stat("Delivery, p99", "From storing to being written to a socket of any node.", "s", ('job:switchboard_fanout_latency_seconds:p99_rate5m{job="$job"}', ""), steps=((None, "green"), (0.5, "orange"), (1, "red"))),
            stat("Failing calls", "INTERNAL and UNAVAILABLE of all calls, over five minutes.", "percentunit", ('job:switchboard_event_failures:ratio_rate5m{job="$job"}', ""), steps=((None, "green"), (0.001, "orange"), (0.0144, "red"))),
            stat("Degraded nodes", "Nodes without Redis or PostgreSQL.", "none", ('sum(switchboard_degraded{job="$job"})', ""), steps=BAD),
        ]),
        ("Traffic", [
            graph("Connections by node", "New nodes get new connections only.", "short", ('sum by (instance) (switchboard_connections{job="$job"})', "{{instance}}"), stacked=True),
            graph("Calls", "The ten most frequent.", "cps", (f'topk(10, {each("switchboard_events_received_total", "event")})', "{{event}}")),
            graph("Messages and deliveries", "Each message is delivered to every socket that follows its conversation.", "cps",
                  (f'sum(rate(switchboard_messages_stored_total{{job="$job"}}[{R}]))', "stored"),
                  (f'sum(rate(switchboard_fanout_deliveries_total{{job="$job"}}[{R}]))', "delivered")),
            graph("Connects", "By how they ended.", "cps", (each("switchboard_connects_total", "result"), "{{result}}")),
            graph("Disconnects", "By why.", "cps", (each("switchboard_disconnects_total", "reason"), "{{reason}}")),
            graph("Recoveries", "Clients that came back: what they got, or why not.", "cps", (each("switchboard_recoveries_total", "result"), "{{result}}"), quiet=True),
        ]),
        ("Errors", [
            graph("Calls that did not end well", "By code. INTERNAL and UNAVAILABLE are ours, the others the callers'.", "cps", (each("switchboard_event_duration_seconds_count", "outcome", ', outcome!="ok"'), "{{outcome}}"), quiet=True),
            graph("Error budget", "Failing calls over the windows that alerts look at. 0.1 % is what a month allows.", "percentunit",
                  ('job:switchboard_event_failures:ratio_rate5m{job="$job"}', "5 min"),
                  ('job:switchboard_event_failures:ratio_rate1h{job="$job"}', "1 h"),
                  ('job:switchboard_event_failures:ratio_rate6h{job="$job"}', "6 h")),
            graph("Refused for a while", "Rate limits, and load that is shed.", "cps",
                  (each("switchboard_rate_limited_total", "event"), "rate: {{event}}"),
                  (each("switchboard_shed_total", "reason"), "shed: {{reason}}"), quiet=True),
        ]),
        ("Latency", [
            graph("Send", "From a message's decoding to its ack.", "s", *quantiles("switchboard_event_duration_seconds", ', event="message:send", outcome="ok"')),
            graph("Calls, p99", "The ten slowest.", "s", (f'topk(10, {p99("switchboard_event_duration_seconds", "event")})', "{{event}}")),
            graph("Delivery", "From storing to being written to a socket of any node.", "s", *quantiles("switchboard_fanout_latency_seconds")),
        ]),
        ("Saturation", [
            graph("CPU", "Cores in use.", "none", (cpu(), "{{instance}}")),
            graph("Memory", "Resident.", "bytes", ('process_resident_memory_bytes{job="$job"}', "{{instance}}")),
            graph("File descriptors", "Of those that a node may have.", "percentunit", ('process_open_fds{job="$job"} / process_max_fds{job="$job"}', "{{instance}}")),
        ]),
    ],
)

FANOUT = board(
    "fanout",
    "Fan-out and Redis",
    "How events get from one node to the sockets of all.",
    [
        ("Redis", [
            graph("Circuit", "0: all is well; 1: a probe is under way; 2: nobody asks it.", "none", ('switchboard_circuit_state{job="$job", dependency="redis"}', "{{instance}}")),
            graph("Events given to the other nodes", "By class.", "cps", (each("switchboard_publishes_total", "class"), "{{class}}")),
            graph("Events that Redis did not take", "By class.", "cps", (each("switchboard_publishes_total", "class", ', result="error"'), "{{class}}"), quiet=True),
        ]),
        ("Delivery", [
            graph("Deliveries", "Into the queues of sockets, by class.", "cps", (each("switchboard_fanout_deliveries_total", "class"), "{{class}}")),
            graph("Deliveries of one message", "How many sockets a message goes to.", "none",
                  (f'sum(rate(switchboard_fanout_deliveries_total{{job="$job"}}[{R}])) / sum(rate(switchboard_messages_stored_total{{job="$job"}}[{R}]))', "deliveries")),
            graph("Latency, p99 by node", "A node whose clock is off, or that is overloaded, stands out.", "s", (p99("switchboard_fanout_latency_seconds", "instance"), "{{instance}}")),
            graph("Holes filled from the database", "What Redis should have brought.", "cps", (each("switchboard_gaps_repaired_total", "instance"), "{{instance}}"), quiet=True),
            graph("Doubles dropped", "Events that had been delivered before.", "cps", (each("switchboard_duplicates_dropped_total", "instance"), "{{instance}}"), quiet=True),
            graph("Bytes that wait for clients", "In the queues of all sockets.", "bytes", ('switchboard_send_queue_bytes{job="$job"}', "{{instance}}")),
            graph("Slow consumers", "Sockets that were closed because their queue was full.", "cps", (each("switchboard_slow_consumers_total", "instance"), "{{instance}}")),
        ]),
        ("Between nodes", [
            graph("Forwarded requests", "For sessions of other nodes, by kind and by what became of them.", "cps", (each("switchboard_forwarded_requests_total", "kind, result"), "{{kind}}: {{result}}"), quiet=True),
            graph("Forwarded WebSockets", "Open at a node for sessions of others.", "short", ('switchboard_forwarded_websockets{job="$job"}', "{{instance}}"), quiet=True),
            graph("Users there", "By presence, as far as each node heard.", "short", ('sum by (status) (switchboard_presence_users{job="$job"})', "{{status}}"), stacked=True),
        ]),
    ],
)

STORE = board(
    "store",
    "Store",
    "PostgreSQL as the nodes see it, and what waits in it.",
    [
        ("Commits", [
            graph("Circuit", "0: all is well; 1: a probe is under way; 2: nobody asks it.", "none", ('switchboard_circuit_state{job="$job", dependency="postgres"}', "{{instance}}")),
            graph("A commit", "Every send waits for one.", "s", *quantiles("switchboard_store_duration_seconds", ', operation="commit"')),
            graph("Messages in a commit", "More under load: then a commit is shared.", "none",
                  (f'sum by (instance) (rate(switchboard_store_batch_size_sum{{job="$job"}}[{R}])) / sum by (instance) (rate(switchboard_store_batch_size_count{{job="$job"}}[{R}]))', "{{instance}}")),
            graph("Messages stored", "By node.", "cps", (each("switchboard_messages_stored_total", "instance"), "{{instance}}"), stacked=True),
            graph("Load that is shed", "full: an organization has too much waiting; slow: it would wait too long; locked: somebody has locked the conversation; calls: too many at a time.", "cps", (each("switchboard_shed_total", "reason"), "{{reason}}"), quiet=True),
            graph("Store, all operations", "Operations that are under way at a time; more than database.max_connections is a queue.", "none", (each("switchboard_store_duration_seconds_sum", "instance"), "{{instance}}")),
        ]),
        ("Operations", [
            graph("How often", "The ten most frequent.", "cps", (f'topk(10, {each("switchboard_store_duration_seconds_count", "operation")})', "{{operation}}")),
            graph("How long, p99", "The ten slowest.", "s", (f'topk(10, {p99("switchboard_store_duration_seconds", "operation")})', "{{operation}}")),
            graph("What takes the time", "Operations under way at a time, the ten with most.", "none", (f'topk(10, {each("switchboard_store_duration_seconds_sum", "operation")})', "{{operation}}")),
        ]),
        ("What waits, and what was lost", [
            graph("Offline queue", "Events that wait for an acknowledgement, and those that were given up.", "short", ('max by (kind) (switchboard_outbox_depth{job="$job"})', "{{kind}}")),
            graph("Events of the offline queue", "By what became of them.", "cps", (each("switchboard_queued_events_total", "result"), "{{result}}")),
            graph("Dead letters", "Deliveries that were given up.", "cps", (each("switchboard_dead_letters_total", "kind"), "{{kind}}"), quiet=True),
            graph("Unread counts repaired", "Users whose badge was wrong until then.", "cps", (each("switchboard_unread_drift_total", "instance"), "{{instance}}"), quiet=True),
            graph("Presence records lost", "Holes in presence:history.", "cps", (each("switchboard_presence_records_lost_total", "instance"), "{{instance}}"), quiet=True),
        ]),
    ],
)

SECURITY = board(
    "security",
    "Security",
    "Who is refused, and for what.",
    [
        ("Getting in", [
            graph("Refused tokens", "By why.", "cps", (each("switchboard_auth_failures_total", "reason"), "{{reason}}"), quiet=True),
            graph("Refused connects", "By code.", "cps", (each("switchboard_connects_total", "result", ', result!="ok"'), "{{result}}"), quiet=True),
            graph("Connections beyond a limit", "Of the node, an address, an organization or a user.", "cps", (each("switchboard_connections_refused_total", "limit"), "{{limit}}")),
            graph("Key sets", "Attempts to fetch auth.jwks_url.", "cps", (each("switchboard_jwks_fetches_total", "result"), "{{result}}"), quiet=True),
            graph("Sockets ended", "Because their token was revoked, or their user sent away.", "cps", (each("switchboard_sockets_revoked_total", "instance"), "{{instance}}"), quiet=True),
        ]),
        ("Calls", [
            graph("Rate limits", "Calls that were refused for their frequency; connects and failed_connects are of an address.", "cps", (each("switchboard_rate_limited_total", "event"), "{{event}}"), quiet=True),
            graph("FORBIDDEN and NOT_FOUND", "Somebody who tries what is not theirs shows here.", "cps", (each("switchboard_event_duration_seconds_count", "event, outcome", ', outcome=~"FORBIDDEN|NOT_FOUND|UNAUTHENTICATED"'), "{{event}}: {{outcome}}"), quiet=True),
            graph("Bad payloads", "A front end with a defect, or somebody who looks for one in the gateway.", "cps", (each("switchboard_event_duration_seconds_count", "event, outcome", ', outcome=~"VALIDATION_FAILED|PAYLOAD_TOO_LARGE"'), "{{event}}: {{outcome}}"), quiet=True),
            graph("Names that no event has", "Calls with an unknown name.", "cps", (each("switchboard_events_received_total", "instance", ', event="unknown"'), "{{instance}}"), quiet=True),
            graph("HTTP API", "Requests that were refused, by bucket and code.", "cps", (each("switchboard_request_duration_seconds_count", "request, outcome", ', outcome!="ok"'), "{{request}}: {{outcome}}"), quiet=True),
            graph("Between nodes", "Forwarded requests that another node did not believe: a secret or a clock differs.", "cps", (each("switchboard_forwarded_requests_total", "instance", ', result="refused"'), "{{instance}}"), quiet=True),
        ]),
    ],
)

ONE = ', instance="$node"'

NODE = board(
    "node",
    "One node",
    "Everything about a single node.",
    [
        ("Now", [
            stat("Connections", "", "short", (f'sum(switchboard_connections{{job="$job"{ONE}}})', "")),
            stat("Degraded", "1: without Redis or PostgreSQL.", "none", (f'switchboard_degraded{{job="$job"{ONE}}}', ""), steps=BAD),
            stat("Running for", "", "s", (f'time() - process_start_time_seconds{{job="$job"{ONE}}}', "")),
            stat("Version", "", "none", (f'switchboard_build_info{{job="$job"{ONE}}}', "{{version}} ({{commit}})")),
        ]),
        ("Sockets", [
            # The label `namespace` has another name on Kubernetes, where it is the pod's.
            graph("Connections", "By transport.", "short", (f'sum by (transport) (switchboard_connections{{job="$job"{ONE}}})', "{{transport}}"), stacked=True),
            graph("Connects and disconnects", "", "cps", (each("switchboard_connects_total", "result", ONE), "connect: {{result}}"), (each("switchboard_disconnects_total", "reason", ONE), "disconnect: {{reason}}")),
            graph("Bytes that wait for clients", "", "bytes", (f'switchboard_send_queue_bytes{{job="$job"{ONE}}}', "bytes")),
        ]),
        ("Calls", [
            graph("Calls", "The ten most frequent.", "cps", (f'topk(10, {each("switchboard_events_received_total", "event", ONE)})', "{{event}}")),
            graph("Send", "", "s", *quantiles("switchboard_event_duration_seconds", f', event="message:send", outcome="ok"{ONE}')),
            graph("HTTP API, p99", "By bucket.", "s", (p99("switchboard_request_duration_seconds", "request", ONE), "{{request}}"), quiet=True),
        ]),
        ("What it stands on", [
            graph("Circuits", "0: all is well; 1: a probe is under way; 2: nobody asks it.", "none", (f'switchboard_circuit_state{{job="$job"{ONE}}}', "{{dependency}}")),
            graph("A commit", "", "s", *quantiles("switchboard_store_duration_seconds", f', operation="commit"{ONE}')),
            graph("Delivery", "", "s", *quantiles("switchboard_fanout_latency_seconds", ONE)),
        ]),
        ("Process", [
            graph("CPU", "Cores in use.", "none", (cpu(ONE), "cores")),
            graph("Memory", "", "bytes", (f'process_resident_memory_bytes{{job="$job"{ONE}}}', "resident"), (f'process_virtual_memory_bytes{{job="$job"{ONE}}}', "virtual")),
            graph("Threads and descriptors", "", "short", (f'process_threads{{job="$job"{ONE}}}', "threads"), (f'process_open_fds{{job="$job"{ONE}}}', "open descriptors"), (f'process_max_fds{{job="$job"{ONE}}}', "most descriptors")),
        ]),
    ],
    variables=[variable("node", "Node", 'label_values(switchboard_build_info{job="$job"}, instance)')],
)

BOARDS = {"overview": OVERVIEW, "fanout": FANOUT, "store": STORE, "security": SECURITY, "node": NODE}
