//! The event that the current task works on.

use std::cell::RefCell;
use std::num::NonZeroU128;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use crate::{EventTrace, Ticket, TraceContext};

tokio::task_local! {
    static CURRENT: RefCell<Option<EventTrace>>;
}

/// What an event is about, for the log lines that are written meanwhile.
#[derive(Clone, Debug)]
pub struct Subject {
    pub trace: NonZeroU128,
    pub organization: Option<String>,
    pub conversation: Option<Uuid>,
    pub message: Option<Uuid>,
}

impl Subject {
    pub(crate) fn of(trace: NonZeroU128) -> Self {
        Self {
            trace,
            organization: None,
            conversation: None,
            message: None,
        }
    }
}

/// Runs `work` inside `event`, and ends that with it.
pub(crate) async fn run<F: Future>(event: EventTrace, work: F) -> F::Output {
    let inside = async {
        let output = work.await;
        if let Some(event) = CURRENT.with(RefCell::take) {
            event.finish();
        }
        output
    };
    CURRENT.scope(RefCell::new(Some(event)), inside).await
}

/// Whether this process ever began a trace: if not, nobody needs to look for one.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// There is a tracer.
pub(crate) fn turn_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// `None` outside of a trace.
#[inline]
fn with<T>(act: impl FnOnce(&mut EventTrace) -> T) -> Option<T> {
    IS_ON.load(Ordering::Relaxed).then(|| look(act)).flatten()
}

fn look<T>(act: impl FnOnce(&mut EventTrace) -> T) -> Option<T> {
    let inside = |current: &RefCell<Option<EventTrace>>| {
        // It is held only in this module, and never while anything else is called; but a log line may
        // be written by what is.
        current.try_borrow_mut().ok()?.as_mut().map(act)
    };
    CURRENT.try_with(inside).ok().flatten()
}

/// A step of an event's work, for as long as this lives.
#[derive(Debug)]
#[must_use = "the step is over when this is dropped"]
pub struct Entered(Option<usize>);

/// Begins a step of the work on the current event, within the step that is under way.
#[inline]
pub fn span(name: &'static str) -> Entered {
    Entered(with(|event| event.enter(name)).flatten())
}

impl Entered {
    /// Says which of several such steps it is.
    #[inline]
    pub fn does(self, operation: &'static str) -> Self {
        if let Some(index) = self.0 {
            with(|event| event.does(index, operation));
        }
        self
    }

    /// Where it is, for whoever goes on with it elsewhere; `None` unless the trace is sampled.
    #[inline]
    pub fn context(&self) -> Option<TraceContext> {
        let index = self.0?;
        with(|event| event.context_of(index)).filter(|context| context.sampled)
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(index) = self.0 {
            with(|event| event.leave(index));
        }
    }
}

/// What the current step puts beside its part of a batch; `None` outside of a trace.
#[inline]
pub fn ticket() -> Option<Box<Ticket>> {
    with(EventTrace::ticket).flatten()
}

/// The current event turns out to be about this.
#[inline]
pub fn concerns(conversation: Uuid, message: Option<Uuid>) {
    with(|event| {
        event.subject.conversation = Some(conversation);
        event.subject.message = message.or(event.subject.message);
    });
}

/// The current event is answered with an error: its code, and whether it is ours or the client's.
#[inline]
pub fn failed(code: &'static str, is_ours: bool) {
    with(|event| event.failed(code, is_ours));
}

/// What the current event is about; `None` outside of a trace.
pub fn subject() -> Option<Subject> {
    with(|event| event.subject.clone())
}
