//! How a run stands, for whoever watches it.

use std::fmt;

use crate::board::State;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients connect and make their conversations.
    SetUp,
    /// Messages are sent.
    Sending,
    /// What is under way is waited for.
    Settling,
    /// Histories are read.
    Reading,
}

/// A look at a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    phase: Phase,
    sent: u64,
    acked: u64,
    delivered: u64,
    connected: usize,
    clients: usize,
    gaps: u64,
    defects: u64,
}

impl Progress {
    pub(crate) fn of(state: &State, phase: Phase) -> Self {
        let tally = &state.tally;
        Self {
            phase,
            sent: tally.sent,
            acked: tally.acked,
            delivered: tally.delivered,
            connected: state.connected(),
            clients: state.standings.len(),
            gaps: tally.skipped_by_events,
            defects: tally.defects.values().sum(),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::SetUp => "setting up",
            Phase::Sending => "sending",
            Phase::Settling => "settling",
            Phase::Reading => "reading back",
        };
        write!(
            f,
            "{phase}: sent {}, acked {}, delivered {}, connected {}/{}, gaps {}, doubles and disorder {}",
            self.sent,
            self.acked,
            self.delivered,
            self.connected,
            self.clients,
            self.gaps,
            self.defects,
        )
    }
}
