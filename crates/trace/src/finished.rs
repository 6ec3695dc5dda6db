//! Spans that are over, on their way out.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::time::SystemTime;

use crate::TraceContext;

/// What a span is to those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Serves a client.
    Server,
    /// Sends what others receive.
    Producer,
    /// Receives it.
    Consumer,
    /// A part of these.
    Internal,
}

/// What is said of a span: numbers and names, never content or tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    Text(Cow<'static, str>),
    Number(i64),
}

/// A span that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedSpan {
    pub context: TraceContext,
    pub parent: Option<NonZeroU64>,
    /// Whether the parent is in another process.
    pub is_remote: bool,
    pub kind: SpanKind,
    pub name: &'static str,
    pub began: SystemTime,
    pub ended: SystemTime,
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Spans of other traces that have to do with it.
    pub links: Vec<TraceContext>,
    /// The code of the error of ours that it ended with.
    pub error: Option<&'static str>,
}
