//! `POST /service/tokens/revoke`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use switchboard_protocol::service::RevokeTokens;

use crate::rest::Rest;
use crate::rest::answering::says;

/// Takes belief away from a token, or from a user's tokens that were issued before a moment.
///
/// Sockets that came with one are ended on every node.
#[utoipa::path(
    post,
    path = "/service/tokens/revoke",
    tag = "service",
    operation_id = "revokeTokens",
    request_body(content = ref("#/components/schemas/RevokeTokens")),
    responses(
        (status = 200, description = "They are not believed any more"),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke(State(rest): State<Rest>, request: Request) -> Response {
    rest.answer_service("service:tokens", request, async |asked| {
        let (app, organization) = (&rest.messaging, asked.organization());
        match asked.read(RevokeTokens::decode)? {
            RevokeTokens::One { token } => app.revoke_token(organization, &token, None).await?,
            RevokeTokens::Before { user, before } => {
                app.revoke_user(organization, &user, before).await?;
            }
        }
        says(StatusCode::OK, &json!({}))
    })
    .await
}
