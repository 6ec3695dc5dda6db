//! The HTTP side: which request is what (engine.io `lib/server.ts`, `verify` and `handshake`).

mod answers;
mod polling;
mod query;
mod websocket;

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
};

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};

use crate::{
    Application, Protocol, RemoteAddr, Transport,
    addresses::AddressPlace,
    bundle,
    compression::Encoding,
    ids::EngineId,
    registry::Registry,
    session::{Opening, Session},
};

use answers::Problem;
use query::Query;

/// An answer to come. Each kind of request has a future of its own size: polls wait, and there may be
/// one for every client.
pub(crate) type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Answers one request.
pub(crate) fn serve<A: Application>(
    app: Arc<A>,
    registry: Arc<Registry>,
    request: Request<Body>,
) -> Answering {
    if let Some(answer) = bundle::serve(&registry, &request) {
        return Box::pin(ready(Ok(answer)));
    }
    let wants_upgrade = wants_websocket(request.headers());
    let refused = move |problem: Problem| problem.answer(wants_upgrade);
    match route(&registry, &request, wants_upgrade) {
        Ok(Route::Open(query)) => {
            let opened = open(app, registry, request, query);
            Box::pin(opened.map(move |answer| Ok(answer.unwrap_or_else(refused))))
        }
        Ok(Route::Poll(session, query)) => {
            let encoding = Encoding::accepted(request.headers());
            // Its headers are slices of hyper's buffer, which would be kept while the poll waits.
            drop(request);
            Box::pin(polling::poll(session, query.jsonp, encoding).map(Ok))
        }
        Ok(Route::Post(session, query)) => {
            Box::pin(polling::post(session, query.jsonp, request).map(Ok))
        }
        Ok(Route::Upgrade(session)) => {
            let answer = websocket::upgrade(session, request).unwrap_or_else(refused);
            Box::pin(ready(Ok(answer)))
        }
        Err(problem) => Box::pin(ready(Ok(refused(problem)))),
    }
}

/// The session that the query of a request names, as the server reads it: for layers that decide by
/// it before the server does.
pub fn session_id(query: &str) -> Option<&str> {
    query::value(query, "sid").filter(|sid| !sid.is_empty())
}

/// Whether a request is for a WebSocket. Some HTTP clients offer other protocols (`h2c`) with every
/// request.
pub fn wants_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

enum Route {
    /// A new session.
    Open(Query),
    Poll(Arc<Session>, Query),
    Post(Arc<Session>, Query),
    Upgrade(Arc<Session>),
}

fn route(
    registry: &Registry,
    request: &Request<Body>,
    wants_upgrade: bool,
) -> Result<Route, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let transport = query
        .transport
        .filter(|transport| registry.options.transports.contains(transport))
        .ok_or(Problem::UnknownTransport)?;
    if wants_upgrade && transport == Transport::Polling {
        return Err(Problem::BadRequest);
    }
    let Some(sid) = &query.sid else {
        return open_route(registry, request, wants_upgrade, transport, query);
    };
    let session = EngineId::parse(sid)
        .and_then(|id| registry.session(&id))
        .ok_or(Problem::UnknownSession)?;
    if wants_upgrade {
        return Ok(Route::Upgrade(session));
    }
    if session.transport() != transport {
        return Err(Problem::BadRequest);
    }
    match *request.method() {
        Method::GET => Ok(Route::Poll(session, query)),
        Method::POST => Ok(Route::Post(session, query)),
        _ => Err(Problem::Method),
    }
}

fn open_route(
    registry: &Registry,
    request: &Request<Body>,
    wants_upgrade: bool,
    transport: Transport,
    query: Query,
) -> Result<Route, Problem> {
    if registry.is_refusing() {
        return Err(Problem::ShuttingDown);
    }
    if request.method() != Method::GET {
        return Err(Problem::BadHandshakeMethod);
    }
    if transport == Transport::WebSocket && !wants_upgrade {
        return Err(Problem::BadRequest);
    }
    if query.protocol == Protocol::V4 && !registry.options.allow_eio3 {
        return Err(Problem::UnsupportedProtocol);
    }
    Ok(Route::Open(query))
}

async fn open<A: Application>(
    app: Arc<A>,
    registry: Arc<Registry>,
    request: Request<Body>,
    query: Query,
) -> Result<Response<Body>, Problem> {
    let (parts, body) = request.into_parts();
    app.allow_request(&parts)
        .await
        .map_err(Problem::Forbidden)?;
    // That may have taken its time, and who drains the server has counted its sessions.
    if registry.is_refusing() {
        return Err(Problem::ShuttingDown);
    }
    let request = Request::from_parts(parts, body);
    let mut opening = opening(&registry, &request, &query);
    opening.address_place = place_of(&registry, &opening)?;
    match query.transport {
        Some(Transport::WebSocket) => {
            websocket::open(app, registry, request, query.protocol, opening)
        }
        _ => polling::open(app, &registry, &request, &query, opening),
    }
}

/// What is kept of the request: copies, because the originals are slices of the whole request.
fn opening(registry: &Registry, request: &Request<Body>, query: &Query) -> Opening {
    let kept = |name: &HeaderName| {
        let values = request.headers().get_all(name).iter();
        let copies = values.filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        copies
            .map(|value| (name.clone(), value))
            .collect::<Vec<_>>()
    };
    Opening {
        remote_addr: RemoteAddr::of(request.extensions()).map(|remote| remote.0),
        headers: registry.options.headers.iter().flat_map(kept).collect(),
        query: request.uri().query().unwrap_or_default().into(),
        base64: query.base64,
        address_place: None,
    }
}

/// The session's place among those of its address; `None` when nobody counts.
fn place_of(registry: &Registry, opening: &Opening) -> Result<Option<AddressPlace>, Problem> {
    let most = registry.options.connections_per_address;
    let (1.., Some(address)) = (most, opening.remote_addr) else {
        return Ok(None);
    };
    let place = registry.addresses.take(address.ip(), most);
    if place.is_none() {
        registry.addresses_refused.fetch_add(1, Ordering::Relaxed);
        let message = "too many connections of this address";
        return Err(Problem::Forbidden(message.to_owned()));
    }
    Ok(place)
}

/// The packet that opens a session.
fn open_packet(session: &Session, transport: Transport) -> String {
    let options = &session.registry.options;
    let upgrades: &[&str] =
        if transport == Transport::Polling && options.transports.contains(&Transport::WebSocket) {
            &["websocket"]
        } else {
            &[]
        };
    let packet = serde_json::json!({
        "sid": session.id.as_str(),
        "upgrades": upgrades,
        "pingInterval": options.ping_interval.as_millis() as u64,
        "pingTimeout": options.ping_timeout.as_millis() as u64,
        "maxPayload": options.max_packet,
    });
    format!("0{packet}")
}
