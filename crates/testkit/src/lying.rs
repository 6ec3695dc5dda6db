//! A small messaging server over Socket.IO that breaks one promise, once: what judges servers has to
//! find it. Without a lie it keeps them all.

mod world;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::world::World;

/// What the server does wrong, with the message that has the `seq` [`LIES_ABOUT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing.
    None,
    /// One member does not get it.
    Withhold,
    /// One member gets it twice.
    Repeat,
    /// One member gets it after the next one.
    Swap,
    /// It is acked, and neither stored nor told.
    Forget,
    /// It is stored twice.
    StoreTwice,
    /// It is stored with another content.
    Alter,
    /// One member's connection is cut before it. All is made good when it comes back: by recovery.
    CutAndRecover,
    /// The same, but the recovery leaves the first missed event out.
    CutAndRecoverBadly,
    /// One member's connection is cut, it is not recovered, and then gets the newest three events once
    /// more: that is allowed.
    CutAndOverlap,
    /// The first answer to it is lost with the connection, and so are no others.
    CutBeforeAck,
}

/// The message that a lie is about.
pub const LIES_ABOUT: u64 = 20;

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct LyingServer {
    port: u16,
    stop: CancellationToken,
}

impl LyingServer {
    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(lie: Lie) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.unwrap_or_else(|error| panic!("no port: {error}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let world = Arc::new(Mutex::new(World::new(lie)));
        let stop = CancellationToken::new();
        let accepting = accept(listener, world, stop.clone());
        // The tracker's use ends here: the token stops the task, and a test's runtime awaits nobody.
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accepting));
        Self { port, stop }
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for LyingServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, world: Arc<Mutex<World>>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    while let Ok((stream, _)) = listener.accept().await {
        let serving = serve(stream, world.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(serving));
    }
}

/// One connection. `None` ends it.
async fn serve(stream: TcpStream, world: Arc<Mutex<World>>) -> Option<()> {
    let mut stream = tokio_tungstenite::accept_async(stream).await.ok()?;
    let open = json!({
        "sid": crate::unique_name(), "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000,
        "maxPayload": 100_000
    });
    stream.send(Message::text(format!("0{open}"))).await.ok()?;
    let joined = stream.next().await?.ok()?;
    let auth: Value = serde_json::from_str(joined.to_text().ok()?.strip_prefix("40")?).ok()?;
    // A world that is full of unread frames has no slow consumers: the test reads everything.
    let (line, mut frames) = mpsc::channel(65_536);
    let user = lock(&world).join(&auth, line)?;
    loop {
        tokio::select! {
            frame = frames.recv() => stream.send(Message::text(frame?)).await.ok()?,
            message = stream.next() => {
                let message = message?.ok()?;
                if let Some(call) = message.to_text().ok().and_then(|text| text.strip_prefix("42")) {
                    let (id, args) = call.split_at(call.find('[')?);
                    let args: Value = serde_json::from_str(args).ok()?;
                    lock(&world).call(&user, id, &args);
                }
            }
        }
    }
}

fn lock(world: &Mutex<World>) -> std::sync::MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
