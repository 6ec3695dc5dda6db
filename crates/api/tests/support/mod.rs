//! The API on a store and hub of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use switchboard_api::rest::{self, Rest};
use switchboard_hub::MemoryHub;
use switchboard_messaging::auth::{ApiKeys, AuthOptions, Authenticator, KeyRing, Signer, Verifier};
use switchboard_messaging::bridges::Bridges;
use switchboard_messaging::hub::{Device, NodeInfo, PresenceChange};
use switchboard_messaging::limits::{Preset, RateTable};
use switchboard_messaging::presence::{PresenceService, PresenceTimes};
use switchboard_messaging::receipts::ReceiptService;
use switchboard_messaging::store::{NewConversation, Viewer};
use switchboard_messaging::typing::TypingService;
use switchboard_messaging::{
    Clock, Hub, Ids, Live, Messaging, Rate, Revocations, Rules, Store, SystemClock, SystemIds,
};
use switchboard_protocol::answers::NodeFigures;
use switchboard_protocol::{ConversationId, Kind, OrganizationId, PresenceStatus, UserId};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
/// Acme's.
pub(crate) const KEY: &str = "acme-key-of-at-least-thirty-two-bytes";
/// Somebody else's.
pub(crate) const OTHER_KEY: &str = "globex-key-of-at-least-thirty-two-bytes";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Door {
    router: Router,
    prefix: &'static str,
    messaging: Messaging,
    _folder: TempDir,
}

fn viewer(name: &str) -> Viewer {
    Viewer {
        organization: OrganizationId::new("acme").unwrap(),
        user: UserId::new(name).unwrap(),
    }
}

async fn store(folder: &TempDir) -> Arc<dyn Store> {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    switchboard_store::migrate(&url).await.unwrap();
    let (max_connections, statement_timeout) = (2, Duration::from_secs(10));
    let options = switchboard_store::Options {
        url,
        max_connections,
        statement_timeout,
    };
    switchboard_store::open(options).await.unwrap()
}

