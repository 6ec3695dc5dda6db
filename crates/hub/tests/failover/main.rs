//! A primary is lost in every way there is, while nodes publish and listen: nobody waits for it, and
//! all is well again within a bounded time.

#![expect(clippy::unwrap_used, reason = "what a test builds on may fail it")]

mod cluster;
mod node;
mod sentinel;
mod tls;
