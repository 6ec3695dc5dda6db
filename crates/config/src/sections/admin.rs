//! The listener for operators.

use std::net::SocketAddr;

use super::section;
use crate::key::value;

section! {
    /// The listener for metrics and probes. Never public: it asks for no credentials.
    pub struct Admin at "admin", "admin." {
        /// Address and port to listen on; with port 0 the system chooses one.
        listen: SocketAddr = value("127.0.0.1:9090");
    }
}
