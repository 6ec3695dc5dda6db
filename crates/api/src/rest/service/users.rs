//! `POST /service/users/{id}/disconnect`

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use switchboard_protocol::service::DisconnectUser;
use switchboard_protocol::{ErrorObject, UserId};

use crate::rest::Rest;
use crate::rest::answering::says;

/// Ends all sockets of a user, on every node.
///
/// Their tokens stay good.
#[utoipa::path(
    post,
    path = "/service/users/{id}/disconnect",
    tag = "service",
    operation_id = "disconnectUser",
    params(("id" = String, Path, description = "The user's")),
    request_body(content = ref("#/components/schemas/DisconnectUser")),
    responses(
        (status = 200, description = "They are ended"),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn disconnect(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    rest.answer_service("service:users", request, async |asked| {
        let input = asked.read(DisconnectUser::decode)?;
        let user = UserId::new(&id);
        let user = user.map_err(|error| ErrorObject::invalid("id", error.to_string()))?;
        let organization = asked.organization();
        let reason = input.reason.as_deref();
        let app = &rest.messaging;
        app.disconnect_user(organization, &user, reason).await?;
        says(StatusCode::OK, &json!({}))
    })
    .await
}
