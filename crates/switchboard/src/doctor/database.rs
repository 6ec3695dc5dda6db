//! Whichever database is configured.

use switchboard_config::DatabaseBackend;

use super::finding::Finding;
use super::patient::Patient;
use super::{postgres, sqlite};

#[derive(Default)]
pub(super) struct Database {
    pub(super) findings: Vec<Finding>,
    /// How many connections there can be for nodes.
    pub(super) connections: Option<i64>,
    /// How far its clock is ahead, in ms.
    pub(super) ahead: Option<i64>,
}

pub(super) async fn look(patient: &Patient<'_>) -> Database {
    match patient.settings().database.url.backend() {
        DatabaseBackend::Postgres => postgres::look(patient).await,
        DatabaseBackend::Sqlite => Database {
            findings: sqlite::look(patient).await,
            ..Database::default()
        },
    }
}
