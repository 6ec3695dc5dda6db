//! The task that reads and writes for a [`SocketClient`](super::SocketClient).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::Event;
use super::packet::{Packet, PacketType};
use super::raw::{Frame, RawSocket};

/// What the task has for the test.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(Event),
    End(String),
}

/// Calls that wait for their ack.
#[derive(Clone, Debug, Default)]
pub(super) struct Acks(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    calls: HashMap<u64, oneshot::Sender<Value>>,
    ended: bool,
}

impl Acks {
    /// `answer` gets the arguments of the ack, or is dropped when the connection ends without one.
    pub(super) fn expect(&self, ack_id: u64, answer: oneshot::Sender<Value>) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.calls.insert(ack_id, answer);
        }
    }

    fn resolve(&self, ack_id: u64, args: Value) -> bool {
        let answer = self.lock().calls.remove(&ack_id);
        answer.is_some_and(|answer| {
            answer.send(args).ok(); // whoever called may have given up
            true
        })
    }

    fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        waiting.calls.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open connection, as its task has it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) raw: RawSocket,
    pub(super) to_send: mpsc::Receiver<Frame>,
    pub(super) received: mpsc::Sender<Incoming>,
    pub(super) acks: Acks,
}

impl Connection {
    /// Until either side ends it.
    pub(super) async fn run(mut self) {
        let reason = loop {
            tokio::select! {
                frame = self.to_send.recv() => match frame {
                    Some(Frame::Close) | None => break "io client disconnect".to_owned(),
                    Some(frame) => self.raw.send_frame(frame).await,
                },
                frame = self.raw.next_frame() => {
                    if let Err(reason) = self.receive(frame).await {
                        break reason;
                    }
                }
            }
        };
        self.raw.send_frame(Frame::Close).await;
        self.acks.end();
        self.received.send(Incoming::End(reason)).await.ok();
    }

    /// An `Err` is how the connection ended.
    async fn receive(&mut self, frame: Frame) -> Result<(), String> {
        match frame {
            Frame::Text(text) if text == "2" => self.raw.send("3").await,
            Frame::Text(text) => {
                let packet = text
                    .strip_prefix('4')
                    .ok_or(format!("not a message: {text:?}"))?;
                let packet =
                    Packet::decode(packet).map_err(|error| format!("{error}: {text:?}"))?;
                self.take(packet).await?;
            }
            Frame::Binary(_) => return Err("a binary frame, which no packet announced".to_owned()),
            Frame::Close => return Err("transport close".to_owned()),
        }
        Ok(())
    }

    async fn take(&mut self, packet: Packet) -> Result<(), String> {
        match packet {
            Packet {
                kind: PacketType::Event,
                data: Some(Value::Array(mut args)),
                ack_id,
                ..
            } => {
                let name = match args.first() {
                    Some(Value::String(name)) => name.clone(),
                    other => return Err(format!("an event called {other:?}")),
                };
                args.remove(0);
                self.received
                    .send(Incoming::Event(Event { name, args, ack_id }))
                    .await
                    .ok();
                Ok(())
            }
            Packet {
                kind: PacketType::Ack,
                ack_id: Some(id),
                data: Some(args),
                ..
            } => {
                // Each call gets one ack: a second one, or one that nobody asked for, is a defect.
                self.acks
                    .resolve(id, args)
                    .then_some(())
                    .ok_or(format!("ack {id} was not due"))
            }
            Packet {
                kind: PacketType::Disconnect,
                ..
            } => Err("io server disconnect".to_owned()),
            other => Err(format!("unexpected packet {other:?}")),
        }
    }
}
