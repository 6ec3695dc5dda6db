//! Which trace an event belongs to, and what that is to know of it.

use http::HeaderName;
use serde_json::Value;
use switchboard_protocol::{ConversationId, MessageId};
use switchboard_socketio::{Event, Handshake};
use switchboard_trace::{EventTrace, TraceContext, Tracer};
use tracing::field::display;

use crate::door::Opened;

/// Where a trace begins that a client or a proxy brings: <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that a handshake belongs to: browsers cannot set headers for a WebSocket, and say it in
/// the payload of CONNECT.
pub(crate) fn of_handshake(handshake: &Handshake) -> Option<TraceContext> {
    let from_auth = handshake.auth.get("traceparent").and_then(Value::as_str);
    let from_header = || handshake.headers.get(TRACEPARENT)?.to_str().ok();
    TraceContext::parse(from_auth.or_else(from_header)?)
}

/// Begins the trace of an event: the one in its `metadata`, that of its socket, or one of its own.
pub(crate) fn of_event(
    tracer: &Tracer,
    name: &'static str,
    (opened, of_socket): (&Opened, Option<TraceContext>),
    event: &Event,
) -> EventTrace {
    let (conversation, message) = subject_of(event);
    let payload = event.args.first();
    let own = payload.and_then(|payload| payload.get("metadata")?.get("traceparent")?.as_str());
    let parent = own.and_then(TraceContext::parse).or(of_socket);
    let organization = opened.session.viewer().organization.to_string();
    tracer.begin(name, parent).about(
        organization,
        conversation.map(|id| id.0),
        message.map(|id| id.0),
    )
}

/// Says in the log that an event was answered with a defect of ours, whose cause is in a line of its own.
pub(crate) fn log_failure(name: &'static str, opened: &Opened, event: &Event) {
    let (conversation, message) = subject_of(event);
    let conversation = conversation.map(display);
    let message_id = message.map(display);
    let org = display(&opened.session.viewer().organization);
    tracing::error!(event = name, org, conversation, message_id, "event failed");
}

/// What an event says that it is about. Nothing but ids gets further than here: a text that is none
/// may be anything.
fn subject_of(event: &Event) -> (Option<ConversationId>, Option<MessageId>) {
    let id = |key| event.args.first()?.get(key)?.as_str();
    let conversation = id("conversationId").and_then(|id| id.parse().ok());
    let message = id("messageId").and_then(|id| id.parse().ok());
    (conversation, message)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;
    use switchboard_socketio::{Protocol, Transport};

    use super::*;

    fn place(span: u8) -> String {
        format!("00-0af7651916cd43dd8448eb211c80319c-00000000000000{span:02x}-01")
    }

    fn span(auth: Value, header: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(TRACEPARENT, header.parse().unwrap());
        }
        let handshake = Handshake {
            namespace: "/".to_owned(),
            protocol: Protocol::V5,
            auth,
            headers,
            query: String::new(),
            remote_addr: None,
            transport: Transport::WebSocket,
        };
        of_handshake(&handshake).map(|context| context.span.get())
    }

    #[test]
    fn a_handshake_says_its_trace_in_its_payload_or_in_a_header() {
        let said = json!({"token": "t", "traceparent": place(1)});
        assert_eq!(span(said.clone(), None), Some(1));
        assert_eq!(span(json!({}), Some(&place(2))), Some(2));
        assert_eq!(span(said, Some(&place(2))), Some(1));
        assert_eq!(span(json!({}), None), None);
        assert_eq!(span(json!({"traceparent": 7}), Some("none")), None);
    }
}
