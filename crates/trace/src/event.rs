//! The trace of one event on the node that it came to, while it is under way.

use std::borrow::Cow;
use std::mem;
use std::num::NonZeroU64;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use uuid::Uuid;

use crate::batch::{Links, Ticket};
use crate::current;
use crate::{Attribute, FinishedSpan, SpanKind, Subject, TraceContext, Tracer};

/// Most spans of one event on one node, its own among them; further ones are left out.
const MOST_SPANS: usize = 32;
/// Spans of an ordinary event.
const ORDINARY: usize = 8;

/// An event's spans, which are kept until it is known whether anybody wants them.
#[derive(Debug)]
pub struct EventTrace {
    tracer: Tracer,
    /// The event's own span.
    context: TraceContext,
    parent: Option<TraceContext>,
    began: SystemTime,
    begun: Instant,
    /// The event's own is the first.
    spans: Vec<Open>,
    current: usize,
    pub(crate) subject: Subject,
    /// The code of the error that it is answered with, and whether that is ours.
    error: Option<(&'static str, bool)>,
}

#[derive(Debug)]
struct Open {
    name: &'static str,
    operation: Option<&'static str>,
    parent: usize,
    begun: Instant,
    ended: Option<Instant>,
    links: Option<Links>,
}

impl EventTrace {
    pub(crate) fn new(
        tracer: &Tracer,
        name: &'static str,
        context: TraceContext,
        parent: Option<TraceContext>,
    ) -> Self {
        let (trace, begun) = (context.trace, Instant::now());
        let mut event = Self {
            tracer: tracer.clone(),
            context,
            parent,
            began: tracer.now(),
            begun,
            spans: Vec::with_capacity(ORDINARY),
            current: 0,
            subject: Subject::of(trace),
            error: None,
        };
        event.spans.push(Open::new(name, 0, begun));
        event
    }

    /// Says what the event is about, as far as that is known before it is looked at.
    #[must_use]
    pub fn about(
        mut self,
        organization: String,
        conversation: Option<Uuid>,
        message: Option<Uuid>,
    ) -> Self {
        self.subject.organization = Some(organization);
        self.subject.conversation = conversation;
        self.subject.message = message;
        self
    }

    /// Runs the event's work inside its trace, and sends its spans off if it is sampled, or came to an
    /// error of ours.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        current::run(self, work).await
    }

    pub(crate) fn enter(&mut self, name: &'static str) -> Option<usize> {
        if self.spans.len() >= MOST_SPANS {
            return None;
        }
        let index = self.spans.len();
        self.spans
            .push(Open::new(name, self.current, Instant::now()));
        self.current = index;
        Some(index)
    }

    pub(crate) fn leave(&mut self, index: usize) {
        if let Some(open) = self.spans.get_mut(index) {
            open.ended = Some(Instant::now());
            self.current = open.parent;
        }
    }

    pub(crate) fn does(&mut self, index: usize, operation: &'static str) {
        if let Some(open) = self.spans.get_mut(index) {
            open.operation = Some(operation);
        }
    }

    pub(crate) fn failed(&mut self, code: &'static str, is_ours: bool) {
        self.error = Some((code, is_ours));
    }

    /// Where a span is, for whoever goes on with it.
    pub(crate) fn context_of(&self, index: usize) -> TraceContext {
        TraceContext {
            span: self.id(index),
            ..self.context
        }
    }

    pub(crate) fn ticket(&mut self) -> Option<Box<Ticket>> {
        let context = self.context_of(self.current);
        let links = self
            .spans
            .get_mut(self.current)?
            .links
            .get_or_insert_default();
        Some(Box::new(Ticket {
            tracer: self.tracer.clone(),
            context,
            links: Arc::clone(links),
        }))
    }

    /// Ids are one after the other, from the event's own, which is random.
    fn id(&self, index: usize) -> NonZeroU64 {
        let id = self.context.span.get().wrapping_add(index as u64);
        NonZeroU64::new(id).unwrap_or(NonZeroU64::MAX)
    }

    pub(crate) fn finish(mut self) {
        let is_kept = self.context.sampled || self.error.is_some_and(|(_, is_ours)| is_ours);
        if !is_kept {
            return;
        }
        self.leave(0);
        let spans = mem::take(&mut self.spans);
        let spans = spans.into_iter().enumerate();
        let finished = spans.map(|(index, open)| self.finished(index, open));
        self.tracer.send(finished.collect());
    }

    fn finished(&self, index: usize, open: Open) -> FinishedSpan {
        let at = |instant: Instant| self.began + instant.saturating_duration_since(self.begun);
        let (is_root, began) = (index == 0, at(open.begun));
        let of_ours = self.error.filter(|(_, is_ours)| *is_ours);
        let links = open.links.map(|links| {
            let mut links = links.lock().unwrap_or_else(PoisonError::into_inner);
            mem::take(&mut *links)
        });
        FinishedSpan {
            context: self.context_of(index),
            parent: if is_root {
                self.parent.map(|parent| parent.span)
            } else {
                Some(self.id(open.parent))
            },
            is_remote: is_root && self.parent.is_some(),
            kind: match open.name {
                _ if is_root => SpanKind::Server,
                PUBLISH => SpanKind::Producer,
                _ => SpanKind::Internal,
            },
            name: open.name,
            began,
            // One that is still open was left behind by work that was given up.
            ended: open.ended.map_or(began, at),
            attributes: if is_root {
                self.attributes()
            } else {
                let operation = open.operation.map(|name| Attribute::Text(name.into()));
                operation
                    .map(|name| ("db.operation.name", name))
                    .into_iter()
                    .collect()
            },
            links: links.unwrap_or_default(),
            error: of_ours.filter(|_| is_root).map(|(code, _)| code),
        }
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let text = |text: String| Attribute::Text(Cow::Owned(text));
        let subject = &self.subject;
        let organization = subject.organization.clone();
        let conversation = subject.conversation.map(|id| id.to_string());
        let message = subject.message.map(|id| id.to_string());
        let error = self.error.map(|(code, _)| code.to_owned());
        let all = [
            ("switchboard.org", organization),
            ("switchboard.conversation", conversation),
            ("switchboard.message", message),
            ("error.type", error),
        ];
        let set = all
            .into_iter()
            .filter_map(|(key, value)| Some((key, text(value?))));
        set.collect()
    }
}

/// The span that hands an event to the other nodes.
const PUBLISH: &str = "publish";

impl Open {
    fn new(name: &'static str, parent: usize, begun: Instant) -> Self {
        Self {
            name,
            operation: None,
            parent,
            begun,
            ended: None,
            links: None,
        }
    }
}
