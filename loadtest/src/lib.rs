//! Puts a measured load on a Socket.IO messaging server, and counts what it loses, doubles or
//! reorders. It shares no code with the server, and drives any that has the same events.
//!
//! `docs/loadtest.md` says what each figure is.

mod company;
mod connection;
mod figures;
mod live;
mod member;
mod packet;
mod plan;
mod presence;
mod process;
pub mod report;
mod run;
pub mod scenario;
mod stream;
mod tokens;

pub use process::Usage;
pub use run::{Failure, Options, run};
pub use tokens::Signer;
