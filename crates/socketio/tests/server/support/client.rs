//! A raw Socket.IO client on a WebSocket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::soon;

pub(crate) struct Client {
    ws: WebSocketStream<TcpStream>,
    pub(crate) id: String,
}

impl Client {
    /// A WebSocket with this query.
    pub(super) async fn connect(addr: SocketAddr, query: &str) -> Self {
        let tcp = soon(TcpStream::connect(addr)).await.unwrap();
        let url = format!("ws://{addr}/socket.io/?{query}");
        let (ws, _) = soon(client_async(url, tcp)).await.unwrap();
        let id = String::new();
        Self { ws, id }
    }

    pub(super) async fn open(addr: SocketAddr, query: &str) -> Self {
        let mut client = Self::connect(addr, &format!("{query}&transport=websocket")).await;
        let open = client.raw().await.expect("open packet");
        assert!(open.starts_with("0{"), "{open}");
        client
    }

    /// Sends a Socket.IO packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.ws
            .send(Message::Text(format!("4{packet}").into()))
            .await
            .unwrap();
    }

    pub(crate) async fn send_engine(&mut self, text: &str) {
        self.ws
            .send(Message::Text(text.to_owned().into()))
            .await
            .unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.ws
            .send(Message::Binary(bytes.to_vec().into()))
            .await
            .unwrap();
    }

    /// Sends a CONNECT packet and reads its answer and what was held back.
    pub(crate) async fn join(&mut self, packet: &str) {
        self.send(packet).await;
        let answer = self.recv().await;
        let json = answer.find('{').expect("connect answer");
        let answer: Value = serde_json::from_str(&answer[json..]).unwrap();
        answer["sid"]
            .as_str()
            .expect("accepted")
            .clone_into(&mut self.id);
        assert!(self.recv().await.ends_with(r#"["early",1]"#));
    }

    /// The next Engine.IO packet but pings; `None` when the server closed.
    pub(crate) async fn raw(&mut self) -> Option<String> {
        loop {
            match soon(self.ws.next()).await {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    // The connection may be on its way down.
                    let _ = self.ws.send(Message::Text("3".into())).await;
                }
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next Socket.IO packet.
    pub(crate) async fn recv(&mut self) -> String {
        let text = self.raw().await.expect("still connected");
        text.strip_prefix('4').expect("a message").to_owned()
    }

    /// Waits for the end; gives the Socket.IO packets that came before it.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        while let Some(text) = self.raw().await {
            packets.extend(text.strip_prefix('4').map(ToOwned::to_owned));
        }
        packets
    }

    /// Goes away without a word.
    pub(crate) fn vanish(self) {
        drop(self.ws);
    }
}
