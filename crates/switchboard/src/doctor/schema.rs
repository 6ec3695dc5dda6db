//! Whether the database has the schema that this binary needs.

use switchboard_store::{SchemaState, known_migrations, schema_state};

use super::finding::Finding;
use super::patient::Patient;

pub(super) async fn look(patient: &Patient<'_>, check: &str) -> Finding {
    let database = &patient.settings().database;
    let url = database.url.expose();
    let state = match patient.bounded(schema_state(url)).await {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => return unknown(check, &error.to_string()),
        Err(late) => return unknown(check, &late),
    };
    let known = known_migrations(url).unwrap_or(0);
    match state {
        SchemaState::Fits => Finding::ok(check, format!("all {known} migrations are applied")),
        SchemaState::Pending(missing) => old(check, &missing, known, database.migrate_on_start),
        SchemaState::Newer(unknown) => Finding::warn(
            check,
            format!(
                "newer than this binary, which can use it: {}",
                unknown.join(", ")
            ),
            "upgrade the binary on this host to the version that the others have",
        ),
        SchemaState::TooNew(contracts) => Finding::fail(
            check,
            format!(
                "too new for this binary, which does not start on it: {} took away what it needs",
                contracts.join(", ")
            ),
            "upgrade the binary on this host to the version that the others have",
        ),
    }
}

fn old(check: &str, missing: &[String], known: usize, migrates: bool) -> Finding {
    let first = missing.first().map_or("", String::as_str);
    let found = format!(
        "{} of {known} migrations are not applied, from {first}",
        missing.len()
    );
    if migrates {
        let mend = "nothing, if a node is to start now: it applies them (database.migrate_on_start); \
                    else `switchboard migrate`";
        Finding::warn(check, found, mend)
    } else {
        let found = format!("{found}: a node does not start on it");
        Finding::fail(
            check,
            found,
            "run `switchboard migrate` with this configuration, once",
        )
    }
}

fn unknown(check: &str, why: &str) -> Finding {
    let mend =
        "let the user of database.url read and write the tables of its schema: it should own them";
    Finding::fail(check, format!("cannot be looked at: {why}"), mend)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn an_old_schema_is_a_failure_unless_the_node_mends_it() {
        let missing = ["0002_makers".to_owned()];
        let old = |migrates| old("postgres.schema", &missing, 9, migrates);
        assert_eq!(old(false).status, Status::Fail);
        assert!(old(false).found.contains("1 of 9"));
        assert!(old(false).mend.unwrap().contains("switchboard migrate"));
        assert_eq!(old(true).status, Status::Warn);
    }
}
