//! The use cases: what may be asked, by whom, and what then happens. Doors (sockets, HTTP) are
//! above; what the use cases need of the outside ([`Store`], [`Hub`], [`Clock`], [`Ids`]) is
//! declared here and implemented elsewhere.

mod access;
pub mod actor;
pub mod auth;
pub mod bridges;
pub mod circuit;
pub mod clock;
mod commands;
mod connecting;
mod cursor;
pub mod draining;
pub mod fair_queue;
pub mod gathering;
pub mod hub;
pub mod limits;
pub mod live;
pub mod pipeline;
pub mod presence;
pub mod publish;
mod queries;
pub mod queue;
pub mod rate;
pub mod receipts;
mod refusals;
pub mod requests;
pub mod revocations;
pub mod searchable;
pub mod service;
pub mod session;
pub mod store;
pub mod turns;
pub mod typing;

pub use actor::{Actor, Caller, Following};
pub use circuit::Circuit;
pub use clock::{Clock, Ids, SystemClock, SystemIds};
pub use commands::SystemMessage;
pub use hub::Hub;
pub use live::Live;
pub use pipeline::{Messaging, Outcome, RoomEffect, Rules};
pub use rate::Rate;
pub use revocations::Revocations;
pub use store::Store;
