//! Every way in which a socket ends, with its reason: told to the application once.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use switchboard_socketio::{DisconnectReason as Reason, Options, Pace};

use crate::support::{Lab, Raw, Seen, options, raw_frame, soon};

/// A raw client in `/` and its id.
async fn joined(lab: &Lab) -> (Raw, String) {
    let mut raw = lab.raw("EIO=4", &[]).await;
    let answer = raw.join().await;
    let answer: Value = serde_json::from_str(&answer[2..]).unwrap();
    (raw, answer["sid"].as_str().unwrap().to_owned())
}

/// Ends of sockets as they are expected and as they come.
struct Ends<'a> {
    lab: &'a Lab,
    expected: HashMap<String, Reason>,
}

impl<'a> Ends<'a> {
    fn of(lab: &'a Lab) -> Self {
        Self {
            lab,
            expected: HashMap::new(),
        }
    }

    /// A client that sends `bytes`; gives the code with which the server closes.
    async fn after(&mut self, bytes: &[u8], reason: Reason) -> Option<u16> {
        let (mut raw, id) = joined(self.lab).await;
        raw.send(bytes).await;
        self.expected.insert(id, reason);
        raw.close_code().await
    }

    async fn after_text(&mut self, text: &str, reason: Reason) -> Option<u16> {
        self.after(&raw_frame(0x81, text.as_bytes()), reason).await
    }

    /// The socket of a polling session.
    fn expect_polling(&mut self, reason: Reason) {
        let known = |id: &str| self.expected.contains_key(id);
        let sockets = self.lab.io.sockets();
        let mut ids = sockets.iter().map(|socket| socket.id().to_string());
        let id = ids.find(|id| !known(id)).unwrap();
        self.expected.insert(id, reason);
    }

    /// All have come, once each, and nothing is left of them.
    async fn came(self) {
        let mut left = self.expected.clone();
        while !left.is_empty() {
            let (id, reason) = self.lab.next_end().await;
            assert_eq!(left.remove(id.as_str()), Some(reason), "{id}");
        }
        soon(async {
            while self.lab.io.tasks() + self.lab.io.sessions() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let rest = self.lab.rest().await;
        let more = rest
            .iter()
            .any(|seen| matches!(seen, Seen::Disconnected(..)));
        assert!(!more, "{rest:?}");
        assert_eq!(self.lab.io.rooms("/"), 0);
    }
}

#[tokio::test]
async fn ends_by_the_transport() {
    let lab = Lab::start().await;
    let mut ends = Ends::of(&lab);
    let reason = Reason::TransportClose;
    assert_eq!(ends.after_text("1", reason).await, Some(1005));
    assert_eq!(ends.after(&raw_frame(0x88, b""), reason).await, Some(1005));
    let going_away = raw_frame(0x88, &1001u16.to_be_bytes());
    assert_eq!(ends.after(&going_away, reason).await, Some(1005));
    let (raw, id) = joined(&lab).await;
    drop(raw);
    ends.expected.insert(id, reason);
    let (raw, id) = joined(&lab).await;
    raw.reset();
    ends.expected.insert(id, reason);
    ends.came().await;
}

#[tokio::test]
async fn ends_by_bad_frames_with_the_close_code_that_says_why() {
    let lab = Lab::with(Options {
        max_packet: 1_000,
        ..options()
    })
    .await;
    let mut ends = Ends::of(&lab);
    let reason = Reason::TransportError;
    let unmasked = [0x81, 1, b'2'];
    let huge = [0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    let frames: [(&[u8], u16); 8] = [
        (&unmasked, 1002),
        (&raw_frame(0x83, b"2"), 1002),
        (&raw_frame(0xc1, b"2"), 1002),
        (&raw_frame(0x80, b"2"), 1002),
        (&raw_frame(0x88, b"x"), 1002),
        (&raw_frame(0x81, b"4\xff"), 1007),
        (&raw_frame(0x81, &[b'4'; 1_001]), 1009),
        (&huge, 1009),
    ];
    for (bytes, code) in frames {
        assert_eq!(ends.after(bytes, reason).await, Some(code), "{bytes:?}");
    }
    ends.came().await;
}

#[tokio::test]
async fn ends_by_bad_packets() {
    let lab = Lab::start().await;
    let mut ends = Ends::of(&lab);
    for text in ["", "x", "0{}", "7", "b!", "\u{fc}"] {
        ends.after_text(text, Reason::ParseError).await;
    }
    for text in ["4", "4x", "42", "42[]", "42{}", "421", "451-x", "49"] {
        ends.after_text(text, Reason::ForcedClose).await;
    }
    for text in ["40", "42/chat,[\"a\"]", "44{}"] {
        ends.after_text(text, Reason::ForcedServerClose).await;
    }
    ends.came().await;
}

#[tokio::test]
async fn ends_by_either_side() {
    let lab = Lab::start().await;
    let mut ends = Ends::of(&lab);
    let (mut left, id) = joined(&lab).await;
    left.send_text("41").await;
    left.send_frame(0x88, b"").await;
    ends.expected.insert(id, Reason::ClientNamespaceDisconnect);
    let (mut kicked, id) = joined(&lab).await;
    kicked.send_text("42[\"kick\"]").await;
    assert_eq!(kicked.text().await, "41");
    ends.expected.insert(id, Reason::ServerNamespaceDisconnect);
    let code = ends.after_text("42[\"close\"]", Reason::ForcedClose).await;
    assert_eq!(code, Some(1005));
    drop((left, kicked));
    ends.came().await;
}

#[tokio::test]
async fn ends_by_polls_and_posts() {
    let lab = Lab::start().await;
    let mut ends = Ends::of(&lab);
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::TransportClose);
    lab.leave(&session).await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::TransportError);
    lab.abort("GET", &session, "0").await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::TransportError);
    lab.abort("POST", &session, "9").await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::ParseError);
    lab.http("POST", &session, "x").await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::ForcedClose);
    lab.http("POST", &session, "4x").await;
    lab.get(&session).await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::ForcedServerClose);
    lab.http("POST", &session, "40").await;
    lab.get(&session).await;
    let session = lab.polling_session().await;
    ends.expect_polling(Reason::ClientNamespaceDisconnect);
    lab.http("POST", &session, "41\u{1e}1").await;
    lab.get(&session).await;
    ends.came().await;
}

#[tokio::test]
async fn ends_by_silence() {
    let lab = Lab::with(Options {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(50),
        ..options()
    })
    .await;
    let mut ends = Ends::of(&lab);
    let (_raw, id) = joined(&lab).await;
    ends.expected.insert(id, Reason::PingTimeout);
    ends.came().await;
}

#[tokio::test]
async fn ends_with_the_server() {
    for drains in [false, true] {
        let lab = Lab::start().await;
        let mut ends = Ends::of(&lab);
        let (mut raw, id) = joined(&lab).await;
        ends.expected.insert(id, Reason::ServerShuttingDown);
        let session = lab.polling_session().await;
        ends.expect_polling(Reason::ServerShuttingDown);
        let poll = lab.begin("GET", &session, &[], b"").await;
        let ending = async {
            if drains {
                let pace = Pace::Over(Duration::ZERO);
                lab.io.drain(pace, Duration::from_secs(1), |_, _| ()).await;
            } else {
                lab.io.close(Duration::from_secs(5)).await;
            }
        };
        let ((), code) = tokio::join!(ending, raw.close_code());
        assert_eq!(code, Some(1005));
        assert_eq!(poll.answer().await.text(), "1");
        ends.came().await;
    }
}
