//! What the admin listener and the playground answer, on the parts of the embedded default.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use switchboard_api::admin::{self, Admin};
use switchboard_api::health::{Health, Lifecycle, Phase};
use switchboard_api::playground::{self, DevelopmentTokens};
use switchboard_hub::MemoryHub;
use switchboard_messaging::auth::{AuthOptions, KeyRing, Signer, Verifier};
use switchboard_messaging::{Clock, SystemClock};
use tower::ServiceExt;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    answer(router, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn node(folder: &tempfile::TempDir) -> (Lifecycle, Health) {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    switchboard_store::migrate(&url).await.unwrap();
    let (max_connections, statement_timeout) = (2, Duration::from_secs(2));
    let options = switchboard_store::Options {
        url,
        max_connections,
        statement_timeout,
    };
    let store = switchboard_store::open(options).await.unwrap();
    let (hub, _inbound) = MemoryHub::cluster(Arc::new(SystemClock)).attach("n1");
    let lifecycle = Lifecycle::default();
    let health = Health {
        lifecycle: lifecycle.clone(),
        node: "n1".to_owned(),
        version: "1",
        store: ("sqlite", store),
        hub: ("memory", hub),
        clock: Arc::new(SystemClock),
    };
    (lifecycle, health)
}

fn admin(health: Health) -> Router {
    admin::router(Admin {
        health,
        metrics: (Arc::new(|| "switchboard_up 1\n".to_owned()), "text/plain"),
        configuration: Arc::new(|| "[auth]\nsecret = \"***\"\n".to_owned()),
    })
}

#[tokio::test]
async fn a_node_is_ready_only_between_start_and_drain() {
    let folder = tempfile::tempdir().unwrap();
    let (lifecycle, health) = node(&folder).await;
    let router = admin(health);
    assert_eq!(
        get(&router, "/readyz").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    lifecycle.enter(Phase::Ready);
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::OK);
    lifecycle.enter(Phase::Draining);
    assert_eq!(
        get(&router, "/readyz").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_lost_database_shows_as_degraded_and_keeps_the_node_in_the_balancer() {
    let folder = tempfile::tempdir().unwrap();
    let (lifecycle, health) = node(&folder).await;
    lifecycle.enter(Phase::Ready);
    let router = admin(health.clone());
    let before: Value = serde_json::from_str(&get(&router, "/healthz").await.1).unwrap();
    assert_eq!(before["degraded"], json!(false));
    health.store.1.close().await;
    let (status, body) = get(&router, "/readyz").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["degraded"]), (StatusCode::OK, &json!(true)));
    assert_eq!(body["dependencies"][0]["ok"], json!(false));
}

#[tokio::test]
async fn metrics_and_configuration_are_shown_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let router = admin(node(&folder).await.1);
    assert_eq!(get(&router, "/metrics").await.1, "switchboard_up 1\n");
    assert!(get(&router, "/debug/config").await.1.contains("***"));
}

#[tokio::test]
async fn the_playground_may_only_load_its_own_files() {
    let router = playground::router(None);
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        get(&router, "/assets/../../secret").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn development_tokens_are_good_and_are_not_there_without_a_key() {
    let ask = |body: &str| {
        let request = Request::post("/dev/token").header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from(body.to_owned())).unwrap()
    };
    let good = r#"{"sub":"alice","org":"acme"}"#;
    assert_eq!(
        answer(&playground::router(None), ask(good)).await.0,
        StatusCode::NOT_FOUND
    );

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let signer = Arc::new(Signer::new(SECRET, &[], AuthOptions::default()));
    let router = playground::router(Some(DevelopmentTokens {
        signer,
        clock: clock.clone(),
    }));
    let (status, body) = answer(&router, ask(good)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let ring = KeyRing::new(Some(SECRET), None, &[]).unwrap();
    let verifier = Verifier::new(ring, AuthOptions::default());
    let actor = verifier
        .verify(body["token"].as_str().unwrap(), clock.now())
        .unwrap();
    assert_eq!(
        (status, actor.viewer.user.as_str()),
        (StatusCode::OK, "alice")
    );

    for bad in ["", "{}", r#"{"sub":"a b","org":"acme"}"#, r#"{"sub":"a"}"#] {
        let (status, _) = answer(&router, ask(bad)).await;
        assert!(status.is_client_error(), "{bad}: {status}");
    }
}
