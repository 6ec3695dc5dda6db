//! How much of a node one user or one socket may take.

use super::section;
use crate::key::value;

section! {
    /// How much one user or one socket may take. `0` is no limit.
    pub struct Limits at "limits", "limits." {
        /// Most sockets of one user at a time on this node.
        connections_per_user: u32 = value("50");
        /// Most conversations that one socket may follow.
        rooms_per_socket: u32 = value("1000");
    }
}
