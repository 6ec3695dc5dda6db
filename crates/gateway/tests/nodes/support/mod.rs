//! Nodes in one process: real sockets, a real store, and hubs that do wrong when told to.

mod client;
mod cluster;
mod counters;
mod faulty_hub;
mod faulty_store;

pub(crate) use client::{Client, is_sequenced, rev_of};
pub(crate) use cluster::{Cluster, Node, ORGANIZATION, Setup, rates};
pub(crate) use counters::Counters;
pub(crate) use faulty_hub::{Fate, Op};
pub(crate) use faulty_store::{Failure, Gate, SECRETS};
