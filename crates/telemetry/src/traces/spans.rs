//! Spans as OpenTelemetry has them.

use std::borrow::Cow;

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use switchboard_trace::{Attribute, FinishedSpan, SpanKind as Kind, TraceContext};

/// A span as it is exported.
pub(super) fn exported(span: FinishedSpan) -> SpanData {
    let parent = span
        .parent
        .map_or(SpanId::INVALID, |id| SpanId::from(id.get()));
    let mut links = SpanLinks::default();
    links.links = span.links.into_iter().map(link).collect();
    SpanData {
        span_context: context(span.context, false),
        parent_span_id: parent,
        parent_span_is_remote: span.is_remote,
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Internal => SpanKind::Internal,
        },
        name: Cow::Borrowed(span.name),
        start_time: span.began,
        end_time: span.ended,
        attributes: span.attributes.into_iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: span.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("switchboard").build(),
    }
}

fn link(to: TraceContext) -> Link {
    Link::new(context(to, false), Vec::new(), 0)
}

/// What is exported is sampled, whatever it was when it began.
fn context(context: TraceContext, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from(context.trace.get()),
        SpanId::from(context.span.get()),
        TraceFlags::SAMPLED,
        is_remote,
        TraceState::NONE,
    )
}

fn attribute((key, value): (&'static str, Attribute)) -> KeyValue {
    let value = match value {
        Attribute::Text(Cow::Borrowed(text)) => Value::from(text),
        Attribute::Text(Cow::Owned(text)) => Value::from(text),
        Attribute::Number(number) => Value::from(number),
    };
    KeyValue::new(key, value)
}
