//! Requests that other nodes send here.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use futures_util::future::Either;
use http::{Request, Response, StatusCode};
use switchboard_socketio::{RemoteAddr, session_id};
use tower::Service;

use crate::headers::FORWARDED;
use crate::signature::{Asked, Refusal};
use crate::{Forwarding, Route};

/// Hands requests of other nodes to the service of this one: never to a [`Forwarder`](crate::Forwarder),
/// so that none is forwarded twice. To be nested at [`ENDPOINT`](crate::ENDPOINT) of a listener that
/// is not public.
#[derive(Clone, Debug)]
pub struct Entrance<S> {
    forwarding: Arc<Forwarding>,
    inner: S,
}

impl<S> Entrance<S> {
    /// An entrance to `inner`.
    pub fn new(forwarding: Arc<Forwarding>, inner: S) -> Self {
        Self { forwarding, inner }
    }

    /// Takes the request for the client's own, or says with what it is refused.
    fn admit(&self, request: &mut Request<Body>) -> Result<(), StatusCode> {
        let forwarding = &self.forwarding;
        let header = request.headers_mut().remove(FORWARDED);
        let header = header.as_ref().and_then(|header| header.to_str().ok());
        let asked = Asked::new(request.method(), request.uri());
        let verified = header.ok_or(Refusal::Malformed).and_then(|header| {
            let now = forwarding.clock.now();
            forwarding.key.verify(&asked, header, now)
        });
        let client = verified.map_err(|refusal| {
            tracing::debug!(?refusal, "forwarded request refused");
            StatusCode::FORBIDDEN
        })?;
        // The address may be that of a node before this one.
        let session = session_id(request.uri().query().unwrap_or_default());
        if session.and_then(Route::of_session) != Some(forwarding.route) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        if let Some(client) = client {
            request.extensions_mut().insert(RemoteAddr(client));
        }
        Ok(())
    }
}

impl<S> Service<Request<Body>> for Entrance<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.admit(&mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(status) => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = status;
                Either::Right(ready(Ok(answer)))
            }
        }
    }
}
