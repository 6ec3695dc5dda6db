//! A server and its HTTP side.

use std::{
    convert::Infallible,
    fmt,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use ::http::{Extensions, Request, Response};
use axum::{body::Body, extract::ConnectInfo};
use tower::Service;

use crate::{Application, Io, Options, http, listen::Peer, registry::Registry};

/// Request extension that names the client's address, for layers that know better than the
/// socket (a proxy's header). Without it the address is axum's
/// `ConnectInfo<`[`listen::Peer`](crate::listen::Peer)`>` or else `ConnectInfo<SocketAddr>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddr(pub SocketAddr);

impl RemoteAddr {
    /// The client's address, from whichever of these extensions there is.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let peer = || {
            let info = extensions.get::<ConnectInfo<Peer>>();
            info.map(|info| Self(info.0.addr()))
        };
        let plain = || {
            let info = extensions.get::<ConnectInfo<SocketAddr>>();
            info.map(|info| Self(info.0))
        };
        extensions.get().copied().or_else(peer).or_else(plain)
    }
}

/// A Socket.IO server for one [`Application`]; a clone is the same server.
pub struct Server<A: Application> {
    registry: Arc<Registry>,
    app: Arc<A>,
}

impl<A: Application> Server<A> {
    /// A server that serves nothing until its [`router`](Self::router) or
    /// [`service`](Self::service) is mounted.
    pub fn new(options: Options, app: A) -> Self {
        Self::new_shared(options, Arc::new(app))
    }

    /// [`new`](Self::new) for an application that others hold too.
    pub fn new_shared(options: Options, app: Arc<A>) -> Self {
        Self {
            registry: Arc::new(Registry::new(options)),
            app,
        }
    }

    /// The handle that sends and closes.
    pub fn handle(&self) -> Io {
        Io {
            registry: self.registry.clone(),
        }
    }

    /// Serves whatever request reaches it, whatever its path.
    pub fn service(&self) -> SocketIoService<A> {
        SocketIoService {
            registry: self.registry.clone(),
            app: self.app.clone(),
        }
    }

    /// The service at [`Options::path`], to be merged into another router or wrapped in layers.
    pub fn router(&self) -> axum::Router {
        match self.registry.options.path.trim_end_matches('/') {
            "" => axum::Router::new().fallback_service(self.service()),
            path => axum::Router::new().nest_service(path, self.service()),
        }
    }
}

impl<A: Application> Clone for Server<A> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            app: self.app.clone(),
        }
    }
}

impl<A: Application> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("options", &self.registry.options)
            .finish_non_exhaustive()
    }
}

/// The HTTP side of a [`Server`], a tower service that axum can nest.
pub struct SocketIoService<A: Application> {
    registry: Arc<Registry>,
    app: Arc<A>,
}

impl<A: Application> Service<Request<Body>> for SocketIoService<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = http::Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (app, registry) = (self.app.clone(), self.registry.clone());
        http::serve(app, registry, request)
    }
}

impl<A: Application> Clone for SocketIoService<A> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            app: self.app.clone(),
        }
    }
}

impl<A: Application> fmt::Debug for SocketIoService<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoService").finish_non_exhaustive()
    }
}
