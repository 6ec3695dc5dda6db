//! HTTP long-polling (engine.io `lib/transports/polling.ts`).

use std::{collections::VecDeque, future::poll_fn, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{
    Application, DisconnectReason, Protocol, Transport,
    compression::{self, Encoding},
    driver::Driver,
    frame::{Frame, FrameKind},
    registry::Registry,
    session::{Delivery, Farewell, Inbound, Opening, Polled, Session},
    wire::{self, EnginePacket, Message, PayloadPart},
};

use super::{
    Problem,
    answers::{bare, plain},
    open_packet,
    query::Query,
};

/// Opens a session whose first packet is the answer.
pub(super) fn open<A: Application>(
    app: Arc<A>,
    registry: &Arc<Registry>,
    request: &Request<Body>,
    query: &Query,
    opening: Opening,
) -> Result<Response<Body>, Problem> {
    let session = Session::new(
        registry.clone(),
        query.protocol,
        Transport::Polling,
        opening,
    );
    if !registry.admit(&session) {
        return Err(Problem::ShuttingDown);
    }
    let open = Frame::engine(&open_packet(&session, Transport::Polling));
    let encoding = Encoding::accepted(request.headers());
    let mut answer = respond(&session, query.jsonp.as_deref(), encoding, &[open].into());
    if let Some(cookie) = &registry.options.cookie
        && let Ok(cookie) = HeaderValue::from_str(&cookie.set(session.id.as_str()))
    {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    registry.connections.spawn(Driver::new(app, session, None));
    Ok(answer)
}

/// Ends the session when the request is dropped before it is answered: an aborted poll or POST is
/// a broken transport.
struct Pending {
    session: Arc<Session>,
    answered: bool,
}

impl Pending {
    fn new(session: &Arc<Session>) -> Self {
        Self {
            session: session.clone(),
            answered: false,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.answered {
            self.session.end_polling(DisconnectReason::TransportError);
        }
    }
}

/// Waits for packets and answers with all of them.
pub(super) async fn poll(
    session: Arc<Session>,
    jsonp: Option<String>,
    encoding: Option<Encoding>,
) -> Response<Body> {
    if !session.begin_poll() {
        session.end(DisconnectReason::TransportError, Farewell::Drop);
        return bare(StatusCode::BAD_REQUEST);
    }
    let mut pending = Pending::new(&session);
    let polled = poll_fn(|cx| session.poll_frames(cx)).await;
    pending.answered = true;
    session.finish_poll();
    match polled {
        Polled::Frames(frames) => respond(&session, jsonp.as_deref(), encoding, &frames),
        // Later polls of an upgraded session get the same.
        Polled::Over => Problem::BadRequest.answer(false),
    }
}

/// Encodes frames as one payload.
fn respond(
    session: &Session,
    jsonp: Option<&str>,
    encoding: Option<Encoding>,
    frames: &VecDeque<Frame>,
) -> Response<Body> {
    let parts = frames.iter().filter_map(|frame| match frame.kind() {
        FrameKind::Text => Some(PayloadPart::Text(frame.packet_text())),
        // In Engine.IO 3 the content follows its type.
        FrameKind::Binary if session.protocol == Protocol::V4 => {
            Some(PayloadPart::Binary(&frame.packet()[1..]))
        }
        FrameKind::Binary => Some(PayloadPart::Binary(frame.packet())),
        FrameKind::WebSocketOnly => None,
    });
    let has_binary = frames.iter().any(|frame| frame.kind() == FrameKind::Binary);
    let (content_type, body) = match (session.protocol, jsonp) {
        (Protocol::V5, _) => (TEXT, wire::encode_payload_v4(parts).into_bytes()),
        (Protocol::V4, Some(index)) => {
            let payload = wire::encode_payload_v3_text(parts);
            (TEXT, wire::jsonp_wrap(index, &payload).into_bytes())
        }
        (Protocol::V4, None) if has_binary && !session.opening.base64 => {
            (BINARY, wire::encode_payload_v3_binary(parts))
        }
        (Protocol::V4, None) => (TEXT, wire::encode_payload_v3_text(parts).into_bytes()),
    };
    let threshold = session.registry.options.compression_threshold;
    let encoding = encoding.filter(|_| body.len() >= threshold);
    match encoding.and_then(|encoding| Some((encoding, compression::compress(encoding, &body)?))) {
        Some((encoding, smaller)) => {
            let mut answer = plain(StatusCode::OK, content_type, smaller);
            let name = HeaderValue::from_static(encoding.as_str());
            answer.headers_mut().insert(header::CONTENT_ENCODING, name);
            answer
        }
        None => plain(StatusCode::OK, content_type, body),
    }
}

const TEXT: &str = "text/plain; charset=UTF-8";
const BINARY: &str = "application/octet-stream";

/// Takes packets from the client. It is answered when they have been taken over, so a client that
/// is too fast waits.
pub(super) async fn post(
    session: Arc<Session>,
    jsonp: Option<String>,
    request: Request<Body>,
) -> Response<Body> {
    if !session.begin_post() {
        session.end(DisconnectReason::TransportError, Farewell::Drop);
        return bare(StatusCode::BAD_REQUEST);
    }
    let is_binary = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes() == BINARY.as_bytes());
    if is_binary && session.protocol == Protocol::V5 {
        session.end(DisconnectReason::TransportError, Farewell::Drop);
        return bare(StatusCode::BAD_REQUEST);
    }
    let mut pending = Pending::new(&session);
    let answer = take_body(&session, jsonp.is_some(), request, is_binary).await;
    pending.answered = true;
    session.finish_post();
    answer
}

async fn take_body(
    session: &Arc<Session>,
    is_jsonp: bool,
    request: Request<Body>,
    is_binary: bool,
) -> Response<Body> {
    let options = &session.registry.options;
    let body = tokio::select! {
        body = read(request.into_body(), options.max_packet) => body,
        () = poll_fn(|cx| session.poll_unpostable(cx)) => return bare(StatusCode::BAD_REQUEST),
        // A body that only dribbles in, while pongs come with other requests: not for ever.
        () = tokio::time::sleep(options.ping_interval + options.ping_timeout) => {
            session.end(DisconnectReason::TransportError, Farewell::Drop);
            return bare(StatusCode::REQUEST_TIMEOUT);
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(Unread::TooLarge) => return bare(StatusCode::PAYLOAD_TOO_LARGE),
        Err(Unread::Broken) => {
            session.end(DisconnectReason::TransportError, Farewell::Drop);
            return bare(StatusCode::BAD_REQUEST);
        }
    };
    match packets(session, is_jsonp, &body, is_binary) {
        Ok(packets) => session.deliver(packets),
        Err(reason) => {
            session.end(reason, Farewell::Drop);
            return bare(StatusCode::BAD_REQUEST);
        }
    }
    match poll_fn(|cx| session.poll_delivered(cx)).await {
        // An event of the client's own may have ended the session: it was taken all the same.
        Delivery::Taken | Delivery::Ended => plain(StatusCode::OK, "text/html", "ok"),
    }
}

enum Unread {
    TooLarge,
    Broken,
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Broken),
    }
}

/// The packets that the driver has to see; heartbeats count at once. Otherwise why the session ends:
/// it is no payload, or one that only servers send.
fn packets(
    session: &Arc<Session>,
    is_jsonp: bool,
    body: &[u8],
    is_binary: bool,
) -> Result<VecDeque<Inbound>, DisconnectReason> {
    if is_binary {
        return sorted(session, wire::decode_payload_v3_binary(body));
    }
    // As JavaScript reads a body that is no UTF-8.
    let text = String::from_utf8_lossy(body);
    match (session.protocol, is_jsonp) {
        (Protocol::V5, _) => sorted(session, wire::decode_payload_v4(&text)),
        (Protocol::V4, false) => sorted(session, wire::decode_payload_v3_text(&text)),
        (Protocol::V4, true) => {
            let text = wire::jsonp_unwrap(&text).ok_or(DisconnectReason::ParseError)?;
            sorted(session, wire::decode_payload_v3_text(&text))
        }
    }
}

fn sorted<'a>(
    session: &Arc<Session>,
    decoded: impl Iterator<Item = Result<EnginePacket<'a>, wire::EngineError>>,
) -> Result<VecDeque<Inbound>, DisconnectReason> {
    let mut packets = VecDeque::new();
    for packet in decoded {
        match packet.map_err(|_| DisconnectReason::ParseError)? {
            EnginePacket::Message(Message::Text(text)) => {
                packets.push_back(Inbound::Text(text.to_owned()));
            }
            EnginePacket::Message(Message::Binary(bytes)) => {
                packets.push_back(Inbound::Binary(bytes.into_owned().into()));
            }
            EnginePacket::Close => {
                packets.push_back(Inbound::Close);
                // Nothing counts after it.
                break;
            }
            packet => {
                if session.heard(&packet).is_break() {
                    return Err(DisconnectReason::TransportError);
                }
            }
        }
    }
    Ok(packets)
}
