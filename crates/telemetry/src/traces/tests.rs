//! Against a receiver that reads what it gets, as a collector does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use switchboard_trace::{Settings, SpanKind, TraceContext, Tracer};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::*;

/// A receiver of traces.
struct Receiver {
    url: String,
    requests: mpsc::Receiver<ExportTraceServiceRequest>,
    status: Arc<AtomicU16>,
    tasks: TaskTracker,
}

type Told = (mpsc::Sender<ExportTraceServiceRequest>, Arc<AtomicU16>);

async fn take(State((told, status)): State<Told>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
    if status.is_success() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        told.send(request).await.unwrap();
    }
    status
}

async fn receiver() -> Receiver {
    let (told, requests) = mpsc::channel(16);
    let status = Arc::new(AtomicU16::new(200));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/v1/traces", post(take))
        .with_state((told, Arc::clone(&status)));
    let tasks = TaskTracker::new();
    tasks.spawn(async move { axum::serve(listener, app).await });
    Receiver {
        url,
        requests,
        status,
        tasks,
    }
}

fn target(url: &str) -> TraceTarget {
    TraceTarget {
        url: url.to_owned(),
        service: "chat".to_owned(),
        node: "one".to_owned(),
        version: "1.2.3",
    }
}

fn tracer(ratio: f64, capacity: usize) -> (Tracer, mpsc::Receiver<Vec<FinishedSpan>>) {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let settings = Settings {
        ratio,
        now: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        // Ids that are never alike, in both halves.
        random: || u128::from(COUNT.fetch_add(1_000, Ordering::SeqCst)) * (1 + (1 << 64)),
    };
    Tracer::new(settings, capacity)
}

/// Makes one span.
fn deliver(tracer: &Tracer) {
    let from = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut span = tracer.join(
        "deliver",
        SpanKind::Consumer,
        TraceContext::parse(from).unwrap(),
    );
    span.set("switchboard.sockets", 2);
    span.end();
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let resources = request.resource_spans.into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

#[tokio::test]
async fn a_trace_arrives_with_parents_and_links_and_says_which_node_it_is_from() {
    let mut receiver = receiver().await;
    let (tracer, queue) = tracer(1.0, 16);
    let export = TraceExport::new(&target(&receiver.url), queue).unwrap();
    receiver.tasks.spawn(export.run(CancellationToken::new()));

    let parent = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let event = tracer.begin("message:send", parent);
    let work = async {
        let _store = switchboard_trace::span("store").does("append");
        let ticket = switchboard_trace::ticket();
        switchboard_trace::Batch::begin(ticket.as_deref().into_iter()).end("commit", 3, false);
    };
    event.about("acme".to_owned(), None, None).run(work).await;

    let request = receiver.requests.recv().await.unwrap();
    let resource = request.resource_spans[0].resource.clone().unwrap();
    let said = format!("{:?}", resource.attributes);
    for (key, value) in [
        ("service.name", "chat"),
        ("node", "one"),
        ("service.version", "1.2.3"),
    ] {
        assert!(said.contains(key) && said.contains(value), "{said}");
    }
    let spans = spans(request);
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (root, store, commit) = (named("message:send"), named("store"), named("commit"));
    let parent = parent.unwrap();
    assert_eq!(root.trace_id, parent.trace.get().to_be_bytes());
    assert_eq!(root.parent_span_id, parent.span.get().to_be_bytes());
    assert_eq!(
        (&store.trace_id, &store.parent_span_id),
        (&root.trace_id, &root.span_id)
    );
    assert_ne!(commit.trace_id, root.trace_id);
    let linked = |from: &Span, to: &Span| {
        from.links
            .iter()
            .any(|link| link.trace_id == to.trace_id && link.span_id == to.span_id)
    };
    assert!(linked(store, commit) && linked(commit, store));
    assert!(root.start_time_unix_nano >= 1_000_000_000_000);
    assert!(root.end_time_unix_nano >= root.start_time_unix_nano);
}

#[tokio::test]
async fn what_waits_when_the_node_stops_still_arrives() {
    let mut receiver = receiver().await;
    let (tracer, queue) = tracer(1.0, 16);
    let export = TraceExport::new(&target(&receiver.url), queue).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    deliver(&tracer);
    deliver(&tracer);
    export.run(stop).await;
    assert_eq!(spans(receiver.requests.recv().await.unwrap()).len(), 2);
}

#[tokio::test]
async fn a_receiver_that_refuses_is_told_of_once_and_when_it_takes_traces_again() {
    let receiver = receiver().await;
    let (tracer, queue) = tracer(1.0, 16);
    let mut export = TraceExport::new(&target(&receiver.url), queue).unwrap();
    // Not worth another try, by the protocol's own table.
    receiver.status.store(400, Ordering::SeqCst);
    for is_failing in [true, true, false] {
        if !is_failing {
            receiver.status.store(200, Ordering::SeqCst);
        }
        deliver(&tracer);
        let spans = export.queue.recv().await.unwrap();
        export.export(spans).await;
        assert_eq!(export.is_failing, is_failing);
    }
}

#[tokio::test]
async fn a_full_queue_drops_and_never_waits() {
    let (tracer, mut queue) = tracer(1.0, 1);
    deliver(&tracer);
    deliver(&tracer);
    assert_eq!(queue.recv().await.map(|spans| spans.len()), Some(1));
    assert!(queue.try_recv().is_err(), "the second one had no place");
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    let (_, queue) = tracer(1.0, 1);
    let made = TraceExport::new(&target("http://a b"), queue);
    assert!(matches!(made, Err(TelemetryError::Traces(_))));
}
