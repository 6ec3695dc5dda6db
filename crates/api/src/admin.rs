//! The admin listener: for probes and for Prometheus, never for the public.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::health::{Health, Phase};

/// Makes a text when asked for it.
pub type Rendered = Arc<dyn Fn() -> String + Send + Sync>;

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    pub health: Health,
    /// The metrics in the text format of Prometheus, and its content type.
    pub metrics: (Rendered, &'static str),
    /// The configuration with its secrets redacted, as TOML.
    pub configuration: Rendered,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

/// The routes of the admin listener.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/debug/config", get(configuration))
        .with_state(admin)
}

/// 503 only while starting or draining. A dependency that is away would empty every node from the
/// balancer at once, so it shows in the body and the node goes on serving what it can.
async fn readyz(State(admin): State<Admin>) -> Response {
    let report = admin.health.report().await;
    let status = match report.status {
        Phase::Ready => StatusCode::OK,
        Phase::Starting | Phase::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(report)).into_response()
}

async fn healthz(State(admin): State<Admin>) -> Response {
    Json(admin.health.report().await).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let (render, content_type) = &admin.metrics;
    ([(header::CONTENT_TYPE, *content_type)], render()).into_response()
}

async fn configuration(State(admin): State<Admin>) -> Response {
    let content_type = "application/toml; charset=utf-8";
    (
        [(header::CONTENT_TYPE, content_type)],
        (admin.configuration)(),
    )
        .into_response()
}
