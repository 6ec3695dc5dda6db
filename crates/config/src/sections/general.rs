//! The keys above all tables.

use std::time::Duration;

use super::section;
use crate::key::{unset, value};
use crate::values::{NodeId, choice};

choice! {
    /// What the node is for.
    pub enum Environment {
        /// Convenient: a generated signing key, any origin.
        Development = "development",
        /// Strict: what is convenient but unsafe is refused at start.
        Production = "production",
    }
}

choice! {
    /// A set of defaults; keys that are set win.
    pub enum Profile {
        /// The defaults as documented.
        Standard = "standard",
        /// Lower rate limits, and few attempts to connect.
        Strict = "strict",
        /// As marketplaces expect it: few messages an hour.
        Marketplace = "marketplace",
    }
}

section! {
    /// Keys at the top of the file, above every `[section]`.
    pub struct General at "", "" {
        /// `production` refuses development keys and `*` origins.
        environment: Environment = value("development");
        /// The set of defaults to begin with: `strict` and `marketplace` lower the rate limits
        /// (`rate_limits.preset`), `strict` also `limits.connects`. Keys that are set win.
        profile: Profile = value("standard");
        /// What this node calls itself; unique in the cluster. Without it the node makes one of its
        /// host name and a random part.
        node_id: Option<NodeId> = unset();
        /// How long to try to reach the database and Redis at start before giving up with exit
        /// code 69.
        startup_timeout: Duration = value("30s").within("1s", "1h");
    }
}
