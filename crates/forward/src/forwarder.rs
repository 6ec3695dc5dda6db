//! The layer in front of a node's own service on the public listener.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::Either;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::Error;
use switchboard_socketio::{RemoteAddr, session_id, wants_websocket};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use crate::headers::{FORWARDED, keep_end_to_end, switch_to_websocket};
use crate::signature::Asked;
use crate::{ENDPOINT, Forwarding, Route};

/// Serves the requests of this node's sessions, and those without a session, by `inner`; forwards
/// those of other nodes' sessions.
#[derive(Clone, Debug)]
pub struct Forwarder<S> {
    forwarding: Option<Arc<Forwarding>>,
    inner: S,
}

impl<S> Forwarder<S> {
    /// A layer around `inner`; without `forwarding` it does nothing.
    pub fn new(forwarding: Option<Arc<Forwarding>>, inner: S) -> Self {
        Self { forwarding, inner }
    }

    /// Whose session the request is of, when it is not this node's.
    fn elsewhere(&self, request: &Request<Body>) -> Option<(Arc<Forwarding>, Route)> {
        let forwarding = self.forwarding.as_ref()?;
        let session = session_id(request.uri().query()?)?;
        let route = Route::of_session(session)?;
        (route != forwarding.route).then(|| (Arc::clone(forwarding), route))
    }
}

impl<S> Service<Request<Body>> for Forwarder<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    // Boxed: a poll of this node's own holds nothing for what it does not need.
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some((forwarding, route)) = self.elsewhere(&request) else {
            return Either::Left(self.inner.call(request));
        };
        let inner = self.inner.clone();
        Either::Right(Box::pin(async move {
            let unknown = without_content(&request);
            match forwarding.forward(route, request).await {
                Some(answer) => Ok(answer),
                // This node does not know the session either, and knows how to say so.
                None => inner.oneshot(unknown).await,
            }
        }))
    }
}

/// What is asked, without what only the node of the session needs.
fn without_content(request: &Request<Body>) -> Request<Body> {
    let mut bare = Request::new(Body::empty());
    bare.method_mut().clone_from(request.method());
    bare.uri_mut().clone_from(request.uri());
    if wants_websocket(request.headers()) {
        switch_to_websocket(bare.headers_mut());
    }
    bare
}

/// Why the session's node did not answer.
enum Failure {
    /// It is not there, or not the one that it was.
    Gone,
    /// It should be there, but takes no connection: it has just died, or nobody gets to it.
    Unreachable,
    /// It does not take this node for one of its cluster.
    Refused,
    /// The connection broke half-way.
    Broken(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Broken(error)
        }
    }
}

impl Forwarding {
    /// The answer of the session's node; `None` if it is gone or nobody gets to it.
    async fn forward(&self, route: Route, mut request: Request<Body>) -> Option<Response<Body>> {
        let upgrade = wants_websocket(request.headers())
            .then(|| request.extensions_mut().remove::<OnUpgrade>());
        let kind = match (&upgrade, request.method() == http::Method::POST) {
            (Some(_), _) => "upgrade",
            (None, true) => "post",
            (None, false) => "poll",
        };
        let answering = async {
            let owner = self.nodes.find(route).await.ok_or(Failure::Gone)?;
            self.send(&owner, request, upgrade.flatten()).await
        };
        let answered = self.stop.run_until_cancelled(answering).await;
        let (result, answer) = match answered.unwrap_or(Err(Failure::Gone)) {
            Ok(answer) => ("ok", Some(answer)),
            Err(Failure::Gone) => ("gone", None),
            Err(Failure::Unreachable) => ("unreachable", None),
            Err(Failure::Refused) => {
                self.warn_of_refusal();
                ("refused", None)
            }
            Err(Failure::Broken(error)) => {
                tracing::debug!(%error, "forwarded request failed");
                ("error", Some(bad_gateway()))
            }
        };
        let labels = [("kind", kind), ("result", result)];
        metrics::counter!("switchboard_forwarded_requests_total", &labels).increment(1);
        answer
    }

    async fn send(
        &self,
        owner: &Authority,
        request: Request<Body>,
        upgrade: Option<OnUpgrade>,
    ) -> Result<Response<Body>, Failure> {
        let request = self.addressed(owner, request, upgrade.is_some());
        let answer = self.client.request(request).await?;
        match (answer.status(), upgrade) {
            // Its Socket.IO service answers neither of these to a request with a session.
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, _) => Err(Failure::Refused),
            (StatusCode::MISDIRECTED_REQUEST, _) => Err(Failure::Gone),
            (StatusCode::SWITCHING_PROTOCOLS, Some(client)) => {
                Ok(self.tunnels.open(client, answer))
            }
            _ => {
                let (mut parts, body) = answer.into_parts();
                parts.extensions.clear();
                keep_end_to_end(&mut parts.headers);
                Ok(Response::from_parts(parts, Body::new(body)))
            }
        }
    }

    /// Every request is refused when one is, so one line a minute says it all.
    fn warn_of_refusal(&self) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|last| last.elapsed() >= Duration::from_mins(1)) {
            *warned = Some(Instant::now());
            tracing::warn!(
                "another node refuses what this one forwards: their cluster secrets, or their \
                 clocks, differ"
            );
        }
    }

    /// The request as it goes to the session's node: its body as it comes in, and nothing that
    /// belongs to the connection that it came on.
    fn addressed(
        &self,
        owner: &Authority,
        request: Request<Body>,
        is_upgrade: bool,
    ) -> Request<Body> {
        let (parts, body) = request.into_parts();
        let client = RemoteAddr::of(&parts.extensions).map(|remote| remote.0);
        let asked = Asked::new(&parts.method, &parts.uri);
        let signature = self.key.sign(&asked, client, self.clock.now());
        let mut forwarded = Request::new(body);
        *forwarded.uri_mut() = uri(owner, &parts.uri);
        *forwarded.method_mut() = parts.method;
        *forwarded.headers_mut() = headers(parts.headers, is_upgrade);
        if let Ok(signature) = HeaderValue::from_str(&signature) {
            forwarded.headers_mut().insert(FORWARDED, signature);
        }
        forwarded
    }
}

pub(crate) fn uri(owner: &Authority, asked: &Uri) -> Uri {
    let path = asked.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(owner.clone());
    parts.path_and_query = format!("{ENDPOINT}{path}").parse().ok();
    Uri::from_parts(parts).unwrap_or_default()
}

fn headers(mut headers: HeaderMap, is_upgrade: bool) -> HeaderMap {
    keep_end_to_end(&mut headers);
    // It names this node, which has seen to `Expect` too.
    headers.remove(header::HOST);
    headers.remove(header::EXPECT);
    if is_upgrade {
        switch_to_websocket(&mut headers);
    }
    headers
}

fn bad_gateway() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    answer
}
