//! `POST /service/events`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use switchboard_protocol::service::PostEvent;

use crate::rest::Rest;
use crate::rest::answering::says;

/// Sends an event of the service's own.
///
/// Live sockets get it at once, under its name; for users who have none it is kept in the offline queue,
/// unless it is volatile.
#[utoipa::path(
    post,
    path = "/service/events",
    tag = "service",
    operation_id = "postEvent",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The same key gives the first answer again for 24 hours")),
    request_body(content = ref("#/components/schemas/PostEvent")),
    responses(
        (status = 202, description = "What became of it",
            body = ref("#/components/schemas/PostedEvent")),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(State(rest): State<Rest>, request: Request) -> Response {
    rest.answer_service("service:events", request, async |asked| {
        let input = asked.read(PostEvent::decode)?;
        let organization = asked.organization();
        let posted = rest.messaging.post_event(organization, asked.id, input);
        says(StatusCode::ACCEPTED, &posted.await?)
    })
    .await
}