async fn messaging(folder: &TempDir, rates: RateTable) -> Messaging {
    let store = store(folder).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (hub, _inbound) = MemoryHub::cluster(Arc::clone(&clock)).attach("n1");
    let hub: Arc<dyn Hub> = hub;
    let lease = NodeInfo {
        id: "n1".to_owned(),
        version: "test".to_owned(),
        started_at: clock.now(),
        connections: 0,
        draining: false,
        address: None,
        route: String::new(),
        figures: NodeFigures::default(),
    };
    hub.renew_lease(&lease).await.unwrap();
    let owner = (TaskTracker::new(), CancellationToken::new());
    let parts = (Arc::clone(&store), Arc::clone(&hub));
    let second = Duration::from_secs(1);
    let times = PresenceTimes {
        offline_grace: second,
        idle_after: Duration::ZERO,
        history: Duration::ZERO,
    };
    let receipts = ReceiptService::new(Arc::clone(&hub), Arc::clone(&clock), owner.clone());
    Messaging {
        receipts,
        presence: PresenceService::new(parts, Arc::clone(&clock), times, owner.clone()),
        typing: TypingService::new(Arc::clone(&hub), Arc::clone(&clock), second, owner.clone()),
        store,
        hub,
        clock,
        ids: Arc::new(SystemIds),
        rules: Live::new(Rules::default()),
        rates: Live::new(rates),
        bridges: Bridges::new(owner),
        revocations: Revocations::default(),
        tracer: None,
    }
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::at("/api/v1").await
    }

    pub(crate) async fn at(prefix: &'static str) -> Self {
        Self::with(prefix, &[]).await
    }

    pub(crate) async fn with_rates(rates: &[(&str, Rate)]) -> Self {
        Self::with("/api/v1", rates).await
    }

    async fn with(prefix: &'static str, rates: &[(&str, Rate)]) -> Self {
        let named = rates.iter().map(|(name, rate)| ((*name).to_owned(), *rate));
        let rates = RateTable::new(Preset::Standard, None, named.collect::<HashMap<_, _>>());
        let folder = tempfile::tempdir().unwrap();
        let messaging = messaging(&folder, rates).await;
        let ring = KeyRing::new(Some(SECRET), None, &[]).unwrap();
        let keys = [("acme", KEY), ("globex", OTHER_KEY)];
        let keys = keys.map(|(name, key)| (OrganizationId::new(name).unwrap(), key));
        let rest = Rest {
            messaging: messaging.clone(),
            authenticator: Authenticator::new(
                Live::new(Verifier::new(ring, AuthOptions::default())),
                messaging.revocations.clone(),
                Arc::clone(&messaging.clock),
            ),
            api_keys: Live::new(ApiKeys::new(keys)),
        };
        Self {
            router: rest::router(rest, prefix),
            prefix,
            messaging,
            _folder: folder,
        }
    }

    pub(crate) fn token(&self, user: &str, organization: &str, roles: &[&str]) -> String {
        self.token_for(user, organization, roles, Duration::from_hours(1))
    }

    pub(crate) fn token_for(
        &self,
        user: &str,
        organization: &str,
        roles: &[&str],
        ttl: Duration,
    ) -> String {
        let user = UserId::new(user).unwrap();
        let organization = OrganizationId::new(organization).unwrap();
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let signer = Signer::new(SECRET, &[], AuthOptions::default());
        let span = (self.messaging.clock.now(), ttl);
        let token = signer.sign(&user, &organization, &roles, span).unwrap();
        format!("Bearer {token}")
    }

    /// A request with a header `Authorization`, or without.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        authorization: Option<&str>,
        body: &Value,
    ) -> Answer {
        let headers = authorization.map(|text| ("authorization", text));
        let headers: Vec<_> = headers.into_iter().collect();
        self.send(method, path, &headers, &body.to_string()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::new(Body::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.prefix).parse().unwrap();
        for (name, text) in headers {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            request.headers_mut().insert(*name, value);
        }
        self.answer(request).await
    }

    pub(crate) async fn at_root(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("x-api-key", KEY)], "")
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("x-api-key", KEY)];
        self.send(Method::POST, path, &headers, &body.to_string())
            .await
    }

    /// An event with a key.
    pub(crate) async fn post_once(&self, key: &str, body: &Value) -> Answer {
        let headers = [("x-api-key", KEY), ("idempotency-key", key)];
        let path = "/service/events";
        self.send(Method::POST, path, &headers, &body.to_string())
            .await
    }

    /// Somebody of acme has a device.
    pub(crate) async fn comes(&self, name: &str) {
        let Viewer { organization, user } = viewer(name);
        let device = Device {
            socket: format!("of-{name}"),
            status: PresenceStatus::Online,
            name: None,
        };
        let (change, now) = (PresenceChange::Device(device), self.messaging.clock.now());
        let hub = &self.messaging.hub;
        hub.presence_change(&organization, &user, change, now)
            .await
            .unwrap();
    }

    pub(crate) async fn queued(&self, name: &str) -> i64 {
        self.messaging.queue_length(&viewer(name)).await.unwrap()
    }

    /// Whatever waits for somebody of acme was sent too often.
    pub(crate) async fn gives_up(&self, name: &str) {
        let (queue, now) = (self.messaging.store.queue(), self.messaging.clock.now());
        let waiting = queue.waiting(&viewer(name), now).await.unwrap();
        let ids: Vec<_> = waiting.iter().map(|one| one.event.id).collect();
        queue.give_up(&viewer(name), &ids, 0, now).await.unwrap();
    }

    pub(crate) async fn group(&self, creator: &str, others: &[&str]) -> Value {
        let new = NewConversation {
            id: ConversationId(SystemIds.next()),
            creator: viewer(creator),
            socket: None,
            kind: Kind::Group,
            others: others
                .iter()
                .map(|name| UserId::new(name).unwrap())
                .collect(),
            title: None,
            context: None,
            metadata: Map::new(),
            client_conversation_id: None,
            at: self.messaging.clock.now(),
        };
        let created = self.messaging.store.create_conversation(new).await.unwrap();
        json!(created.view.conversation.id)
    }

    pub(crate) async fn close_store(&self) {
        self.messaging.store.close().await;
    }
}
