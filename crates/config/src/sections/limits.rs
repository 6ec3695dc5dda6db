//! How much of a node one user, organization or address may take.

use super::section;
use crate::key::value;

section! {
    /// How much one user, organization or address may take. `0` is no limit.
    pub struct Limits at "limits", "limits." {
        /// Most sockets of one user at a time.
        connections_per_user: u32 = value("50").reloadable();
        /// Most sockets from one address at a time; addresses may be shared by many users.
        connections_per_address: u32 = value("0").reloadable();
        /// Most sockets of one organization at a time.
        connections_per_org: u32 = value("0").reloadable();
        /// Most rooms that one socket may be in.
        rooms_per_socket: u32 = value("1000").reloadable();
    }
}
