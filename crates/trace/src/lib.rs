//! What follows a client's event through a node, and from node to node: its trace.
//!
//! A [`Tracer`] begins an [`EventTrace`] for each event and runs the event's work inside it. Whatever is
//! under way then says so with [`span`], wherever it is, without being handed anything; while there is
//! no tracer that is one branch, and outside of a trace a look at a thread-local. At the event's end its spans go to a
//! bounded queue if the trace is sampled or the event failed, and are forgotten otherwise.
//!
//! Nothing here knows how spans leave the process.

mod batch;
mod context;
mod current;
mod event;
mod finished;
mod tracer;

pub use batch::{Batch, Ticket};
pub use context::{TraceContext, lenient};
pub use current::{Entered, Subject, concerns, failed, span, subject, ticket};
pub use event::EventTrace;
pub use finished::{Attribute, FinishedSpan, SpanKind};
pub use tracer::{Detached, Settings, Tracer};
