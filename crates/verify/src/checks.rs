//! The promises, as code that judges. No clock, no I/O.

pub(crate) mod defect;
pub(crate) mod history;
pub(crate) mod revs;
pub(crate) mod stream;
