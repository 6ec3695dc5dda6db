//! The service API: for backends, which act for one organization.

mod dead_letters;
mod events;
mod messages;
mod stats;
mod tokens;
mod users;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Rest;

pub(crate) fn routes() -> OpenApiRouter<Rest> {
    OpenApiRouter::new()
        .routes(routes!(events::post))
        .routes(routes!(messages::post))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::retry))
        .routes(routes!(stats::get))
        .routes(routes!(tokens::revoke))
        .routes(routes!(users::disconnect))
}
