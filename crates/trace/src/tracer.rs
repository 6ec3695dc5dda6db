//! What begins traces, and where they go when they are over.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;

use crate::{Attribute, EventTrace, FinishedSpan, SpanKind, TraceContext};

/// How a node's traces are made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The part of the events that is sampled, from 0 to 1, of those that come without a trace.
    pub ratio: f64,
    /// Tells the time.
    pub now: fn() -> SystemTime,
    /// Makes ids.
    pub random: fn() -> u128,
}

/// Begins traces. Cheap to clone.
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

struct Shared {
    settings: Settings,
    /// Trace ids below this are sampled.
    bound: u64,
    queue: mpsc::Sender<Vec<FinishedSpan>>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracer").field(&self.0.settings).finish()
    }
}

impl Tracer {
    /// A tracer, and the queue that its spans go to, a whole trace at a time. The queue holds so many;
    /// what comes while it is full is dropped and counted.
    pub fn new(settings: Settings, capacity: usize) -> (Self, mpsc::Receiver<Vec<FinishedSpan>>) {
        crate::current::turn_on();
        let (queue, receiver) = mpsc::channel(capacity);
        let shared = Shared {
            settings,
            bound: (settings.ratio * (1_u64 << 63) as f64) as u64,
            queue,
        };
        (Self(Arc::new(shared)), receiver)
    }

    /// Begins the trace of an event: the one that it came with, or one of its own.
    pub fn begin(&self, name: &'static str, parent: Option<TraceContext>) -> EventTrace {
        let (trace, sampled) = match parent {
            Some(parent) => (parent.trace, parent.sampled),
            None => self.new_trace(),
        };
        let context = TraceContext {
            trace,
            span: self.new_span(),
            sampled,
        };
        EventTrace::new(self, name, context, parent)
    }

    /// Begins a span by itself, which belongs to a trace that came from elsewhere.
    pub fn join(&self, name: &'static str, kind: SpanKind, from: TraceContext) -> Detached {
        let context = TraceContext {
            span: self.new_span(),
            ..from
        };
        self.detached(name, kind, (context, Some(from.span)))
    }

    pub(crate) fn detached(
        &self,
        name: &'static str,
        kind: SpanKind,
        (context, parent): (TraceContext, Option<NonZeroU64>),
    ) -> Detached {
        let began = self.now();
        let span = FinishedSpan {
            context,
            parent,
            is_remote: parent.is_some(),
            kind,
            name,
            began,
            ended: began,
            attributes: Vec::new(),
            links: Vec::new(),
            error: None,
        };
        Detached {
            tracer: self.clone(),
            span,
            begun: Instant::now(),
        }
    }

    /// The same rule as that of other tools, so that they sample the same traces: the lower half of the
    /// id, but for one bit, is compared.
    pub(crate) fn new_trace(&self) -> (NonZeroU128, bool) {
        let trace = NonZeroU128::new((self.0.settings.random)()).unwrap_or(NonZeroU128::MIN);
        (trace, (trace.get() as u64) >> 1 < self.0.bound)
    }

    pub(crate) fn new_span(&self) -> NonZeroU64 {
        NonZeroU64::new((self.0.settings.random)() as u64).unwrap_or(NonZeroU64::MIN)
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0.settings.now)()
    }

    pub(crate) fn send(&self, spans: Vec<FinishedSpan>) {
        if let Err(error) = self.0.queue.try_send(spans) {
            let (reason, spans) = match error {
                mpsc::error::TrySendError::Full(spans) => ("queue", spans),
                mpsc::error::TrySendError::Closed(spans) => ("closed", spans),
            };
            metrics::counter!("switchboard_trace_spans_dropped_total", "reason" => reason)
                .increment(spans.len() as u64);
        }
    }
}

/// A span that is not part of an event's own work on this node.
#[derive(Debug)]
pub struct Detached {
    tracer: Tracer,
    pub(crate) span: FinishedSpan,
    begun: Instant,
}

impl Detached {
    /// Says something of it.
    pub fn set(&mut self, key: &'static str, value: i64) {
        self.span.attributes.push((key, Attribute::Number(value)));
    }

    /// Ends it and sends it off.
    pub fn end(mut self) {
        self.span.ended = self.span.began + self.begun.elapsed();
        self.tracer.send(vec![self.span]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(ratio: f64, random: fn() -> u128) -> Tracer {
        let now = || SystemTime::UNIX_EPOCH;
        let settings = Settings { ratio, now, random };
        Tracer::new(settings, 1).0
    }

    #[test]
    fn a_trace_is_sampled_by_its_id() {
        const BELOW: fn() -> u128 = || (1 << 63) - 1;
        const ABOVE: fn() -> u128 = || 1 << 63;
        const LAST: fn() -> u128 = || u128::MAX;
        for (ratio, random, sampled) in [
            (0.5, BELOW, true),
            (0.5, ABOVE, false),
            (1.0, LAST, true),
            (0.0, || 1, false),
        ] {
            assert_eq!(tracer(ratio, random).new_trace().1, sampled, "{ratio}");
        }
    }

    #[test]
    fn no_id_is_zero() {
        let tracer = tracer(1.0, || 0);
        assert_eq!(tracer.new_trace().0.get(), 1);
        assert_eq!(tracer.new_span().get(), 1);
    }
}
