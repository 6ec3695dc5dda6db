//! The least that a load of `switchboard-load` needs of a server, with socketioxide: see README.md.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tokio::net::TcpListener;

/// Packets that may wait for one client. The default of 128 drops packets in bursts that the client
/// would read a moment later; the memory is only taken when they wait.
const BUFFER: usize = 4096;

/// The last `seq` of each conversation. Nothing else of it is kept.
type Seqs = Arc<Mutex<HashMap<String, u64>>>;

#[derive(Deserialize)]
struct Handshake {
    token: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    participant_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Send {
    conversation_id: String,
    content: String,
    client_message_id: Option<String>,
}

/// What the token says, whoever signed it.
fn user(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.sub)
}

fn refused(code: &str) -> Value {
    json!({ "ok": false, "error": { "code": code } })
}

async fn create(io: SocketIo, user: String, seqs: Seqs, call: Create) -> Value {
    let id = {
        let mut seqs = seqs.lock().unwrap_or_else(PoisonError::into_inner);
        let id = format!("room-{}", seqs.len());
        seqs.insert(id.clone(), 0);
        id
    };
    let mut members = call.participant_ids;
    members.push(user);
    io.within(members.clone()).join(id.clone()).await.ok();
    let conversation = json!({ "id": id });
    let created = json!({ "conversation": conversation });
    io.to(members)
        .emit("conversation:created", &created)
        .await
        .ok();
    json!({ "ok": true, "data": { "conversation": conversation, "created": true } })
}

async fn send(socket: SocketRef, user: String, seqs: Seqs, call: Send) -> Value {
    let seq = {
        let mut seqs = seqs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = seqs.get_mut(&call.conversation_id) else {
            return refused("NOT_FOUND");
        };
        *last += 1;
        *last
    };
    let message = json!({
        "conversationId": call.conversation_id,
        "seq": seq,
        "senderId": user,
        "type": "text",
        "content": call.content,
        "clientMessageId": call.client_message_id,
    });
    let event = json!({ "message": message });
    // The failures are those of single sockets that are on their way out, or that do not read.
    socket
        .to(call.conversation_id)
        .emit("message:new", &event)
        .await
        .ok();
    json!({ "ok": true, "data": event })
}

fn connected(io: &SocketIo, socket: &SocketRef, handshake: &Handshake, seqs: &Seqs) {
    let Some(user) = user(&handshake.token) else {
        socket.clone().disconnect().ok();
        return;
    };
    socket.join(user.clone());
    let (server, sender, rooms) = (io.clone(), user.clone(), Arc::clone(seqs));
    socket.on(
        "conversation:create",
        async move |ack: AckSender, Data(call): Data<Create>| {
            ack.send(&create(server, sender, rooms, call).await).ok();
        },
    );
    let (sender, rooms) = (user.clone(), Arc::clone(seqs));
    socket.on(
        "message:send",
        async move |socket: SocketRef, ack: AckSender, Data(call): Data<Send>| {
            ack.send(&send(socket, sender, rooms, call).await).ok();
        },
    );
    socket
        .emit("session:ready", &json!({ "userId": user }))
        .ok();
}

async fn serve() -> std::io::Result<()> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let (layer, io) = SocketIo::builder().max_buffer_size(BUFFER).build_layer();
    let seqs = Seqs::default();
    let server = io.clone();
    io.ns(
        "/",
        async move |socket: SocketRef, Data(handshake): Data<Handshake>| {
            connected(&server, &socket, &handshake, &seqs);
        },
    );
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
    println!("listening on {}", listener.local_addr()?.port());
    let listener = listener.tap_io(|stream| {
        // It would only be slower without.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await
}

fn main() -> std::io::Result<()> {
    // Its workers are as many as TOKIO_WORKER_THREADS says, or as there are cores.
    let runtime = tokio::runtime::Runtime::new()?;
    // As a task of its own, because what `block_on` is given directly runs on none of the workers.
    runtime.block_on(runtime.spawn(serve()))?
}
