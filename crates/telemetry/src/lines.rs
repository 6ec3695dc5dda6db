//! What every log line says beside its own fields: the node, and the event that the task works on.

use std::fmt::{self, Write as _};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes lines with what is around them at their end. A field that the line has itself is not repeated.
#[derive(Debug)]
pub(crate) struct Lines<F> {
    inner: F,
    node: String,
    is_json: bool,
}

impl<F> Lines<F> {
    pub(crate) fn text(inner: F, node: &str) -> Self {
        Self {
            inner,
            node: node.to_owned(),
            is_json: false,
        }
    }

    /// `inner` writes one JSON object a line.
    pub(crate) fn json(inner: F, node: &str) -> Self {
        Self {
            is_json: true,
            ..Self::text(inner, node)
        }
    }

    fn add(&self, line: &mut String, own: &Event<'_>) -> fmt::Result {
        let subject = switchboard_trace::subject();
        let subject = subject.as_ref();
        let organization = subject.and_then(|subject| subject.organization.clone());
        let conversation = subject.and_then(|subject| subject.conversation);
        let message = subject.and_then(|subject| subject.message);
        // None of them has a character that JSON would write otherwise.
        let around = [
            ("node", Some(self.node.clone())),
            (
                "trace_id",
                subject.map(|subject| format!("{:032x}", subject.trace)),
            ),
            ("org", organization),
            ("conversation", conversation.map(|id| id.to_string())),
            ("message_id", message.map(|id| id.to_string())),
        ];
        for (name, value) in around {
            let is_new = own.metadata().fields().field(name).is_none();
            if let Some(value) = value.filter(|_| is_new) {
                if self.is_json {
                    write!(line, r#","{name}":"{value}""#)?;
                } else {
                    write!(line, " {name}={value}")?;
                }
            }
        }
        Ok(())
    }
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner
            .format_event(context, Writer::new(&mut line), event)?;
        line.truncate(line.trim_end().len());
        if self.is_json && line.ends_with('}') {
            line.pop();
            self.add(&mut line, event)?;
            line.push('}');
        } else {
            self.add(&mut line, event)?;
        }
        writeln!(writer, "{line}")
    }
}
