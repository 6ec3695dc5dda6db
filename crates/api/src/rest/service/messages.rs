//! `POST /service/messages`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use switchboard_messaging::SystemMessage;
use switchboard_protocol::service::PostMessage;

use crate::rest::Rest;

/// Sends a system message to a conversation, as if by its organization.
///
/// It is stored, numbered and heard as any other message.
#[utoipa::path(
    post,
    path = "/service/messages",
    tag = "service",
    operation_id = "postMessage",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The same key gives the first answer again for 24 hours, and stores once")),
    request_body(content = ref("#/components/schemas/PostMessage")),
    responses(
        (status = 201, description = "The message as it is stored",
            body = ref("#/components/schemas/PostedMessage")),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(State(rest): State<Rest>, request: Request) -> Response {
    rest.answer_service("message:send", request, async |asked| {
        let input = asked.read(PostMessage::decode)?;
        let message = SystemMessage {
            conversation: input.conversation,
            content: input.content,
            metadata: input.metadata,
            // What is carried out again after a crash is stored once.
            client_message_id: Some(asked.id.to_string()),
        };
        let app = &rest.messaging;
        let sent = app.send_system_message(&asked.caller, message).await?;
        app.publish(sent.events).await;
        Ok((StatusCode::CREATED, sent.data))
    })
    .await
}
