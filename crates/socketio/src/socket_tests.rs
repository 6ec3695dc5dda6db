use futures_util::FutureExt;

use super::*;
use crate::{Options, registry::Registry, session::Opening};

/// A socket that its session does not know of, so that the session can end without it.
fn socket() -> Socket {
    let registry = Arc::new(Registry::new(Options::default()));
    let (polling, opening) = (Transport::Polling, Opening::default());
    let session = Session::new(registry.clone(), Protocol::V5, polling, opening);
    Socket::new(registry.namespaces["/"].clone(), session)
}

#[test]
fn ends_with_a_session_that_ends_while_it_is_accepted() {
    let socket = socket();
    assert!(socket.join("room"));
    let reason = DisconnectReason::ServerShuttingDown;
    socket.session().end(reason, Farewell::Drop);
    assert!(!socket.accept());
    // What comes next is the disconnect handler, after all rooms are left.
    assert_eq!(socket.gone(), Some(reason));
    assert!(socket.rooms().is_empty());
}

#[tokio::test]
async fn forgets_an_answer_that_nobody_waits_for_any_more() {
    let socket = socket();
    assert!(socket.accept());
    let packet = Packet::event("/", "ask", &1).unwrap();
    let mut asking = Box::pin(socket.emit_with_ack(&packet, Duration::MAX));
    assert!(asking.as_mut().now_or_never().is_none());
    assert_eq!(socket.owed(), 1);
    drop(asking);
    assert_eq!(socket.owed(), 0);
    let timed_out = socket.emit_with_ack(&packet, Duration::ZERO).await;
    assert!(matches!(timed_out, Err(AckError::Timeout(_))));
    assert_eq!(socket.owed(), 0);
}
