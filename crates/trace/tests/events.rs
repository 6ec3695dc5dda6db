//! What becomes of an event's spans.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use switchboard_trace::{
    Attribute, Batch, FinishedSpan, Settings, SpanKind, TraceContext, Tracer, concerns, failed,
    span, subject, ticket,
};
use tokio::sync::mpsc;
use uuid::Uuid;

type Queue = mpsc::Receiver<Vec<FinishedSpan>>;

fn tracer(ratio: f64) -> (Tracer, Queue) {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let settings = Settings {
        ratio,
        now: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        random: || u128::from(COUNT.fetch_add(1_000, Ordering::SeqCst)) * (1 + (1 << 64)),
    };
    Tracer::new(settings, 16)
}

fn parent(sampled: bool) -> Option<TraceContext> {
    let flags = u8::from(sampled);
    TraceContext::parse(&format!(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags:02x}"
    ))
}

/// Ordinary work: steps, one within another, and one that others go on with.
async fn work() -> Option<TraceContext> {
    drop(span("decode"));
    {
        let _authorize = span("authorize");
        let _store = span("store").does("membership");
        tokio::task::yield_now().await;
    }
    span("publish").context()
}

fn all(queue: &mut Queue) -> Vec<FinishedSpan> {
    std::iter::from_fn(|| queue.try_recv().ok())
        .flatten()
        .collect()
}

fn named<'s>(spans: &'s [FinishedSpan], name: &str) -> &'s FinishedSpan {
    spans.iter().find(|span| span.name == name).unwrap()
}

#[tokio::test]
async fn steps_are_children_of_the_step_that_is_under_way() {
    let (tracer, mut queue) = tracer(1.0);
    let carried = tracer.begin("message:send", None).run(work()).await;
    let spans = all(&mut queue);
    assert_eq!(spans.len(), 5);
    let id = |name| Some(named(&spans, name).context.span);
    let root = named(&spans, "message:send");
    assert_eq!((root.parent, root.kind), (None, SpanKind::Server));
    for (name, parent) in [
        ("decode", "message:send"),
        ("authorize", "message:send"),
        ("store", "authorize"),
        ("publish", "message:send"),
    ] {
        let span = named(&spans, name);
        assert_eq!(span.parent, id(parent), "{name}");
        assert_eq!(span.context.trace, root.context.trace);
        assert!(
            root.began <= span.began && span.ended <= root.ended,
            "{name}"
        );
    }
    assert_eq!(carried, Some(named(&spans, "publish").context));
    let operation = ("db.operation.name", Attribute::Text("membership".into()));
    assert_eq!(named(&spans, "store").attributes, [operation]);
}

#[tokio::test]
async fn the_decision_of_a_parent_is_honoured_in_both_directions() {
    for (ratio, sampled) in [(0.0, true), (1.0, false)] {
        let (tracer, mut queue) = tracer(ratio);
        let carried = tracer.begin("e", parent(sampled)).run(work()).await;
        assert_eq!(carried.is_some(), sampled);
        let spans = all(&mut queue);
        assert_eq!(!spans.is_empty(), sampled);
        if sampled {
            let root = named(&spans, "e");
            assert_eq!(root.parent, NonZeroU64::new(0xb7ad_6b71_6920_3331));
            assert_eq!(root.context.trace, parent(true).unwrap().trace);
            assert!(root.is_remote);
        }
    }
}

#[tokio::test]
async fn at_ratio_0_nothing_is_kept_but_what_failed_by_our_fault() {
    let (tracer, mut queue) = tracer(0.0);
    tracer.begin("fine", None).run(work()).await;
    for (code, is_ours) in [("FORBIDDEN", false), ("UNAVAILABLE", true)] {
        let work = async {
            let carried = work().await;
            failed(code, is_ours);
            carried
        };
        // It was told to nobody, and so nobody else has a part of it.
        assert_eq!(tracer.begin("failing", None).run(work).await, None);
    }
    let spans = all(&mut queue);
    assert_eq!(spans.len(), 5, "{spans:#?}");
    let root = named(&spans, "failing");
    assert_eq!(root.error, Some("UNAVAILABLE"));
    let error = ("error.type", Attribute::Text("UNAVAILABLE".into()));
    assert_eq!(root.attributes, [error]);
}

#[tokio::test]
async fn a_batch_and_those_who_share_it_link_to_each_other() {
    let (tracer, mut queue) = tracer(0.0);
    let part = || async {
        let _store = span("store");
        ticket()
    };
    let first = tracer.begin("first", parent(true));
    let shared = async {
        let sampled = part().await;
        let other = tracer.begin("other", None).run(part()).await;
        let batch = Batch::begin(
            [&sampled, &other]
                .into_iter()
                .filter_map(|one| one.as_deref()),
        );
        batch.end("commit", 2, false);
    };
    first.run(shared).await;
    let spans = all(&mut queue);
    let (commit, store) = (named(&spans, "commit"), named(&spans, "store"));
    assert_eq!(
        store.links,
        [TraceContext {
            sampled: false,
            ..commit.context
        }]
    );
    assert_eq!(commit.links, [store.context]);
    assert_eq!(commit.parent, None);
    let size = ("switchboard.batch_size", Attribute::Number(2));
    assert_eq!(commit.attributes, [size]);
    assert!(!spans.iter().any(|span| span.name == "other"));
}

#[tokio::test]
async fn a_batch_without_sampled_events_is_told_of_only_when_it_failed() {
    for (has_failed, told) in [(false, 0), (true, 1)] {
        let (tracer, mut queue) = tracer(0.0);
        let work = async {
            let ticket = ticket();
            Batch::begin(ticket.as_deref().into_iter()).end("commit", 1, has_failed);
        };
        tracer.begin("e", None).run(work).await;
        assert_eq!(all(&mut queue).len(), told);
    }
}

#[tokio::test]
async fn an_event_has_32_spans_and_no_more() {
    for (steps, spans) in [(31, 32), (32, 32)] {
        let (tracer, mut queue) = tracer(1.0);
        let work = async {
            for _ in 0..steps {
                drop(span("step"));
            }
        };
        tracer.begin("e", None).run(work).await;
        assert_eq!(all(&mut queue).len(), spans);
    }
}

#[tokio::test]
async fn log_lines_are_told_what_the_event_is_about_as_it_becomes_known() {
    let (tracer, _queue) = tracer(0.0);
    let [conversation, message] = [7, 8].map(Uuid::from_u128);
    let work = async {
        let before = subject().unwrap();
        assert_eq!((before.conversation, before.message), (None, None));
        concerns(conversation, None);
        concerns(conversation, Some(message));
        concerns(conversation, None);
        subject().unwrap()
    };
    let event = tracer.begin("e", parent(false));
    let known = event.about("acme".to_owned(), None, None).run(work).await;
    assert_eq!(known.organization.as_deref(), Some("acme"));
    assert_eq!(
        (known.conversation, known.message),
        (Some(conversation), Some(message))
    );
    assert_eq!(known.trace, parent(true).unwrap().trace);
}

#[tokio::test]
async fn outside_of_an_event_nothing_happens() {
    assert_eq!(work().await, None);
    assert!(ticket().is_none() && subject().is_none());
    failed("INTERNAL", true);
    Batch::begin(std::iter::empty()).end("commit", 1, true);
}
