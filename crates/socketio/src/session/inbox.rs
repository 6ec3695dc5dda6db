//! What a polling client posts, on its way to the connection's task.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use crate::{Transport, lock};

use super::Session;

/// One packet of a POST body that the driver has to see, in order.
#[derive(Debug)]
pub(crate) enum Inbound {
    Text(String),
    Binary(Bytes),
    Close,
}

/// One POST at a time: its packets, and who waits until they are taken.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    polling: bool,
    posting: bool,
    packets: VecDeque<Inbound>,
    pub(super) waker: Option<Waker>,
}

/// How a POST went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The driver has taken every packet.
    Taken,
    /// The session ended first.
    Ended,
}

impl Session {
    /// `false` when another poll waits, which ends the session (engine.io
    /// `lib/transports/polling.ts`, `onPollRequest`).
    pub(crate) fn begin_poll(&self) -> bool {
        match &mut lock(&self.state).inbox {
            Some(inbox) => !std::mem::replace(&mut inbox.polling, true),
            // It was upgraded meanwhile.
            None => true,
        }
    }

    pub(crate) fn finish_poll(&self) {
        if let Some(inbox) = &mut lock(&self.state).inbox {
            inbox.polling = false;
        }
    }

    /// `false` when another POST is under way, which ends the session (engine.io
    /// `lib/transports/polling.ts`, `onDataRequest`).
    pub(crate) fn begin_post(&self) -> bool {
        match &mut lock(&self.state).inbox {
            Some(inbox) => !std::mem::replace(&mut inbox.posting, true),
            None => true,
        }
    }

    pub(crate) fn finish_post(&self) {
        if let Some(inbox) = &mut lock(&self.state).inbox {
            inbox.posting = false;
            inbox.waker = None;
        }
    }

    /// Ready when nothing can be posted any more. Only one POST may wait for that.
    pub(crate) fn poll_unpostable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.ended.is_some() || state.transport != Transport::Polling {
            return Poll::Ready(());
        }
        if let Some(inbox) = &mut state.inbox {
            inbox.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Hands packets to the driver.
    pub(crate) fn deliver(self: &Arc<Self>, packets: VecDeque<Inbound>) {
        if let Some(inbox) = &mut lock(&self.state).inbox {
            inbox.packets = packets;
        }
        self.wake_driver();
    }

    /// Ready when the driver has taken what was delivered: a mailbox that is full holds up the
    /// POST, and so the client.
    pub(crate) fn poll_delivered(&self, cx: &mut Context<'_>) -> Poll<Delivery> {
        let mut state = lock(&self.state);
        let ended = state.ended.is_some();
        match &mut state.inbox {
            Some(inbox) if !inbox.packets.is_empty() && !ended => {
                inbox.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ if ended => Poll::Ready(Delivery::Ended),
            _ => Poll::Ready(Delivery::Taken),
        }
    }

    /// The next packet, for the driver.
    pub(crate) fn next_posted(&self) -> Option<Inbound> {
        let (packet, waker) = {
            let mut state = lock(&self.state);
            let inbox = state.inbox.as_mut()?;
            let packet = inbox.packets.pop_front();
            let waker = inbox
                .packets
                .is_empty()
                .then(|| inbox.waker.take())
                .flatten();
            (packet, waker)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        packet
    }
}
