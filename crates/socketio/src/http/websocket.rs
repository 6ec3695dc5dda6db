//! Sessions that begin as WebSocket, and polling sessions that become one.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::{
    Application, Protocol, Transport,
    driver::{Driver, LINGER},
    frame::Frame,
    listen::MoreFollows,
    registry::Registry,
    session::{Opening, Session, Stream},
    wire::{self, EnginePacket},
    ws::{self, Message},
};

use super::{Problem, open_packet};

/// How long after the probe the poll that waits is first ended. The client sends nothing, not even
/// what it has to say already, until that poll is over; engine.io makes it wait [`NUDGE`]. Not at
/// once: a poll that ends before the answer of the probe is there is followed by another.
const FIRST_NUDGE: Duration = Duration::from_millis(5);

/// How often at least a poll is ended while its client upgrades (engine.io `lib/socket.ts`).
const NUDGE: Duration = Duration::from_millis(100);

/// The server's half of the opening handshake.
struct Handshake {
    answer: Response<Body>,
    on_upgrade: OnUpgrade,
    deflate: bool,
    more: Option<MoreFollows>,
}

fn handshake(registry: &Registry, request: Request<Body>) -> Result<Handshake, Problem> {
    let (mut parts, _) = request.into_parts();
    let asked =
        ws::check(&parts.headers, &parts.method, parts.version).map_err(Problem::Handshake)?;
    let on_upgrade = take_upgrade(&mut parts).ok_or(Problem::BadRequest)?;
    let more = parts.extensions.remove();
    let deflate = registry.options.compression && asked.deflate.is_some();
    let mut answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, asked.accept);
    if let Some(agreed) = asked.deflate.filter(|_| deflate) {
        answer = answer.header(header::SEC_WEBSOCKET_EXTENSIONS, agreed);
    }
    Ok(Handshake {
        answer: answer
            .body(Body::empty())
            .map_err(|_| Problem::BadRequest)?,
        on_upgrade,
        deflate,
        more,
    })
}

fn take_upgrade(parts: &mut Parts) -> Option<OnUpgrade> {
    parts.extensions.remove::<OnUpgrade>()
}

fn decoder(registry: &Registry, deflate: bool) -> ws::Decoder {
    ws::Decoder::new(registry.options.max_packet).with_inflate(deflate)
}

/// Opens a session on a WebSocket. Its task begins here.
pub(super) fn open<A: Application>(
    app: Arc<A>,
    registry: Arc<Registry>,
    request: Request<Body>,
    protocol: Protocol,
    opening: Opening,
) -> Result<Response<Body>, Problem> {
    let Handshake {
        answer,
        on_upgrade,
        deflate,
        more,
    } = handshake(&registry, request)?;
    if let Some(more) = more {
        // The open packet.
        more.say();
    }
    let connections = registry.connections.clone();
    connections.spawn(async move {
        // The client may be gone before it has read the answer.
        let Ok(upgraded) = on_upgrade.await else {
            return;
        };
        let decoder = decoder(&registry, deflate);
        let session = Session::new(registry.clone(), protocol, Transport::WebSocket, opening);
        if deflate {
            session.speaks_deflate();
        }
        session.open_stream(TokioIo::new(upgraded));
        session.say(Frame::engine(&open_packet(&session, Transport::WebSocket)));
        if !registry.admit(&session) {
            return;
        }
        drop(registry);
        Driver::new(app, session, Some(decoder)).await;
    });
    Ok(answer)
}

/// Lets a polling session try a WebSocket. Whatever becomes of it, polling goes on meanwhile.
pub(super) fn upgrade(
    session: Arc<Session>,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let registry = session.registry.clone();
    let Handshake {
        answer,
        on_upgrade,
        deflate,
        ..
    } = handshake(&registry, request)?;
    let connections = registry.connections.clone();
    connections.spawn(async move {
        let Ok(upgraded) = on_upgrade.await else {
            return;
        };
        let mut stream = TokioIo::new(upgraded);
        if !session.begin_upgrade() {
            // One upgrade at a time, and only one (engine.io `lib/server.ts`, `onWebSocket`).
            hang_up(&mut stream).await;
            return;
        }
        let mut decoder = decoder(&registry, deflate);
        // Around everything: a peer that floods or does not read must not stay either.
        let time = registry.options.upgrade_timeout;
        let probing = probe(&session, &mut stream, &mut decoder);
        if tokio::time::timeout(time, probing).await == Ok(true) {
            if let Err(mut stream) = session.complete_upgrade(stream, decoder, deflate) {
                hang_up(&mut stream).await;
            }
        } else {
            session.cancel_upgrade();
            hang_up(&mut stream).await;
        }
    });
    Ok(answer)
}

/// `2probe` → `3probe` → `5`; `false` when it comes otherwise.
async fn probe(session: &Arc<Session>, stream: &mut Stream, decoder: &mut ws::Decoder) -> bool {
    let mut pause = NUDGE;
    let nudge = tokio::time::sleep(pause);
    tokio::pin!(nudge);
    let (mut probed, mut frames) = (false, 0);
    loop {
        let step = tokio::select! {
            step = next_step(stream, decoder) => step,
            () = &mut nudge => {
                if !session.may_upgrade() {
                    return false;
                }
                if probed {
                    session.nudge_poll();
                    pause = NUDGE.min(pause * 2);
                }
                nudge.as_mut().reset(Instant::now() + pause);
                continue;
            }
        };
        frames += 1;
        match step {
            Step::Probe if !probed => {
                probed = true;
                let pong = Frame::engine("3probe");
                if stream.write_all(pong.wire()).await.is_err() {
                    return false;
                }
                pause = FIRST_NUDGE;
                nudge.as_mut().reset(Instant::now() + pause);
            }
            Step::Upgrade if probed => return true,
            Step::Nothing if frames < MOST_FRAMES => {}
            _ => return false,
        }
    }
}

/// Frames that an upgrade may take: two, and some of WebSocket's own.
const MOST_FRAMES: usize = 16;

enum Step {
    Probe,
    Upgrade,
    /// A frame of WebSocket's own.
    Nothing,
    Failed,
}

/// The next frame. What follows it stays in the decoder.
async fn next_step(stream: &mut Stream, decoder: &mut ws::Decoder) -> Step {
    let mut bytes = [0; 512];
    let mut count = 0;
    loop {
        if let Some(step) = decode_step(decoder, &mut bytes[..count]) {
            return step;
        }
        count = match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return Step::Failed,
            Ok(count) => count,
        };
    }
}

fn decode_step(decoder: &mut ws::Decoder, mut input: &mut [u8]) -> Option<Step> {
    let step = decoder.next(&mut input, |message| match message {
        Message::Text(text) => match wire::decode_text(crate::Protocol::V5, text) {
            Ok(EnginePacket::Ping("probe")) => Step::Probe,
            Ok(EnginePacket::Upgrade) => Step::Upgrade,
            _ => Step::Failed,
        },
        Message::Ping(_) | Message::Pong => Step::Nothing,
        Message::Binary(_) | Message::Close(_) => Step::Failed,
    });
    decoder.hold(input);
    step.unwrap_or(Some(Step::Failed))
}

/// Closes a WebSocket that no session wants, in bounded time.
async fn hang_up(stream: &mut Stream) {
    let goodbye = async {
        stream.write_all(&ws::close_frame(None)).await?;
        stream.shutdown().await?;
        let mut unread = [0; 512];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The peer may be gone already.
    let _ = tokio::time::timeout(LINGER, goodbye).await;
}
