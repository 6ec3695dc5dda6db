//! Nodes in one process, with real sockets on a real store: what clients see of them.

mod ordering;
mod storm;
mod support;
