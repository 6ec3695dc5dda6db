//! Work that several events share, such as a commit: a trace of its own, which theirs link to.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tracer::Detached;
use crate::{SpanKind, TraceContext, Tracer};

/// Most events that a batch links to.
const MOST_LINKS: usize = 128;

/// Batches that a span has been part of: one, or more if it had to wait for another.
pub(crate) type Links = Arc<Mutex<Vec<TraceContext>>>;

/// What an event puts beside its part of a batch.
#[derive(Debug)]
pub struct Ticket {
    pub(crate) tracer: Tracer,
    /// The span that the batch is part of.
    pub(crate) context: TraceContext,
    pub(crate) links: Links,
}

/// A batch that is under way.
#[derive(Debug)]
pub struct Batch(Option<Detached>);

impl Batch {
    /// Begins a batch of these; nothing happens when none of them is traced.
    pub fn begin<'t>(tickets: impl Iterator<Item = &'t Ticket>) -> Self {
        let mut batch: Option<Detached> = None;
        for ticket in tickets {
            let batch = batch.get_or_insert_with(|| of(&ticket.tracer));
            let links = ticket.links.lock();
            links
                .unwrap_or_else(PoisonError::into_inner)
                .push(batch.span.context);
            let span = &mut batch.span;
            if ticket.context.sampled && span.links.len() < MOST_LINKS {
                span.context.sampled = true;
                span.links.push(ticket.context);
            }
        }
        Self(batch)
    }

    /// Ends it. It is told of if one of its events is sampled, or it failed.
    pub fn end(self, operation: &'static str, size: usize, failed: bool) {
        let Some(mut batch) = self.0 else { return };
        if !(batch.span.context.sampled || failed) {
            return;
        }
        batch.span.error = failed.then_some("failed");
        batch.set("switchboard.batch_size", size as i64);
        batch.span.name = operation;
        batch.end();
    }
}

fn of(tracer: &Tracer) -> Detached {
    let (trace, _) = tracer.new_trace();
    let context = TraceContext {
        trace,
        span: tracer.new_span(),
        sampled: false,
    };
    let root: Option<NonZeroU64> = None;
    tracer.detached("batch", SpanKind::Internal, (context, root))
}
