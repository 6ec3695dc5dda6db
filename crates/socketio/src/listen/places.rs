//! A bound on connections: one beyond it is told so and closed, never left hanging.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Most connections that are told at a time; beyond them they are closed without a word.
const TOLD_AT_ONCE: usize = 256;
/// How long one that is told may take to hear it.
const PATIENCE: Duration = Duration::from_secs(1);

const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 34\r\n\
    cache-control: no-store\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"message\":\"too many connections\"}";

/// The places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    /// `None` is no limit.
    free: Option<Arc<Semaphore>>,
    telling: Arc<Semaphore>,
}

/// A connection's place: held as long as its stream is, whatever becomes of the connection.
pub(super) type Place = Option<OwnedSemaphorePermit>;

impl Places {
    /// So many; 0 is no limit. Who speaks TLS is not told: it would take a handshake.
    pub(super) fn new(most: usize, is_tls: bool) -> Self {
        let told = if is_tls { 0 } else { TOLD_AT_ONCE };
        Self {
            free: (most > 0).then(|| Arc::new(Semaphore::new(most))),
            telling: Arc::new(Semaphore::new(told)),
        }
    }

    /// A place, or what has to be done with a connection for which there is none.
    pub(super) fn take(&self, tcp: TcpStream) -> Result<(TcpStream, Place), Parting> {
        let Some(free) = &self.free else {
            return Ok((tcp, None));
        };
        match free.clone().try_acquire_owned() {
            Ok(place) => Ok((tcp, Some(place))),
            Err(_) => Err(Parting {
                turn: self.telling.clone().try_acquire_owned().ok(),
                tcp,
            }),
        }
    }
}

/// A connection that is to be closed.
#[derive(Debug)]
pub(super) struct Parting {
    tcp: TcpStream,
    turn: Option<OwnedSemaphorePermit>,
}

impl Parting {
    /// Tells the peer why, if there are not too many to tell.
    pub(super) async fn run(self) {
        if self.turn.is_some() {
            // A peer that does not want to hear it is closed all the same.
            let _ = tokio::time::timeout(PATIENCE, tell(self.tcp)).await;
        }
    }
}

async fn tell(mut tcp: TcpStream) -> io::Result<()> {
    tcp.write_all(ANSWER).await?;
    tcp.shutdown().await?;
    // Closing with something unread would reset the connection, and the answer be lost.
    let mut unread = [0; 1024];
    while tcp.read(&mut unread).await? > 0 {}
    Ok(())
}
