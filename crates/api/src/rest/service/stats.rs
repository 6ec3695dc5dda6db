//! `GET /service/stats`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::rest::Rest;
use crate::rest::answering::says;

/// What the organization has.
#[utoipa::path(
    get,
    path = "/service/stats",
    tag = "service",
    operation_id = "getServiceStats",
    responses(
        (status = 200, description = "Conversations, users and the offline queue",
            body = ref("#/components/schemas/ServiceStats")),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(State(rest): State<Rest>, request: Request) -> Response {
    rest.answer_service("service:stats", request, async |asked| {
        let stats = rest.messaging.service_stats(asked.organization());
        says(StatusCode::OK, &stats.await?)
    })
    .await
}
