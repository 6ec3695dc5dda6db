//! The use cases: what may be asked, by whom, and what then happens. Doors (sockets, HTTP) are
//! above; what the use cases need of the outside ([`Store`], [`Hub`], [`Clock`], [`Ids`]) is
//! declared here and implemented elsewhere.

pub mod clock;
pub mod hub;
pub mod rate;
pub mod store;

pub use clock::{Clock, Ids, SystemClock, SystemIds};
pub use hub::Hub;
pub use rate::Rate;
pub use store::Store;
