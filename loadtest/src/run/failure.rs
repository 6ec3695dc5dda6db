//! Why a run was none.

use std::time::Duration;

/// A run that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A process that cannot be looked at.
    #[error("process {pid}: {error}")]
    Process {
        /// The process.
        pid: u32,
        /// Why not.
        error: std::io::Error,
    },
    /// Rooms need all of their members.
    #[error("{failed} of {asked} connections failed: {reasons}")]
    Connects {
        /// How many failed.
        failed: u64,
        /// How many there should be.
        asked: u32,
        /// With how often each came.
        reasons: String,
    },
    /// The rooms were not there in time, or the server would not have them: it may limit how many members
    /// a conversation has.
    #[error(
        "{seated} of {asked} members are in their room, or subscribed, within {patience:?}: {reasons}"
    )]
    Rooms {
        /// Members who heard of their room.
        seated: u64,
        /// How many there should be.
        asked: u32,
        /// What was waited for.
        patience: Duration,
        /// Refused calls and lost connections, with how often each came.
        reasons: String,
    },
    /// The rooms could not be filled.
    #[error(
        "{acked} of {asked} messages are in their room, and no more for {patience:?}: {reasons}"
    )]
    Filling {
        /// Messages that were acked.
        acked: u64,
        /// How many there should be.
        asked: u64,
        /// What was waited for.
        patience: Duration,
        /// Refused calls and lost connections, with how often each came.
        reasons: String,
    },
    /// A defect of this program.
    #[error("{0}")]
    Internal(String),
}
