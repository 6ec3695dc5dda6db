//! Whose a socket is: somebody's from the start, or nobody's until it has sent a token.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use switchboard_protocol::OrganizationId;
use switchboard_trace::TraceContext;

use crate::door::Opened;
use crate::session::Refusals;

/// One socket, from its CONNECT on.
#[derive(Debug)]
pub(crate) struct Seat {
    opened: OnceLock<Arc<Opened>>,
    /// The organization of whoever is taking it just now.
    taker: Mutex<Option<OrganizationId>>,
    /// Where it comes from, for counting tokens that are not good.
    address: Option<IpAddr>,
    trace: Option<TraceContext>,
    /// What it was refused while it was nobody's.
    pub(crate) refusals: Refusals,
}

impl Seat {
    /// A socket that brought its token.
    pub(crate) fn taken(opened: Opened) -> Self {
        Self {
            opened: OnceLock::from(Arc::new(opened)),
            taker: Mutex::default(),
            address: None,
            trace: None,
            refusals: Refusals::default(),
        }
    }

    /// A socket from an address that may send one.
    pub(crate) fn free(address: Option<IpAddr>) -> Self {
        Self {
            opened: OnceLock::new(),
            taker: Mutex::default(),
            address,
            trace: None,
            refusals: Refusals::default(),
        }
    }

    /// Its events belong to this trace, unless they say otherwise.
    #[must_use]
    pub(crate) fn in_trace(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// The trace that its events belong to, unless they say otherwise.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Its session; `None` while it is nobody's.
    pub(crate) fn opened(&self) -> Option<&Arc<Opened>> {
        self.opened.get()
    }

    /// Somebody's session is being opened: its socket may be in rooms already.
    pub(crate) fn is_being_taken(&self, organization: &OrganizationId) {
        *self.taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(organization.clone());
    }

    /// It is somebody's from here on.
    pub(crate) fn take(&self, opened: Opened) -> &Arc<Opened> {
        self.opened.get_or_init(|| Arc::new(opened))
    }

    /// The organization in whose rooms its socket may be although it is nobody's.
    pub(crate) fn taker(&self) -> Option<OrganizationId> {
        let taker = self.taker.lock();
        taker.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }
}
